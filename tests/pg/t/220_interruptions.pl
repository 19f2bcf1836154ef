# SPDX-License-Identifier: Apache-2.0

# What cuts statements short, with all kinds of points: errors in every phase,
# time-outs, cancels, ends of sessions, of workers and of memory; recursion and
# loops without end; a standby; a subscription. Every trace is whole afterwards.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $agent = $ENV{OSPROFILER_TEST_AGENT} || 'osprofiler';

# The server inherits it: room for a recursion of 10,000 levels.
system_or_bail('prlimit', '--pid', $$, '--stack=1073741824:');
my $node = new_node(
	'interruptions',
	allows_streaming => 'logical',
	extra => ['--encoding=UTF8']);
$node->append_conf(
	'postgresql.conf', q{
restart_after_crash = on
max_prepared_transactions = 2
max_stack_depth = '6MB'
max_worker_processes = 16
osprofiler.points = 'statement, nested, parse, plan, commit, trigger, worker, function, node, wait'
osprofiler.on_full = 'wait'
osprofiler.ring_size = '16MB'
});
$node->start;
$node->safe_psql(
	'postgres', q{
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int PRIMARY KEY, v int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO t SELECT g, g FROM generate_series(1, 100) g;
CREATE TABLE wide AS SELECT g FROM generate_series(1, 200000) g;
ANALYZE wide;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'refused'; END $$;
CREATE TRIGGER refuse_row BEFORE UPDATE ON t FOR EACH ROW
	WHEN (NEW.v = -1) EXECUTE FUNCTION refuse();
CREATE TRIGGER refuse_after AFTER UPDATE ON t FOR EACH ROW
	WHEN (NEW.v = -2) EXECUTE FUNCTION refuse();
CREATE CONSTRAINT TRIGGER refuse_commit AFTER UPDATE ON t
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
	WHEN (NEW.v = -3) EXECUTE FUNCTION refuse();
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN IF n = 0 THEN RETURN 0; END IF; RETURN 1 + (SELECT deep(n - 1)); END $$;
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql AS
	$$ BEGIN PERFORM count(*) FROM t; RETURN 1 / (n - 5); END $$;
CREATE FUNCTION many(n int) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN FOR i IN 1 .. n LOOP PERFORM FROM t WHERE id = 0; END LOOP; END $$;
CREATE ROLE nobody;
});
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $parallel = 'SET max_parallel_workers_per_gather = 2;'
  . ' SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
  . ' SET min_parallel_table_scan_size = 0;';

sub wire
{
	my ($server, $context, $options) = @_;

	return PgWire->new(
		$server->host . '/.s.PGSQL.' . $server->port,
		database => 'postgres', user => $user,
		options => "-c osprofiler.trace_info=$context->{info}"
		  . " -c osprofiler.trace_hmac=$context->{hmac} "
		  . ($options // ''));
}

# The statements of a trace, with their errors; traces are large here, and a
# parser for JSON in Perl is slow.
sub statements
{
	my ($server, $context) = @_;
	my (%text, %error);

	open my $file, '<', trace_file($server) or die "$!";
	while (my $line = <$file>)
	{
		next if index($line, $context->{base}) < 0;
		my ($id) = $line =~ /"trace_id": "([^"]+)"/;
		$text{$id} = $1 if $line =~ /"statement": "((?:[^"\\]|\\.)*)"/;
		$error{$id} = " ($1)" if $line =~ /"etype": "([^"]+)"/;
	}
	close $file;
	return map { $text{$_} . ($error{$_} // '') } keys %text;
}

# Waits until all that was written is delivered, and lets our command judge.
sub whole
{
	my ($server, $context, $what, @expected) = @_;

	wait_for_delivery($server);
	command_ok(
		[
			$agent, 'trace', 'check', '--connection-string',
			'file://' . trace_file($server), $context->{base}
		],
		"$what: the trace is whole");
	my %found = map { $_ => 1 } statements($server, $context);
	ok($found{$_}, "$what: $_") for @expected;
	return;
}

# Errors in each phase of a statement.
my @phases = (
	[ 'parser', 'SELEC 1', '42601' ],
	[ 'analysis', 'SELECT nothing FROM t', '42703' ],
	[ 'planner', 'SELECT 1 / 0 FROM t', '22012' ],
	[ 'planner, in a function', 'SELECT deep(1 / 0)', '22012' ],
	[ 'start of the executor', 'SET ROLE nobody; TABLE t', '42501' ],
	[ 'executor', 'SELECT 1 / (id - 7) FROM t ORDER BY id', '22012' ],
	[ 'function', 'SELECT fails(id) FROM t ORDER BY id', '22012' ],
	[ 'row trigger', 'UPDATE t SET v = -1 WHERE id = 1', 'P0001' ],
	[ 'end of the executor', 'UPDATE t SET v = -2 WHERE id = 1', 'P0001' ],
	[ 'commit, a trigger', 'UPDATE t SET v = -3 WHERE id = 1', 'P0001' ],
	[ 'commit, a constraint', 'UPDATE t SET v = 2 WHERE id = 1', '23505' ],
	[ 'utility', 'CREATE TABLE t (id int)', '42P07' ],
	[ 'utility with a query', 'CREATE TABLE u AS SELECT fails(5)', '22012' ],
	[ 'parallel worker', "$parallel SELECT count(1 / (g - 77)) FROM wide", '22012' ],
	[ 'stack', 'SELECT deep(10000)', '54001' ],
	[ 'size', 'SELECT array_fill(0, ARRAY[1000000000])', '54000' ]);
foreach my $phase (@phases)
{
	my ($what, $sql, $state) = @$phase;
	my $context = context();
	my $wire = wire($node, $context);

	like(state_of($wire->simple($sql)), qr/^($state)$/, "error in: $what");
	is(state_of($wire->simple('RESET ROLE; SELECT 1')), 'none', 'and go on');
	$wire->simple('BEGIN; SAVEPOINT s');
	$wire->simple($sql);
	$wire->simple('ROLLBACK TO s; SELECT 1; COMMIT');
	$wire->finish;
	whole($node, $context, $what, 'SELECT 1');
}

# Deep recursion that ends: with its points, and with a mark of those that are
# not there.
my $deep = context();
my $wire = wire($node, $deep);
my @events = $wire->simple('SELECT deep(300)');
is($events[0][1], 300, 'nesting of 300 levels');
$wire->simple("SET max_stack_depth = '900MB'");
@events = $wire->simple('SELECT deep(10000)');
is($events[0][1], 10000, 'nesting of 10,000 levels');
$wire->finish;
whole($node, $deep, 'nesting', 'SELECT deep(300)', 'SELECT deep(10000)');
my $truncated = 0;
foreach my $point (points($node, $deep))
{
	$truncated += $point->{info}{truncated} // 0;
}
cmp_ok($truncated, '>', 10000, 'points of 10,000 levels that are only counted');

# A loop of a million statements: no memory.
my $loop = context();
$wire = wire($node, $loop);
my $rss = "SELECT (regexp_match(pg_read_file('/proc/self/status', 0, 8000),"
  . " 'RssAnon:\\s*(\\d+)'))[1]::int";
$wire->simple('SELECT many(20000)');
my ($before) = $wire->simple($rss);
is(state_of($wire->simple('SELECT many(1000000)')), 'none',
	'a million nested statements');
my ($after) = $wire->simple($rss);
cmp_ok($after->[1] - $before->[1], '<', 4096, 'kB for them');
$wire->finish;
whole($node, $loop, 'a million nested statements');

# Time-outs, cancels, and ends of the session.
my @sleepers = (
	'SELECT pg_sleep(100)', "$parallel SELECT count(*) FROM wide a, wide b",
	'SELECT many(100000000)',
	'DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$');
foreach my $sql (@sleepers)
{
	my $context = context();

	$wire = wire($node, $context, '-c statement_timeout=200');
	is(state_of($wire->simple($sql)), '57014', "statement_timeout: $sql");
	$wire->finish;
	whole($node, $context, 'statement_timeout');
	if ($sql =~ /wide b/)
	{
		my @gathers = grep { $_->{info}{db}{node}{workers_launched} } points($node, $context);
		is($gathers[0]{info}{db}{node}{workers_launched}, 2, 'how many workers were started');
	}

	$context = context();
	$wire = wire($node, $context);
	$wire->query($sql);
	$wire->send;
	usleep(200_000);
	$wire->cancel_until_heard;
	is(state_of($wire->read_until_ready), '57014', "cancel: $sql");
	$wire->query($sql);
	$wire->send;
	usleep(200_000);
	$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $wire->pid . ')');
	is(state_of($wire->read_until_ready), '57P01', "terminate: $sql");
	whole($node, $context, 'cancel and terminate');
}

my $holder = wire($node, context());
my $locked = context();
$holder->simple('BEGIN; LOCK TABLE t');
$wire = wire($node, $locked, '-c lock_timeout=100');
is(state_of($wire->simple('UPDATE t SET v = v')), '55P03', 'lock_timeout');
is(state_of($wire->simple('SELECT many(1)')), '55P03', 'in a function');
$holder->simple('COMMIT');
$holder->finish;
$wire->simple("SET idle_in_transaction_session_timeout = 50; BEGIN; SELECT 'idle'");
sleep 1;
$wire->simple('SELECT 1');
ok(!$wire->alive, 'idle_in_transaction_session_timeout');
whole($node, $locked, 'time-outs', q(SELECT 'idle'),
	'UPDATE t SET v = v (lock_not_available)');

# DISCARD, RESET and roles in the middle; what is set by start-up stays.
my $reset = context();
$wire = wire($node, $reset);
foreach my $sql (
	'SET ROLE nobody', 'RESET ROLE', 'SET SESSION AUTHORIZATION nobody',
	'SELECT current_user', 'RESET SESSION AUTHORIZATION', 'DISCARD ALL',
	'RESET ALL', 'BEGIN READ ONLY', 'SELECT count(*) FROM t', 'COMMIT')
{
	is(state_of($wire->simple($sql)), 'none', $sql);
}
$wire->simple("BEGIN READ ONLY; SELECT 'read'; INSERT INTO t VALUES (0, 0)");
$wire->simple('ROLLBACK');
$wire->simple("SELECT 'last'");
$wire->finish;
whole($node, $reset, 'resets', 'SET ROLE nobody', 'SELECT current_user',
	'SELECT count(*) FROM t', q(SELECT 'read'), q(SELECT 'last'),
	'INSERT INTO t VALUES (0, 0) (read_only_sql_transaction)');

# No memory: for the statement; and for the ring, which is then not made.
SKIP:
{
	skip 'no prlimit', 4 if system 'prlimit --version >/dev/null 2>&1';
	foreach my $room (200, 2)
	{
		my $context = context();
		my ($size, @seen);

		$wire = PgWire->new(
			$node->host . '/.s.PGSQL.' . $node->port,
			database => 'postgres', user => $user);
		($size) = slurp_file('/proc/' . $wire->pid . '/status') =~ /VmSize:\s*(\d+)/;
		$wire->simple('SELECT count(*) FROM t');
		system 'prlimit', '--pid', $wire->pid, '--as=' . ($size + $room * 1024) * 1024;
		$wire->simple(set_context($context));
		push @seen, state_of(
			$wire->simple('SELECT length(string_agg(repeat(\'x\', 1000), \'\')) FROM wide'));
		push @seen, state_of($wire->simple("SELECT 'after'"));
		is_deeply(\@seen, [ '53200', 'none' ], "$room MB of memory");
		$wire->finish;
		whole($node, $context, "$room MB of memory", q(SELECT 'after'))
		  if $room > 100;
	}
}
is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash so far');

# A standby with the extension: SELECTs are traced there, too.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
mkdir $standby->basedir . '/run', 0700;
$standby->append_conf('postgresql.conf',
	    "osprofiler.connection_string = 'file://"
	  . trace_file($standby)
	  . "'\nosprofiler.run_directory = '"
	  . $standby->basedir
	  . "/run'");
$standby->start;
my $hot = context();
$wire = wire($standby, $hot, '-c max_parallel_workers_per_gather=2'
	  . ' -c parallel_setup_cost=0 -c parallel_tuple_cost=0');
foreach my $sql (
	'SELECT many(3)', 'SELECT count(*) FROM wide', 'BEGIN',
	'SELECT deep(3)', 'COMMIT', 'SELECT pg_is_in_recovery()')
{
	is(state_of($wire->simple($sql)), 'none', "standby: $sql");
}
is(state_of($wire->simple('DELETE FROM t')), '25006', 'standby: DELETE');
$wire->finish;
whole($standby, $hot, 'standby', 'SELECT many(3)', 'SELECT count(*) FROM wide',
	'SELECT pg_is_in_recovery()', 'DELETE FROM t (read_only_sql_transaction)');
$standby->stop('fast');

# A subscription: what applies it has no context, and works.
my $subscriber = new_node('subscriber');
$subscriber->start;
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE t');
$subscriber->safe_psql('postgres',
	'CREATE TABLE t (id int PRIMARY KEY, v int);'
	  . q{ CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS}
	  . q{ 'BEGIN PERFORM count(*) FROM public.t; RETURN NEW; END';}
	  . ' CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();'
	  . ' ALTER TABLE t ENABLE ALWAYS TRIGGER f');
my $subscribed = context();
$wire = wire($subscriber, $subscribed);
my $publisher = 'host=' . $node->host . ' port=' . $node->port
  . ' dbname=postgres';
is( state_of(
		$wire->simple(
			"CREATE SUBSCRIPTION s CONNECTION '$publisher' PUBLICATION p")),
	'none',
	'a traced CREATE SUBSCRIPTION');
$wire->finish;
$subscriber->poll_query_until('postgres', 'SELECT count(*) = 100 FROM t');
my $published = context();
$wire = wire($node, $published);
$wire->simple('INSERT INTO t VALUES (1000, 1000)');
$wire->finish;
ok( $subscriber->poll_query_until(
		'postgres', 'SELECT count(*) = 1 FROM t WHERE id = 1000'),
	'a traced change is applied');
is(scalar(points($subscriber, $published)), 0, 'and that is not traced');
is(scalar(grep { !/^CREATE SUBSCRIPTION/ } @{ shape(points($subscriber, $subscribed)) }),
	0, 'nor are those who apply');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
is(count_in_log($subscriber, 'PANIC|terminated by signal|osprofiler:'),
	0, 'nothing in its log');
$subscriber->stop;

# A parallel worker is killed: PostgreSQL restarts, and what was committed to the
# rings before arrives.
my $killed = context();
$wire = wire($node, $killed);
$wire->simple("SELECT 'before'");
$wire->query("$parallel SELECT count(*) FROM wide a, wide b");
$wire->send;
my $worker = '';
for (1 .. 100)
{
	$worker = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'parallel worker' LIMIT 1");
	last if $worker ne '';
	usleep(50_000);
}
kill 'KILL', $worker if $worker;
$wire->read_until_ready;
ok(!$wire->alive, 'a parallel worker is killed');
wait_until_up($node);
my $later = context();
$wire = wire($node, $later);
$wire->simple("SELECT 'after'");
$wire->finish;
whole($node, $later, 'after the restart', q(SELECT 'after'));
my %found = map { $_ => 1 } statements($node, $killed);
ok($found{q(SELECT 'before')}, 'committed points survive');

$node->stop('fast');
done_testing();
