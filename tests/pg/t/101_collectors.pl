# SPDX-License-Identifier: Apache-2.0

# Collectors that hang, refuse or are not there, and rings that are full: the
# server stops at once, no point is delivered under a wrong name or lost without
# being counted, and tracing goes on when there is room again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use OspTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('collectors');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
my $file = 'file://' . trace_file($node);

sub collector
{
	my ($uri) = @_;

	$node->append_conf('postgresql.conf',
		"osprofiler.connection_string = '$uri'");
	$node->reload;
	sleep 1;
}

# A listener on a free port whose child answers each request with $answer, or
# accepts and says nothing. Returns the port and the child.
sub listen_and_say
{
	my ($answer) = @_;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1)
	  or die "listen: $!";
	my $pid = fork() // die "fork: $!";

	return ($listener->sockport, $pid) if $pid;
	my @clients;
	$SIG{ALRM} = sub { POSIX::_exit(0) };
	alarm 120;
	while (my $client = $listener->accept)
	{
		push @clients, $client;
		next if !defined $answer;
		while (sysread $client, my $request, 65536)
		{
			syswrite $client, $answer;
		}
	}
	POSIX::_exit(0);
}

foreach my $case ([ 'accepts and never answers', undef ],
	[ 'answers with an error', "-ERR not now\r\n" ])
{
	my ($what, $answer) = @$case;
	my ($port, $pid) = listen_and_say($answer);
	my $context = context();

	collector("redis://127.0.0.1:$port/0");
	is( $node->safe_psql('postgres',
			set_context($context) . 'SELECT 1; SELECT 2'),
		"1\n2",
		"a collector that $what: statements work");
	sleep 2;
	my $begin = time;
	$node->stop('fast');
	cmp_ok(time - $begin, '<', 15, "a collector that $what: the server stops");
	kill 'KILL', $pid;
	waitpid $pid, 0;
	$node->append_conf('postgresql.conf',
		"osprofiler.connection_string = '$file'");
	$node->start;

	# The next traced statement brings the shipper.
	$node->safe_psql('postgres', set_context(context()) . 'SELECT 3');
	is_deeply(
		shape(wait_for_points($node, $context, 4)),
		[ 'SELECT 1', 'SELECT 2' ],
		"a collector that $what: delivered after the restart");
}

# A ring that is full, with prepared statements and a context from the start:
# what finds no room is counted, and in the same session there is room again.
my ($full, $script) = (context(), $node->basedir . '/script.sql');
my $agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
$node->append_conf('postgresql.conf',
	"osprofiler.agent = '/nonexistent'\nosprofiler.ring_size = '64kB'");
$node->restart;
write_file($script, "SELECT abs(1);\n", 0600);
{
	local $ENV{PGOPTIONS} = "-c osprofiler.trace_info=$full->{info}"
	  . " -c osprofiler.trace_hmac=$full->{hmac}";
	command_ok(
		[
			'pgbench', '-n', '-M', 'prepared', '-t', 2000, '-f', $script,
			'-h', $node->host, '-p', $node->port, 'postgres'
		],
		'a full ring: statements work');
}
cmp_ok(
	$node->safe_psql('postgres', 'SELECT dropped FROM osprofiler.stat'),
	'>', 1000, 'a full ring: points are dropped, and counted');
cmp_ok($node->safe_psql('postgres', 'SELECT written + dropped FROM osprofiler.stat'),
	'>=', 2 * 2000, 'the starts and the stops');
my $later = context();
$node->append_conf('postgresql.conf', "osprofiler.agent = '$agent'");
$node->safe_psql('postgres',
	    set_context($full)
	  . " DO \$\$ BEGIN FOR i IN 1 .. 2000 LOOP PERFORM count(*) FROM pg_am;"
	  . " END LOOP; END \$\$;\nSELECT pg_reload_conf();\n"
	  . "SELECT pg_sleep(8);\n"
	  . set_context($later)
	  . "\nSELECT 'room again';\n");
is_deeply(shape(wait_for_points($node, $later, 2)),
	["SELECT 'room again'"], 'a full ring: later there is room again');

# With osprofiler.filter_error_trace a Redis knows which traces hold an error; they
# are listed without reading them all.
SKIP:
{
	my $server = (grep { -x } map { "$_/redis-server" } split /:/, $ENV{PATH})[0];
	my $port = PostgreSQL::Test::Cluster::get_free_port();

	skip 'no redis-server', 4 if !$server;
	my $redis = IPC::Run::start([ $server, '--port', $port, '--bind',
			'127.0.0.1', '--save', '', '--dir', $node->basedir ],
		'>', \my $out, '2>', \my $err);
	my $listed = sub {
		my ($traces) = run_command([ $agent, 'trace', 'list', '--error-trace',
				'True', '--connection-string', "redis://127.0.0.1:$port/0" ]);
		return $traces;
	};
	my ($unnoted, $noted, $good) = (context(), context(), context());

	collector("redis://127.0.0.1:$port/0");
	$node->psql('postgres', set_context($unnoted) . 'SELECT 1 / 0');
	ok(wait_for_delivery($node), 'an error, while the setting is off');
	$node->append_conf('postgresql.conf', 'osprofiler.filter_error_trace = on');
	$node->reload;
	sleep 1;
	$node->psql('postgres', set_context($noted) . 'SELECT 1 / 0');
	$node->psql('postgres', set_context($good) . 'SELECT 1');
	ok(wait_for_delivery($node), 'and while it is on');
	like($listed->(), qr/$noted->{base}/, 'a trace with an error is listed');
	unlike($listed->(), qr/$unnoted->{base}|$good->{base}/, 'others are not');
	$redis->kill_kill;
}

# A server that is its own collector does not trace that: else each batch would make
# the next one.
{
	my $user = getpwuid($<);
	my ($host, $port) = ($node->host, $node->port);
	local $ENV{PGOPTIONS} = '-c osprofiler.untraced=on';
	my $rows = sub {
		my ($like) = @_;
		return $node->safe_psql('postgres',
			"SELECT count(*) FROM data WHERE data::text LIKE '%$like%'");
	};

	$node->append_conf('postgresql.conf', 'osprofiler.sample_rate = 1');
	collector("postgresql://$user\@/postgres?host=$host&port=$port");
	{
		local $ENV{PGOPTIONS} = '';
		$node->safe_psql('postgres', "SELECT 'sampled'") for 1 .. 20;
	}
	ok(wait_for_delivery($node), 'a server that is its own collector');
	is($rows->("SELECT ''sampled''"), 20, 'it has what was sampled');
	is($rows->('COPY data') + $rows->('to_regclass'),
		0, 'and nothing of the shipper');
	my $before = $rows->('');
	sleep 2;
	is($rows->(''), $before, 'nor does it store more and more');
	$node->append_conf('postgresql.conf', "osprofiler.sample_rate = 0");
	collector($file);
}

is(count_in_log($node, 'PANIC|terminated by signal 11'), 0, 'no crash');
$node->stop;
done_testing();
