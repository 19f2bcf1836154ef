# SPDX-License-Identifier: Apache-2.0

# Processes that die: the shipper, a backend, the server.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use IPC::Run;
use Time::HiRes qw(time);

my $node = new_node('death');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');

sub expected
{
	return [ map { "SELECT $_" } @_ ];
}

# A traced session that sleeps in its second statement.
sub start_sleeper
{
	my ($context) = @_;
	my $output = $node->basedir . '/sleeper.log';
	my $session = IPC::Run::start(
		[
			'psql', '-Xq', '-d', $node->connstr('postgres'),
			'-c', set_context($context), '-c', "SELECT 'before'",
			'-c', 'SELECT pg_sleep(100)'
		],
		'<', '/dev/null', '>', $output, '2>&1');

	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
	);
	return $session;
}

# The shipper is killed again and again; no point is lost, and what it delivers
# again is a copy of a point, which reports drop.
my $killed = context();
my $began = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $sql = set_context($killed);
$sql .= "SELECT $_;" for 1 .. 100;
$node->safe_psql('postgres', $sql);
for my $round (1 .. 5)
{
	kill 'KILL', shipper_pid($node);
	$sql = set_context($killed);
	$sql .= "SELECT $_;" for $round * 100 + 1 .. $round * 100 + 100;
	$node->safe_psql('postgres', $sql);
}
wait_for_delivery($node);
my @reported = without_copies(points($node, $killed));
is_deeply(shape(@reported), expected(1 .. 600), 'the shipper killed: every point once');
is(scalar(@reported), 1200, 'and no more');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'),
	$began, 'the server is unaffected');
is(count_in_log($node, 'terminating connection because of crash'),
	0, 'and so are its sessions');

# The worker itself is ended: the next traced statement starts another.
my $ended = context();
my $worker = (split ' ', slurp_file('/proc/' . shipper_pid($node) . '/stat'))[3];
kill 'TERM', $worker;
$node->poll_query_until('postgres',
	'SELECT shipper_pid IS NULL FROM osprofiler.stat');
$node->safe_psql('postgres', set_context($ended) . 'SELECT 1');
is_deeply(shape(wait_for_points($node, $ended, 2)),
	expected(1), 'the worker ended');

# While the worker ends, it still has its lock: a session that begins to trace then takes
# it for one that is at work. The agent's end takes a second here.
my $agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
my $slow = $node->basedir . '/slow_agent';
append_to_file($slow, <<"END");
#!/bin/sh
trap 'kill -TERM \$child; wait \$child; sleep 1; exit 0' TERM
$agent "\$@" &
child=\$!
wait \$child
END
chmod 0755, $slow;
$node->append_conf('postgresql.conf', "osprofiler.agent = '$slow'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.agent') = '$slow'");
my $meanwhile = context();
my $wrapper = sub
{
	my $pid = shipper_pid($node);
	return (split ' ', slurp_file("/proc/$pid/stat"))[3];
};
sleep 1 while slurp_file('/proc/' . $wrapper->() . '/cmdline') !~ /slow_agent/;
$worker = (split ' ', slurp_file('/proc/' . $wrapper->() . '/stat'))[3];
kill 'TERM', $worker;
$node->poll_query_until('postgres',
	'SELECT shipper_pid IS NULL FROM osprofiler.stat');
ok(kill(0, $worker), 'the worker has not ended yet');
$node->safe_psql('postgres', set_context($meanwhile) . 'SELECT 1');
is_deeply(shape(wait_for_points($node, $meanwhile, 2)),
	expected(1), 'traced while the worker ended');
$node->append_conf('postgresql.conf', "osprofiler.agent = '$agent'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('osprofiler.agent') = '$agent'");

# A session is terminated in the middle of its statement.
my $terminated = context();
my $session = start_sleeper($terminated);
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
	  . " WHERE wait_event = 'PgSleep'");
$session->finish;
is_deeply(
	shape(wait_for_points($node, $terminated, 4)),
	[ "SELECT 'before'", 'SELECT pg_sleep(100) (admin_shutdown)' ],
	'a session terminated');

# A traced backend is killed: PostgreSQL restarts all of them, and what was
# committed to the ring arrives, with the start of what was running.
my $crashed = context();
$session = start_sleeper($crashed);
my $victim = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
kill 'KILL', $victim;
$session->finish;
wait_until_up($node);
is_deeply(
	shape(wait_for_points($node, $crashed, 3)),
	[ "SELECT 'before'", 'SELECT pg_sleep(100) (no stop)' ],
	'a backend killed');
my $after = context();
$node->safe_psql('postgres', set_context($after) . 'SELECT 1');
is_deeply(shape(wait_for_points($node, $after, 2)),
	expected(1), 'and tracing goes on');

# The server stops in time, whatever the shipper does.
my $stopped = context();
$node->safe_psql('postgres', set_context($stopped) . 'SELECT 1');
my $pid = shipper_pid($node);
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 10, 'a fast stop is fast');
is(kill(0, $pid), 0, 'the shipper is gone too');
is_deeply(shape(points($node, $stopped)), expected(1),
	'with everything delivered');

$node->start;
$node->safe_psql('postgres', set_context($stopped) . 'SELECT 2');
$pid = shipper_pid($node);
kill 'STOP', $pid;
$start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 10, 'also with a shipper that does nothing');
is(kill(0, $pid), 0, 'which is killed');

done_testing();
