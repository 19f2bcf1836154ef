# SPDX-License-Identifier: Apache-2.0

# Points that wait when the server starts, in the spool or in rings, are delivered
# although nobody traces: a session that loads the library starts the shipper, or the
# server does if it loads the library itself. Where nothing waits, nothing is started.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $nobody = 'redis://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port() . '/0';
my $node = new_node('left');
my $file = 'file://' . trace_file($node);

# The processes of the background worker, which pg_stat_activity does not show.
sub workers
{
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my ($out) = run_command([ 'ps', '-o', 'pid=,args=', '--ppid', $postmaster ]);

	return map { /^\s*(\d+) .*osprofiler shipper/ ? $1 : () } split /\n/, $out;
}

sub set
{
	my ($name, $value) = @_;

	$node->append_conf('postgresql.conf', "$name = '$value'");
}

# Traces a statement while the collector is down, and stops the server with its points
# in the spool.
sub leave_points
{
	my $context = context();

	set('osprofiler.connection_string', $nobody);
	$node->reload;
	sleep 1;
	$node->safe_psql('postgres', set_context($context) . 'SELECT 1');
	ok($node->poll_query_until('postgres',
			'SELECT spool_points > 0 FROM osprofiler.stat'),
		'points wait in the spool');
	return $context;
}

$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
usleep(500_000);
is(scalar workers(), 0, 'nothing waits: no worker is started');

my $context = leave_points();
$node->stop;
{
	local $ENV{OSPROFILER_RUN_DIR} = $node->basedir . '/run';
	my ($out) = run_command([ $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler', 'status' ]);
	my $data = $node->data_dir;

	like($out, qr/^2 points wait in the spool of a PostgreSQL server, [^\n]* \(the PostgreSQL server has stopped; once it is started, [^\n]*: 'pg_ctl start -D \Q$data\E'\); last error: /m,
		'osprofiler status of its user says what the stopped server has left');
}
set('osprofiler.connection_string', $file);
$node->start;
usleep(300_000);
is(count_points($node, $context), 0, 'no session yet: they wait');
$node->safe_psql('postgres', 'SELECT 1');
is_deeply(shape(wait_for_points($node, $context, 2)),
	['SELECT 1'], 'the first session has the spool delivered, untraced');

# A worker that was ended by hand. (Sessions start one once a minute at most, and one
# of this server has not yet.)
$node->restart;
$context = leave_points();
set('osprofiler.connection_string', $file);
kill 'TERM', workers();
for (1 .. 500)
{
	last if !workers();
	usleep(10_000);
}
is(scalar workers(), 0, 'the worker has ended');
$node->reload;
for (1 .. 700)
{
	$node->safe_psql('postgres', 'SELECT 1');
	last if count_points($node, $context) >= 2;
	usleep(100_000);
}
is(count_points($node, $context), 2, 'a later session has another one started');

# A shipper that was killed is started again by the worker.
$context = leave_points();
kill 'KILL', shipper_pid($node);
set('osprofiler.connection_string', $file);
$node->reload;
is_deeply(shape(wait_for_points($node, $context, 2)),
	['SELECT 1'], 'the next shipper delivers what the one before left in the spool');

# A collector that stays away: points wait on, and the log says it once.
$context = leave_points();
$node->restart;
my $log_size = -s $node->logfile;
for (1 .. 50)
{
	$node->safe_psql('postgres', 'SELECT 1');
	usleep(100_000);
}
my $lines = () = substr(slurp_file($node->logfile), $log_size) =~ /osprofiler/g;
is(scalar(my @found = workers()), 1, 'a collector that is away: one worker');
cmp_ok($lines, '<=', 1, '... and one line of the log at most');

like(slurp_file($node->logfile), qr/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] osprofiler agent: collector redis:/m,
	'... with the time, as the lines of the server');

# Rings that a crash has left.
my $agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
set('osprofiler.connection_string', $file);
$node->reload;
is_deeply(shape(wait_for_points($node, $context, 2)),
	['SELECT 1'], 'once it is back, they are delivered');
set('osprofiler.agent', '/nonexistent');
$node->restart;
$context = context();
$node->safe_psql('postgres', set_context($context) . 'SELECT 2');
$node->stop('immediate');
set('osprofiler.agent', $agent);
$node->start;
$node->safe_psql('postgres', 'SELECT 1');
is_deeply(shape(wait_for_points($node, $context, 2)),
	['SELECT 2'], 'rings that a crash has left are delivered, untraced');

# With shared_preload_libraries no session loads the library.
$context = leave_points();
$node->stop;
set('session_preload_libraries', '');
set('shared_preload_libraries', 'osprofiler');
set('osprofiler.connection_string', $file);
$node->start;
is_deeply(shape(wait_for_points($node, $context, 2)),
	['SELECT 1'], 'shared_preload_libraries: the server has them delivered');
ok(wait_for_delivery($node), 'nothing is left');
$node->restart;
usleep(500_000);
is(scalar workers(), 0,
	'shared_preload_libraries: nothing waits, no worker is started');
$node->stop;
done_testing();
