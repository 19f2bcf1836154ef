#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# 090_meeting.t
#	  A server and a client with no settings but a key: one tree, and what `osprofiler
#	  run` says that it has seen. Nobody reads the traces of others.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use ClientTest;
use Test::More;

need_extension();
write_file("$dir/keys", "$key\n");
chmod 0600, "$dir/keys";
start_server(<<"END");
session_preload_libraries = 'osprofiler'
osprofiler.hmac_keys_file = '$dir/keys'
osprofiler.run_directory = '$dir/server-run'
osprofiler.agent = '$osprofiler'
END

# Where users of a machine have their stores.
delete $ENV{OSPROFILER_CONNECTION_STRING};
$ENV{XDG_STATE_HOME} = "$dir/state";
$ENV{OSPROFILER_HMAC_KEYS} = $key;

# Runs a program traced: exit status, output, the summary, the other lines, the id.
sub seen
{
	my @command = @_;
	my ($status, $out, $err) = run($osprofiler, 'run', @command);
	my ($id) = $err =~ /^Trace ID: (\S+)$/m;
	my ($words) = $err =~ /^osprofiler: run: (\d+ statement.*)$/m;

	return ($status, $out, $words // '', $err, $id // 'none');
}

sub psql
{
	my ($sql, @options) = @_;
	my ($status, $out, $err) = run('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @options, '-c', $sql);
	return $out . $err;
}

# --- before the extension is there --------------------------------------------

my ($status, $out, $words, $err, $id) = seen('psql', '-XAtc', 'select 1');
is("$status|$out", "0|1\n", 'no extension: the program does not notice');
like($words, qr{^1 statement of PostgreSQL; the server could not be asked for its operations \(.*CREATE EXTENSION osprofiler\)\), try: osprofiler doctor 'host=\Q$dir\E/server port=5432 dbname=postgres user=demo'$},
	'no extension: it is said, and what to try');
{
	my ($control) = split /\n/, (run('find', "$dir/root", '-name', 'osprofiler.control'))[1];
	rename $control, "$control.away" or die "$control: $!";
	($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
	like($words, qr{^1 statement of PostgreSQL; the server could not be asked for its operations \(the extension osprofiler is not installed on the server's machine\), try: osprofiler doctor '},
		'an extension that is not installed: it is said, and nobody is told to create it');
	rename "$control.away", $control or die "$control: $!";
}
psql('create extension osprofiler');
psql('create role anna login; create role ben login; grant all on schema public to public');

# --- one tree -----------------------------------------------------------------

# Also if the server is told at the start of the connection only.
{
	local $ENV{OSPROFILER_PROPAGATE} = 'startup';

	(undef, undef, $words, undef, $id) = seen('psql', '-XAtc', 'select 1');
	is($words, '1 statement of PostgreSQL, 1 also in the server', 'startup: the server\'s half is copied');
	like((run($osprofiler, 'trace', 'show', $id))[1], qr/ pg .*select 1/, 'startup: ... and shown');
}

for my $user ('demo', 'anna')
{
	local $ENV{PGUSER} = $user;
	($status, $out, $words, $err, $id) =
	  seen('psql', '-XAt', map { ('-c', "select $_") } 1 .. 12);
	is($words, '12 statements of PostgreSQL, 12 also in the server', "$user: all are in the server, too");
	($status, $out) = run($osprofiler, 'trace', 'show', '--all', $id);
	is(scalar(() = $out =~ / pg  .*select \d+/g), 12, "$user: and in the tree");
	unlike($out, qr/missing/, "$user: nothing is missing");
	check_trace("$user: it", $id);
}
my $of_anna = $id;

# While the program runs the collector has no more than its own half.
{
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDERR, '>', "$dir/going_on";
		exec($osprofiler, 'run', 'sh', '-c', "psql -XAtqc \"select 'early'\" >/dev/null; exec sleep 60") or POSIX::_exit(127);
	}
	wait_for('a program that goes on: its own half is there', sub { (run($osprofiler, 'trace', 'show', 'newest'))[1] =~ / db  .*early/ });
	($status, $out) = run($osprofiler, 'trace', 'show', 'newest');
	like($out, qr/^The server's operations are missing: an 'osprofiler run' is still going on, and copies those of its trace when its program ends\. To see them now: osprofiler trace show --server CONNINFO [0-9a-f-]{36}$/m,
		'... it is said when the other half comes, and nothing else');
	unlike((run($osprofiler, 'trace', 'show', $of_anna))[1], qr/is still going on/, '... not of a run that ended');
	($status, $out) = run($osprofiler, 'trace', 'show', '--server', '', 'newest');
	like($out, qr/ pg  .*early/, '... and how it is seen before');
	kill 'TERM', $pid;
	waitpid $pid, 0;
	($status, $out) = run($osprofiler, 'trace', 'show', 'newest');
	like($out, qr/ pg  .*early/, '... at the end it is there') or diag(slurp("$dir/going_on"));
}

($status, $out, $words, $err) = seen('sh', '-c', "psql -XAtc 'select 1'; sqlite3 :memory: 'select 2' 'select 3'");
is($words, '1 statement of PostgreSQL, 1 also in the server; 2 statements of SQLite', 'both kinds');
($status, $out, $words, $err) = seen('sqlite3', ':memory:', 'select 2');
is($words, '1 statement of SQLite', 'SQLite alone');
($status, $out, $words, $err) = seen('--quiet', 'psql', '-XAtc', 'select 1');
is("$out$err", "1\n", '--quiet: nothing is said');
($status, $out) = run($osprofiler, 'trace', 'show', 'last');
like($out, qr/ pg  .*select 1/, '--quiet: the server is asked for its half all the same');
($status, $out, $words, $err) = seen('-q', 'true');
like($err, qr/no operation was seen/, '--quiet: but what went wrong');

# A server that leaves quick statements out.
psql('alter role anna set osprofiler.min_duration = 10000');
{
	local $ENV{PGUSER} = 'anna';
	($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
	is($words, '1 statement of PostgreSQL; none of them is known to the server: it records only statements that take 10000 ms, by osprofiler.min_duration',
		'slow statements only: it is said');
}
psql('alter role anna set osprofiler.min_duration = 100');
{
	local $ENV{PGUSER} = 'anna';
	($status, $out, $words) = seen('psql', '-XAtc', 'select pg_sleep(0.2)', '-c', 'select 1');
	is($words, '2 statements of PostgreSQL, 1 also in the server (it records only statements that take 100 ms, by osprofiler.min_duration)',
		'some slow statements: why the others are missing');
	($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
	like((run($osprofiler, 'trace', 'show', 'last'))[1], qr/operations are missing: .* leaves out short statements \(osprofiler\.min_duration\)/,
		'... trace show names that reason, too');
	like((run($osprofiler, 'trace', 'show', '11111111-2222-4333-8444-555555555555'))[2], qr/shorter than osprofiler\.min_duration/,
		'... and so does a trace that is not there');
}
psql('alter role anna reset osprofiler.min_duration');

# A key that the server does not know, and no key at all.
{
	local $ENV{OSPROFILER_HMAC_KEYS} = 'another';
	local $ENV{PGUSER} = 'anna';
	($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
	like($words, qr/none of them is known to the server \(permission denied to read this trace: the signature matches none of the HMAC keys\.\)/,
		'another key: it is said');
	$ENV{OSPROFILER_HMAC_KEYS} = $key;
	chmod 0644, "$dir/keys";
	psql('select pg_reload_conf()', '-U', 'demo');
	wait_for('the server reads its keys again', sub
	{
		($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
		return $words =~ /none of them is known to the server/;
	});
	like($words, qr/none of them is known to the server \(permission denied to read this trace: file "\Q$dir\E\/keys" has mode 0644, but others must neither read nor write it \(chmod o-rw\)\.\)/,
		'a file of keys that the server must not use: it is said');
	chmod 0600, "$dir/keys";
	psql('select pg_reload_conf()', '-U', 'demo');
	delete $ENV{OSPROFILER_HMAC_KEYS};
	($status, $out, $words, $err) = seen('psql', '-XAtc', 'select 1');
	is($words, '1 statement of PostgreSQL', 'no key: nobody asks the server');
	like($err, qr/no HMAC key is configured/, 'no key: that is said');
}

# What the server has recorded and not delivered, or delivered elsewhere, is not denied.
for my $user ('demo', 'anna')
{
	local $ENV{PGUSER} = $user;
	seen('psql', '-XAtc', "select 'the shipper is at work'");
	my $pid = psql('select shipper_pid from osprofiler.stat', '-U', 'demo') =~ s/\n//r;

	like($pid, qr/^\d+$/, "a shipper that is stopped ($user)");
	kill 'STOP', $pid;
	($status, $out, $words) = seen('psql', '-XAtc', "select 'waits'");
	like($words, $user eq 'demo'
		? qr/^1 statement of PostgreSQL; none of them is in the server's collector so far \([1-9]\d* bytes in its rings and 0 points in its spool are not delivered yet[^\n]*\), try: osprofiler doctor '/
		: qr/^1 statement of PostgreSQL; none of them is in the server's collector so far \(only members of pg_read_all_stats see what waits there\), try: osprofiler doctor '/,
		'... what it was not sent is not denied');
	kill 'CONT', $pid;
	wait_for('... and it comes', sub { psql('select waiting_bytes from osprofiler.stat', '-U', 'demo') =~ /^0$/ });
}
psql("alter system set osprofiler.connection_string = 'redis://127.0.0.1:1'");
psql('select pg_reload_conf()');
for my $user ('demo', 'anna')
{
	local $ENV{PGUSER} = $user;
	wait_for('the setting is read', sub { psql('show osprofiler.connection_string', '-U', 'demo') =~ /redis/ });
	($status, $out, $words) = seen('psql', '-XAtc', "select 'waits'");
	like($words, $user eq 'demo'
		? qr/^1 statement of PostgreSQL; the server could not be asked for its operations \(cannot read the trace: [^\n]*refused[^\n]*\), try: /
		: qr{^1 statement of PostgreSQL; none of them is in sqlite:///\Q$dir\E/state/osprofiler/traces\.db so far \(the server delivers to a collector of its own settings, which it does not let this user read\), try: },
		"a collector of the server that is out of reach ($user)");
}
psql('alter system reset osprofiler.connection_string');
psql('select pg_reload_conf()');
wait_for('the setting is reset', sub { psql('select waiting_bytes + spool_points from osprofiler.stat') =~ /^0$/ });

# A server that cannot answer, for a lock is in the way, is not waited for.
{
	my $locked = q{select count(*) from pg_locks where relation = 'pg_extension'::regclass and granted and mode = 'AccessExclusiveLock'};

	open my $holder, '|-', 'psql', '-XAtq' or die "psql: $!";
	$holder->autoflush(1);
	print $holder "begin; lock table pg_extension in access exclusive mode;\n";
	wait_for('a lock of pg_extension', sub { psql($locked) =~ /^1$/ });

	my $began = time;
	($status, $out, $words) = seen('psql', '-XAtc', 'select 1');
	is("$status|$out", "0|1\n", 'a server that does not answer: the program does not notice');
	like($words, qr/^1 statement of PostgreSQL; the server could not be asked for its operations \(the server does not answer within 5000 ms\), try: osprofiler doctor '/,
		'... it is said');
	cmp_ok(time - $began, '<', 15, '... and not waited for');

	my $asks = sub { psql(q{select count(*) from pg_locks where relation = 'pg_extension'::regclass and not granted}) };
	wait_for('... nor does its session wait any longer', sub { $asks->() =~ /^0$/ });

	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDERR, '>', "$dir/asking";
		open STDOUT, '>', "$dir/asking.out";
		exec($osprofiler, 'run', 'psql', '-XAtc', 'select 1') or POSIX::_exit(127);
	}
	wait_for('a run that asks the server', sub { $asks->() =~ /^1$/ });
	kill 'TERM', $pid;
	waitpid $pid, 0;
	is($?, 0, '... a signal ends the waiting, not the run');
	like(slurp("$dir/asking"), qr/could not be asked for its operations \(interrupted\)/, '... which says so');
	close $holder;
}

# Nor is one that takes the connection, and says nothing: a signal ends that, too.
{
	my ($postmaster) = slurp("$dir/server/data/postmaster.pid") =~ /\A(\d+)/ or die 'postmaster.pid';
	my $pid = fork // die "fork: $!";

	if ($pid == 0)
	{
		open STDERR, '>', "$dir/connecting";
		open STDOUT, '>', "$dir/connecting.out";
		exec($osprofiler, 'run', 'sh', '-c', "psql -XAtc 'select 1'; kill -STOP $postmaster; touch $dir/stopped") or POSIX::_exit(127);
	}
	wait_for('a server that is stopped', sub { -e "$dir/stopped" });
	select undef, undef, undef, 1.5;
	my $began = time;
	kill 'INT', $pid;
	waitpid $pid, 0;
	my $result = $?;
	kill 'CONT', $postmaster;
	cmp_ok(time - $began, '<', 3, 'a server that takes a connection and says nothing: a signal ends the waiting');
	is($result, 0, '... not the run');
	like(slurp("$dir/connecting"), qr/could not be asked for its operations \(interrupted\)/, '... which says so');
}

# A server that lets nobody in any more was not asked.
{
	my ($status, $out, $words) = seen('sh', '-c', q{psql -XAtc 'select 1'; psql -XAtqd template1 -c 'alter database postgres allow_connections false'});

	like($words, qr/; the server could not be asked for its operations \([^\n]*not currently accepting connections[^\n]*\), try: /, 'a server that refuses the connection was not asked');
	run('psql', '-XAtqd', 'template1', '-c', 'alter database postgres allow_connections true');
}

# A pooler that allows no transaction cannot be asked either.
if (need_program('pgbouncer', 'test', '-x', '/usr/sbin/pgbouncer'))
{
	my $port = 20000 + $$ % 10000;

	write_file("$dir/bouncer.ini", "[databases]\n* = host=$ENV{PGHOST} user=$ENV{PGUSER}\n[pgbouncer]\npool_mode = statement\n"
		  . "listen_addr =\nunix_socket_dir = $dir\nlisten_port = $port\nauth_type = any\n");
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDOUT, '>', "$dir/bouncer.log";
		open STDERR, '>&', \*STDOUT;
		exec '/usr/sbin/pgbouncer', '-q', "$dir/bouncer.ini";
	}
	wait_for('pgbouncer: is up', sub { -S "$dir/.s.PGSQL.$port" });
	{
		local @ENV{qw(PGHOST PGPORT)} = ($dir, $port);
		my ($status, $out, $words) = seen('psql', '-XAtc', 'select 1');

		like($words, qr/\A1 statement of PostgreSQL; the server could not be asked for its operations \((?:FATAL: +)?transaction blocks not allowed in statement pooling mode\), try: /,
			'pgbouncer in statement mode: the server was not asked');
	}
	kill 'TERM', $pid;
	waitpid $pid, 0;
}

# --- who may read -------------------------------------------------------------

# A server that refuses is asked once.
{
	my $log = "$dir/server/log";
	my $refused = sub { return scalar(() = slurp($log) =~ /ERROR: .*permission denied to read/g) };
	my $before = $refused->();

	local $ENV{PGUSER} = 'anna';
	delete local $ENV{OSPROFILER_HMAC_KEYS};
	my $words = (run($osprofiler, 'trace', 'show', '--server', '', '22222222-2222-4333-8444-555555555555'))[2];
	like($words, qr/permission denied to read .*Members of pg_read_all_stats may read all traces\./, 'a trace of others: who may read it');
	is($refused->() - $before, 1, '... the server is asked once');
}

# A context as it travels with statements, and one of another session.
sub context
{
	my ($base, $parent) = @_;
	my (undef, $text) = run($osprofiler, 'context', 'new', '--hmac-key', $key, '--base-id', $base,
		'--parent-id', $parent, '--format', 'headers');
	my ($info) = $text =~ /Info: (\S+)/i;
	my ($hmac) = $text =~ /HMAC: (\S+)/i;
	return "'$info', '$hmac'";
}

my $ask = sub {
	my ($user, $arguments) = @_;
	return psql("select count(*) from osprofiler.notifications('$of_anna'" . ($arguments ? ", $arguments" : '') . ')',
		'-U', $user);
};

cmp_ok($ask->('demo'), '>', 23, 'a member of pg_read_all_stats reads any trace');
like($ask->('anna'), qr/permission denied to read this trace.*\n.*no trace context|permission denied/, 'others need a proof');
like($ask->('anna', context($of_anna, $of_anna)), qr/not signed for this trace and the challenge/,
	'a context that travels with statements is none');
like($ask->('anna', "'x', 'y'"), qr/signature matches none/, 'nor is nonsense');
like($ask->('anna', context($of_anna, psql('select osprofiler.challenge()', '-U', 'anna') =~ s/\n//r)),
	qr/not signed for this trace and the challenge/, 'nor the answer of another session');

# The proof in the session itself: of anna for anna's, not of ben.
sub prove
{
	my ($user, $base) = @_;
	my $program = write_file("$dir/prove.sh", <<"END");
coproc psql -XAtq -U $user
echo 'select osprofiler.challenge();' >&\${COPROC[1]}
read -r challenge <&\${COPROC[0]}
$osprofiler context new --hmac-key $key --base-id $base --parent-id "\$challenge" --format headers >$dir/headers
info=\$(sed -n 's/^X-Trace-Info: //p' $dir/headers)
hmac=\$(sed -n 's/^X-Trace-HMAC: //p' $dir/headers)
echo "select count(*) from osprofiler.notifications('$of_anna', '\$info', '\$hmac');" >&\${COPROC[1]}
echo '\\q' >&\${COPROC[1]}
cat <&\${COPROC[0]}
END
	my ($status, $out, $err) = run('bash', $program);
	return $out . $err;
}
cmp_ok(prove('anna', $of_anna), '>', 23, 'whoever made the trace, and holds the key, reads it');
like(prove('ben', $of_anna), qr/permission denied/, 'another user does not, with the same key');
like(prove('anna', '11111111-1111-4111-8111-111111111111'), qr/permission denied/, 'nor is it a proof for another trace');

# --- a trace that is read from several places ---------------------------------

($status, $out, $words, $err, $id) = seen('--connection-string', "sqlite:///$dir/elsewhere.db", 'sqlite3', ':memory:', "select 'elsewhere'");
{
	local $ENV{OSPROFILER_CONNECTION_STRING} = "sqlite:///$dir/first.db";
	my $context = qx($osprofiler context new --hmac-key $key --base-id $id --format sql);
	psql("$context; select 'in the server'");
	my @two = ('--connection-string', "sqlite:///$dir/first.db", '--connection-string', "sqlite:///$dir/elsewhere.db");
	($status, $out, $err) = run($osprofiler, 'trace', 'show', @two, '--server', "host=$dir/server dbname=postgres user=demo", $id);
	like($out, qr/select 'elsewhere'/, 'a trace from another collector');
	like($out, qr/select 'in the server'/, '... and from a server');
	($status, $out, $err) = run($osprofiler, 'trace', 'show', @two, '--connection-string', "sqlite:///$dir/elsewhere.db", $id);
	# Where it took long, a finding quotes it once more.
	is(scalar(() = $out =~ / sqlite  .*select 'elsewhere'/g), 1, 'copies are dropped');
	($status, $out, $err) = run($osprofiler, 'trace', 'show', @two, '--server', "host=$dir/none", $id);
	like($out, qr/select 'elsewhere'/, 'a server that cannot be reached: the rest is shown');
	like($err, qr/^osprofiler: trace show: host=\S+: .*No such file/, '... and that is said');
	($status, $out, $err) = run($osprofiler, 'trace', 'list', @two);
	is($status, 2, 'a list is of one collector');
	like($err, qr/--connection-string is given twice/, '... and says so');
}

done_testing();
