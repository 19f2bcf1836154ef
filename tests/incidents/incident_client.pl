# SPDX-License-Identifier: Apache-2.0
#
# incident_client.pl
#	  Incidents of what the client does: too many statements, pauses, connections.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use IO::Select;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(usleep);

my $node = start_server('client', "jit = off\n");

$node->safe_psql('postgres', q{
CREATE TABLE customer (id int PRIMARY KEY, name text);
INSERT INTO customer SELECT g, 'customer ' || g FROM generate_series(1, 10000) g;
VACUUM ANALYZE customer;
});

# A statement for each row of another.
my $n_plus_1 = join "\n", 'SELECT id FROM customer WHERE id <= 500;',
  map { "SELECT name FROM customer WHERE id = $_;" } 1 .. 500;
my $found = found($node, psql_traced($node, $n_plus_1), 'N+1', 'repeat', 0.6);
is($found->{figures}{executions}, 500, 'N+1: how often');
like($found->{next_step}, qr/with one statement/, 'N+1: the step');

# The same, seen by the client, too.
my $script = $node->basedir . '/n_plus_1.sql';
OspTest::write_file($script, $n_plus_1, 0644);
$found = found($node, client_traced($node, 'psql', '-Xq', '-o', '/dev/null', '-f', $script),
	'N+1 of a client', 'repeat', 0.5);
is($found->{figures}{executions}, 500, 'N+1 of a client: each is counted once');

# In a function.
$node->safe_psql('postgres', q{
CREATE FUNCTION total() RETURNS int LANGUAGE plpgsql AS $$
DECLARE i int; sum int := 0; l int;
BEGIN
	FOR i IN 1 .. 9000 LOOP
		SELECT length(name) INTO l FROM customer WHERE id = i;
		sum := sum + l;
	END LOOP;
	RETURN sum;
END $$;
});
$found = found($node, psql_traced($node, 'SELECT total();'), 'N+1 in a function', 'repeat', 0.3);
like($found->{cause}, qr/ran 9,000 times within SELECT total\(\)/, 'N+1 in a function: where');

# A pause in a transaction.
$found = found($node,
	psql_traced($node, "BEGIN;\nUPDATE customer SET name = 'x' WHERE id = 1;\n\\! sleep 0.7\n"
		  . "UPDATE customer SET name = 'y' WHERE id = 2;\nCOMMIT;"),
	'pause', 'client_pause', 0.7);
like($found->{evidence}, qr/between UPDATE customer .* and UPDATE customer/, 'pause: where');

# A pause in none: the program did something else.
found($node,
	psql_traced($node, "SELECT 1;\n\\! sleep 0.5\nSELECT 2;"),
	'application', 'application', 0.8);

# A connection for each statement.
OspTest::write_file($script, "\\c\nSELECT 1;\n" x 60, 0644);
$found = found($node, client_traced($node, 'psql', '-Xq', '-o', '/dev/null', '-f', $script),
	'connections', 'connect', 0.5);
is($found->{count}, 61, 'connections: how many');

# Rows one by one from a cursor.
found($node,
	psql_traced($node, join "\n", 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM customer;',
		('FETCH 1 FROM c;') x 2000, 'COMMIT;'),
	'small fetches', 'repeat', 0.6);

# A client that takes the rows slowly.
found($node,
	client_traced_copy(), 'slow client', 'client_wait', 0.5);

# Forwards what comes to a socket of its own to the server, and back, each piece
# some ms later: a network far away. Returns its directory and its process.
sub long_way
{
	my ($delay_ms) = @_;
	my $dir = $node->basedir . '/far';
	my $port = $node->port;

	mkdir $dir if !-d $dir;
	my $listener = IO::Socket::UNIX->new(Local => "$dir/.s.PGSQL.$port", Listen => 1) or die $!;
	my $pid = fork // die $!;
	return ($dir, $pid) if $pid;
	while (my $client = $listener->accept)
	{
		my $server = IO::Socket::UNIX->new(Peer => $node->host . "/.s.PGSQL.$port") or die $!;
		my $select = IO::Select->new($client, $server);

	  FORWARD: while (1)
		{
			foreach my $from ($select->can_read)
			{
				sysread $from, my $piece, 65536 or last FORWARD;
				usleep($delay_ms * 1000);
				syswrite $from == $client ? $server : $client, $piece;
			}
		}
		close $_ for $client, $server;
	}
	exit 0;
}
my ($far, $way) = long_way(3);
found($node,
	client_traced($node, 'psql', '-Xq', '-h', $far, '-o', '/dev/null',
		map { ('-c', "SELECT name FROM customer WHERE id = $_") } 1 .. 20),
	'N+1 over a network', 'repeat', 0.7);
kill 'TERM', $way;
waitpid $way, 0;
unlink glob "$far/.s.*";
($far, $way) = long_way(30);
$found = found($node,
	client_traced($node, 'psql', '-Xq', '-h', $far, '-o', '/dev/null', '-c', 'SELECT 1', '-c', 'SELECT 2 + 2',
		'-c', "SELECT 'x' || 'y'", '-c', 'SELECT now()', '-c', 'SELECT 1, 2'),
	'network', 'network', 0.5);
kill 'TERM', $way;
waitpid $way, 0;
ok($found->{figures}{before_ms} > 100 && $found->{figures}{after_ms} > 100,
	'network: before and after');

# A pooler with one connection to the server, which another client's transaction has.
my $pool = $node->basedir . '/pool';
mkdir $pool or die $!;
OspTest::write_file("$pool/users", qq{"postgres" ""\n}, 0644);
OspTest::write_file("$pool/bouncer.ini", <<"END", 0644);
[databases]
postgres = host=${\$node->host} port=${\$node->port}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = $pool
auth_type = trust
auth_file = $pool/users
pool_mode = transaction
default_pool_size = 1
logfile = $pool/log
pidfile = $pool/pid
END
my $pooler = fork // die $!;
if ($pooler == 0)
{
	open STDERR, '>', '/dev/null';
	exec '/usr/sbin/pgbouncer', '-q', "$pool/bouncer.ini";
}
for (1 .. 200)
{
	last if -e "$pool/.s.PGSQL.6432";
	usleep(20_000);
}
my @through = ('psql', '-Xq', '-h', $pool, '-p', 6432, '-U', 'postgres');
my $other = IPC::Run::start([ @through, '-d', 'postgres', '-c', 'SELECT 1', '-c', 'SELECT pg_sleep(3)' ],
	'>', '/dev/null');
wait_until($node, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$found = found($node, client_traced($node, @through, '-c', 'SELECT 1 + 1', '-c', 'SELECT 2 + 2, 3'),
	'pooler', 'pooler', 0.6);
# On a busy machine the second one, too, may have to wait a little for a processor.
like($found->{figures}{statements}, qr/\A[12]\z/, 'pooler: one statement waited');
like($found->{evidence}, qr/^SELECT 1 \+ 1: .* before process \d+ of the server began/, 'pooler: the evidence');
IPC::Run::finish($other);

# The same way when the connection is free: nothing is to be said of it.
my $free = why($node, client_traced($node, @through, '-c', 'SELECT pg_sleep(0.1)'));
is(scalar(grep { $_->{rule} eq 'pooler' } @{ $free->{findings} }), 0, 'pooler that has a connection: no finding');
kill 'TERM', $pooler;
waitpid $pooler, 0;

sub client_traced_copy
{
	return psql_traced($node,
		"\\copy (SELECT g, repeat('x', 500) FROM generate_series(1, 60000) g) TO PROGRAM 'sleep 1; cat >/dev/null'");
}

$node->stop;
done_testing();
