# SPDX-License-Identifier: Apache-2.0

# The run directory of a server: where it is if nothing is configured, what becomes of
# traces when it vanishes while the server runs, and what sessions and servers leave in
# it when they end.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_node('run_directory');
$node->append_conf('postgresql.conf', "osprofiler.run_directory = ''");

sub rings { my ($of) = @_; return [ glob "$of/ring.*" ]; }

sub directory
{
	return $node->safe_psql('postgres', 'SELECT run_directory FROM osprofiler.stat');
}

# Whoever starts the server may have a directory that the server must not use.
{
	local $ENV{XDG_RUNTIME_DIR} = '/run/user/4711';
	$node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler');
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $default = context();
$node->safe_psql('postgres', set_context($default) . "SELECT 'default'");
is_deeply(shape(wait_for_points($node, $default, 2)),
	[q(SELECT 'default')], 'whatever XDG_RUNTIME_DIR is, the server traces');
my $shared = directory();
like($shared, qr{^/dev/shm/osprofiler-$>/pg-}, 'the default directory');
$node->stop;
ok(!-e $shared, 'a server that has stopped leaves nothing');

# A server that cannot end as it should leaves its counters, and what waits.
$node->start;
$default = context();
$node->safe_psql('postgres', set_context($default) . "SELECT 'at once'");
wait_for_points($node, $default, 2);
ok(-e "$shared/waits.1", 'what sessions wait for is there');
$node->stop('immediate');
my $end = time + 10;
usleep(50_000) while time < $end && -e "$shared/waits.1";
ok(!-e "$shared/waits.1", 'and goes when they have gone, however that was');
is_deeply(rings($shared), [], 'as do rings');
system_or_bail('rm', '-rf', $shared) if $shared =~ m{^/dev/shm/osprofiler-\d+/pg-};

# From now on in a directory whose parents are the test's own, too.
my $parent = $node->basedir . '/parent';
$node->append_conf('postgresql.conf', "osprofiler.run_directory = '$parent/run'");
$node->start;

# A session that has a ring in the directory.
sub session
{
	my ($context) = @_;
	my $wire = PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user);

	$wire->simple(set_context($context));
	$wire->simple("SELECT 'before'");
	return $wire;
}

session(context())->finish;
my $directory = directory();
like($directory, qr{^\Q$parent\E/run/pg-}, 'the directory that is set');

# Processes of the server that start a shipper.
sub count_workers
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @children = split ' ', slurp_file("/proc/$postmaster/task/$postmaster/children");

	# A session may end just then.
	return scalar grep { (eval { slurp_file("/proc/$_/cmdline") } // '') =~ /osprofiler shipper/ } @children;
}

# Somebody may make a file there just then.
sub remove
{
	my @paths = @_;

	foreach (1 .. 20)
	{
		return if system('rm', '-rf', @paths) == 0;
	}
	BAIL_OUT("cannot remove @paths");
}

# Name, what makes it vanish, how often that is logged, what must come behind it.
my $stopped;
foreach my $case (
	[ 'removed', sub { remove($directory) }, 1 ],
	[ 'removed with its parents', sub { remove($parent) }, 1 ],
	[ 'emptied', sub { remove(glob "$directory/*") }, 1 ],
	[ 'emptied of rings', sub { remove(@{ rings($directory) }) }, 0 ],
	[ 'moved away', sub { rename $directory, "$directory.moved" or die $! }, 1 ],
	[
		'removed while the shipper does nothing',
		sub { kill 'STOP', $stopped = shipper_pid($node); remove($directory); },
		1,
		sub { kill 'CONT', $stopped }
	])
{
	my ($what, $vanish, $lines, $afterwards) = @$case;
	my ($open, $new, $ended) = (context(), context(), context());
	my $wire = session($open);
	my $other = session($ended);

	# The shipper knows the ring of the open session, or it would come with its end only.
	wait_for_points($node, $open, 2) if $what ne 'emptied of rings';
	my $before = count_in_log($node, 'run directory \S+ was removed');

	$vanish->();
	$wire->simple("SELECT $_") for 1 .. 20;
	$other->simple("SELECT 'last'");
	$other->finish;
	$node->safe_psql('postgres', set_context($new) . "SELECT 'new'");
	$afterwards->() if $afterwards;

	# Of a ring that nobody knew of when it lost its name, only the end of its session
	# can tell.
	$wire->finish if $what eq 'emptied of rings';
	is_deeply(
		shape(without_copies(wait_for_points($node, $open, 42))),
		[ "SELECT 'before'", map { "SELECT $_" } 1 .. 20 ],
		"$what: nothing of an open session is lost");
	is_deeply(
		shape(without_copies(wait_for_points($node, $ended, 4))),
		[ "SELECT 'before'", "SELECT 'last'" ],
		"$what: nor of one that ends");
	is_deeply(shape(without_copies(wait_for_points($node, $new, 2))),
		[q(SELECT 'new')], "$what: a new session is traced");
	$wire->finish if $wire->alive;
	is(count_in_log($node, 'run directory \S+ was removed') - $before,
		$lines, "$what: it is logged once, if at all");
	is(directory(), $directory, "$what: it is made anew");

	# A shipper that did nothing is replaced, and the one too many ends by itself.
	is(count_workers(), 1, "$what: there is one worker") if !$afterwards;
	is($node->safe_psql('postgres', 'SELECT lost FROM osprofiler.stat'), 0, "$what: nothing counts as lost");
	wait_for_delivery($node);
	is( $node->safe_psql('postgres', 'SELECT written - shipped - refused - spool_dropped FROM osprofiler.stat'),
		0, "$what: the counters add up");
}
is(count_in_log($node, 'another process|another shipper'), 0, 'no shipper is in the way of another');

# What sessions wait for is sampled at once in the directory that is made anew, also if the
# worker slept, and also of a session that was open.
sub slept_ms
{
	my ($wire) = @_;
	my $context = context();

	$wire->simple("SET osprofiler.points = 'statement, wait'");
	$wire->simple(set_context($context));
	$wire->simple('SELECT pg_sleep(1)');
	my ($stop) = grep { ($_->{info}{db}{waits} // {})->{'Timeout:PgSleep'} } wait_for_points($node, $context, 2);
	return $stop ? $stop->{info}{db}{waits}{'Timeout:PgSleep'} : 0;
}

foreach my $case ([ 'a worker that is awake', 0 ], [ 'one that sleeps', 3 ], [ 'one whose agent is killed as well', 0, 'KILL' ])
{
	my ($what, $rest, $signal) = @$case;
	my $wire = session(context());

	usleep($rest * 1_000_000);
	kill $signal, shipper_pid($node) if $signal;
	remove($directory);
	my $new = PgWire->new($node->host . '/.s.PGSQL.' . $node->port, database => 'postgres', user => $user);
	cmp_ok(slept_ms($new), '>', 500, "$what samples a new session at once");
	# Without an agent nobody tells an open session to move: its points come at its end.
	cmp_ok(slept_ms($wire), '>', 500, "$what samples an open one") if !$signal;
	$_->finish for $new, $wire;
}

# A directory that is out of reach for a while, as a volume may be, harms nobody, whether
# sessions come meanwhile or not, and also if the worker was ended.
foreach my $case (
	[ 'out of reach', $parent ],
	[ 'out of reach beside an open session', $parent, 'open' ],
	[ 'out of reach, with sessions', $parent, 'sessions' ],
	[ 'out of reach, without a worker', $parent, 'sessions', 'end' ],
	[ 'itself out of reach', $directory, 'sessions', 'end' ])
{
	my ($what, $closed, $who, $end_worker) = @$case;
	my $wire = ($who // '') eq 'open' ? session(context()) : undef;
	my $fails = set_context(context()) . 'SELECT 1/0';

	is($node->psql('postgres', $fails), 3, "$what: a statement may fail before");
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'osprofiler shipper'}) if $end_worker;
	usleep(500_000);
	chmod 0, $closed or die $!;
	foreach (1 .. 4)
	{
		is($node->psql('postgres', set_context(context()) . 'SELECT 1'), 0, "$what: statements run")
		  if ($who // '') eq 'sessions';
		usleep(550_000);
	}
	chmod 0700, $closed or die $!;
	is($node->psql('postgres', $fails), 3, "$what: a statement may fail behind");
	ok($wire->simple('SELECT 1') && $wire->alive, "$what: the open session goes on") if $wire;

	my $new = session(context());
	my $end = time + 20;
	my $traced = 0;
	usleep(100_000) while time < $end && !($traced = slept_ms($new) > 500);
	ok($traced, "$what: a session is traced then, and what it waits for is seen");
	$_->finish for grep { defined } $new, $wire;
}

# It is removed while there is no shipper: a session that ends takes along what nobody
# has read.
my $agent = $node->safe_psql('postgres', 'SHOW osprofiler.agent');
my $alone = context();
$node->append_conf('postgresql.conf', "osprofiler.agent = '/nonexistent'");
$node->restart;
my $wire = session($alone);
my $begin = time;
usleep(50_000) while time - $begin < 30 && count_in_log($node, 'cannot run "/nonexistent"') == 0;
remove($parent);
$wire->simple("SELECT 'nobody reads'");
$wire->finish;
$node->append_conf('postgresql.conf', "osprofiler.agent = '$agent'");
$node->restart;
session(context())->finish;
is_deeply(
	shape(without_copies(wait_for_points($node, $alone, 4))),
	[ "SELECT 'before'", "SELECT 'nobody reads'" ],
	'removed while there is no shipper: delivered by the next one');

# Rings are given back when their sessions end, though nobody traces any more.
my @wires = map { session(context()) } 1 .. 20;
my @rings = @{ rings($directory) };
cmp_ok(scalar @rings, '>=', 20, 'each session has a ring');
is(scalar(grep { -s $_ > 72 * 1024 } @rings), 0, 'of 64 kB, as long as no more is needed');
$_->finish for @wires;
$begin = time;
usleep(50_000) while time - $begin < 10 && @{ rings($directory) };
is_deeply(rings($directory), [], 'they are gone with their sessions');
cmp_ok(time - $begin, '<', 5, 'soon');

# A server that is stopped under its sessions delivers everything, and leaves no ring.
my @contexts = map { context() } 1 .. 20;
@wires = map { session($_) } @contexts;
$node->stop('fast');
ok(!-e $directory, 'a server that is stopped leaves nothing');
is_deeply([ map { @{ shape(points($node, $_)) } } @contexts ],
	[ ("SELECT 'before'") x 20 ], 'for everything is delivered');

# Another directory is set, by a reload: what is in the old one is delivered, also of an
# operation that is open meanwhile, and nothing stays there.
{
	my $other = $node->basedir . '/other';
	my ($open, $resting) = (context(), context());

	$node->start;
	my ($one, $two) = (session($open), session($resting));
	my $long = context();
	my $working = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'),
			'-c', set_context($long), '-c', 'SELECT pg_sleep(4)' ], '<', '/dev/null', '>', '/dev/null');
	$node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(4)'});
	$node->append_conf('postgresql.conf', "osprofiler.run_directory = '$other'");
	$node->reload;
	usleep(1_500_000);
	$one->simple("SELECT 'after'");
	is_deeply(shape(wait_for_points($node, $open, 4)), [ "SELECT 'before'", "SELECT 'after'" ],
		'another directory: sessions go there');
	is_deeply(shape(wait_for_points($node, $long, 2)), ['SELECT pg_sleep(4)'],
		'what was open is delivered from the old one');
	ok(-e $directory, 'which stays as long as a session has its ring there');
	$_->finish for $one, $two;
	$working->finish;
	my $end = time + 15;
	usleep(50_000) while time < $end && -e $directory;
	ok(!-e $directory, 'and goes with the last of them');
	$node->stop('fast');
	is_deeply([ glob "$other/pg-*" ], [], 'the new one goes with the server');
	$node->append_conf('postgresql.conf', "osprofiler.run_directory = '$parent/run'");
}

# What cannot be delivered waits for the next start, and nothing else.
my $waiting = context();
$node->append_conf('postgresql.conf', "osprofiler.agent = '/nonexistent'");
$node->start;
session($waiting)->finish;
$node->stop('fast');
is(scalar @{ rings($directory) }, 1, 'what is not delivered stays');
ok(!-e "$directory/waits.1", 'and what sessions waited for does not');
$node->append_conf('postgresql.conf', "osprofiler.agent = '$agent'");
$node->start;
session(context())->finish;
is_deeply(shape(wait_for_points($node, $waiting, 2)), ["SELECT 'before'"], 'the next start delivers it');
$node->stop('fast');
ok(!-e $directory, 'and leaves nothing');

is(count_in_log($node, 'PANIC|terminated by signal'), count_in_log($node, 'the agent was terminated by signal 9'), 'no crash');
is(count_in_log($node, 'the agent was terminated by signal 9'), 1, 'but for the agent that was killed');
done_testing();
