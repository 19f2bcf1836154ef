# SPDX-License-Identifier: Apache-2.0
#
# 200_wait.pl
#	  What statements wait for: sampled events, and locks with who held them.

use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run qw(start finish);
use List::Util qw(max);
use OspTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $node = new_node('wait');
$node->append_conf('postgresql.conf', "deadlock_timeout = '300ms'\nmax_prepared_transactions = 2\n");
$node->start;
$node->safe_psql('postgres',
	'CREATE TABLE t (id int PRIMARY KEY, n int);'
	  . 'INSERT INTO t SELECT g, 0 FROM generate_series(1, 3) g');

my $sees_others = $node->safe_psql('postgres', 'SHOW server_version_num') >= 140000;
my $points = "SET osprofiler.points = 'statement, nested, wait';";

# psql that runs beside us.
my $scripts = 0;
sub background
{
	my ($sql) = @_;
	my %run = (out => '', err => '');
	my $script = $node->basedir . '/script' . ++$scripts;

	write_file($script, $sql, 0600);
	$run{psql} = start [
		'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $script ],
	  '>', \$run{out}, '2>', \$run{err};
	return \%run;
}

sub wait_until_sleeping
{
	for (1 .. 100)
	{
		return
		  if $node->safe_psql('postgres',
			'SELECT count(*) FROM pg_stat_activity'
			  . " WHERE wait_event = 'PgSleep'") > 0;
	}
	die 'nobody sleeps';
}

# SQL that goes on some time after somebody waits for a lock, however late that is.
my $until_waited = 'DO $$ BEGIN'
  . ' WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP PERFORM pg_sleep(0.02); END LOOP;'
  . ' PERFORM pg_sleep(1); END $$;';

# Changes a byte of the trace that a backend has noted in its slot.
sub spoil_note
{
	my ($context) = @_;
	my ($path) = glob $node->safe_psql('postgres', 'SHOW osprofiler.run_directory') . '/*/waits.1';
	open my $file, '+<:raw', $path or die "$path: $!";
	my $bytes = do { local $/; <$file> };
	my $at = index $bytes, pack('H*', $context->{base} =~ s/-//gr);

	die 'no backend has noted it' if $at < 0;
	seek $file, $at, 0;
	print $file chr(1 ^ ord substr $bytes, $at, 1);
	close $file or die $!;
	return;
}

# A statement that has run for a while and has no wait event writes to a full pipe.
sub stuck_at_log
{
	my ($query) = @_;

	return $node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '$query' AND wait_event IS NULL"
		  . " AND state = 'active' AND clock_timestamp() - query_start > '400ms')");
}

# Start and stop of the points with this name.
sub pairs
{
	my ($name, @points) = @_;
	my %stops = map { $_->{trace_id} => $_ }
	  grep { $_->{name} eq "$name-stop" } @points;

	return map { [ $_, $stops{ $_->{trace_id} } ] }
	  grep { $_->{name} eq "$name-start" } @points;
}

sub ms
{
	my ($pair) = @_;
	return $pair->[1]{info}{elapsed_ns} / 1e6;
}

# The first traced statement has the worker started, which sees the waits.
my $early = context();
$node->safe_psql('postgres', set_context($early) . 'SELECT 1');
wait_for_points($node, $early, 2);

# Events of a statement.
my $sleeps = context();
$node->safe_psql('postgres',
	set_context($sleeps) . $points . 'SELECT pg_sleep(0.3)');
my ($slept) = pairs('pg', wait_for_points($node, $sleeps, 2));
my $waits = $slept->[1]{info}{db}{waits};
ok( $waits->{'Timeout:PgSleep'} > 250
	  && $waits->{'Timeout:PgSleep'} <= ms($slept) + 1,
	'a statement says what it waited for')
  or diag explain $waits;

# Within it, a nested statement that waits has its own part.
my $nested = context();
$node->safe_psql('postgres',
		set_context($nested)
	  . $points
	  . 'DO $$ BEGIN PERFORM pg_sleep(0.1); PERFORM pg_sleep(0.2); END $$');
my @nested = pairs('pg', wait_for_points($node, $nested, 6));
my @parts = map { $_->[1]{info}{db}{waits}{'Timeout:PgSleep'} // 0 } @nested;
is(scalar(@parts), 3, 'three statements');
my @least = (250, 60, 150);
foreach my $i (0 .. $#parts)
{
	ok($parts[$i] > $least[$i] && $parts[$i] <= ms($nested[$i]) + 1,
		"the waits of each, and of what it runs: $i")
	  or diag "$parts[$i] of " . ms($nested[$i]);
}
cmp_ok($parts[1] + $parts[2], '<=', $parts[0] + 1, 'which are those of both');

# None is told of what the one before it waited for, however rare the looks are.
my $row = context();
$node->safe_psql('postgres',
		set_context($row)
	  . $points
	  . 'DO $$ BEGIN PERFORM pg_sleep(0.3);'
	  . ' FOR i IN 1 .. 12 LOOP PERFORM pg_sleep(0.03); END LOOP; END $$');
my @row = pairs('pg', wait_for_points($node, $row, 28));
is(scalar(@row), 14, 'a row of statements that wait');
my @longer = grep {
	($_->[1]{info}{db}{waits}{'Timeout:PgSleep'} // 0) > ms($_) + 1
} @row;
is(scalar(@longer), 0, 'none waits longer than it runs');

# A row that another traced transaction has changed.
my $holder = context();
my $waiter = context();
my $other = background(set_context($holder)
	  . "BEGIN; UPDATE t SET n = 1 WHERE id = 1; SELECT pg_sleep(2); COMMIT;");
wait_until_sleeping();
my $pid = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
$node->safe_psql('postgres',
	set_context($waiter) . $points . 'UPDATE t SET n = 2 WHERE id = 1');
finish $other->{psql};
my @points = wait_for_points($node, $waiter, 4);
my ($wait) = pairs('pg.wait', @points);
my ($update) = pairs('pg', @points);
ok($wait, 'a wait for a lock is a point');
is($wait->[0]{parent_id}, $update->[0]{trace_id}, 'under its statement');
is($wait->[0]{info}{db}{lock}{type}, 'transactionid', 'with the kind of lock');
is($wait->[0]{info}{db}{lock}{mode}, 'ShareLock', 'and its mode');
is($wait->[0]{info}{db}{held_by}{pid}, $pid, 'who held it');
is($wait->[0]{info}{db}{held_by}{base_id},
	$holder->{base}, 'and on behalf of which trace');
my $lock = $wait->[0]{info}{db}{lock};
is($lock->{table}, 't', 'the table of the row');
is("$lock->{page},$lock->{tuple}", '0,1', 'and the row');
SKIP:
{
	skip 'PostgreSQL 13 does not let others look', 5 if !$sees_others;
	my $held_by = $wait->[0]{info}{db}{held_by};
	is($held_by->{state}, 'active', 'what the holder does');
	is($held_by->{statement}, 'SELECT pg_sleep(2)', 'with which statement');
	is($held_by->{application}, basename($0), 'in which program');
	is($held_by->{user}, $node->safe_psql('postgres', 'SELECT current_user'), 'as whom');
	is($lock->{name}, "ShareLock on t, row (0,1), held by process $pid (" . basename($0) . ', active)',
		'in words');
}
ok(ms($wait) <= ms($update) && ms($wait) > ms($update) - 60,
	'the wait is as long as the statement')
  or diag ms($wait) . ' of ' . ms($update);
ok( abs($update->[1]{info}{db}{waits}{'Lock:transactionid'} - ms($wait)) < 60,
	'as is the event');

# A holder that has gone, and left nothing, when the one that waited goes on.
{
	my $gone = context();
	my $late = context();
	my $directory = $node->safe_psql('postgres', 'SHOW osprofiler.run_directory');
	my $leaves = $node->background_psql('postgres');
	$leaves->query_safe(set_context($gone) . 'BEGIN; UPDATE t SET n = 3 WHERE id = 1');
	my $waits = background(
		set_context($late) . $points . 'UPDATE t SET n = 4 WHERE id = 1');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	sleep 0.2;
	my $stopped = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	kill 'STOP', $stopped;
	$leaves->query_safe('COMMIT');
	$leaves->quit;
	for (1 .. 500)
	{
		last if (() = glob "$directory/*/ring.*") <= 1;
		sleep 0.02;
	}
	is(scalar(() = glob "$directory/*/ring.*"), 1, 'what the holder left is gone');
	kill 'CONT', $stopped;
	finish $waits->{psql};
	my ($wait_for_gone) = pairs('pg.wait', wait_for_points($node, $late, 4));
	is($wait_for_gone->[0]{info}{db}{held_by}{base_id},
		$gone->{base}, 'on behalf of which trace it held the lock');
}

# A note that is half written, or of a transaction before, names no trace.
my $before = context();
foreach my $case (
	[ 'half written', sub { spoil_note($before) }, 'BEGIN' ],
	[ 'of a transaction before', sub { }, 'SELECT 1; RESET osprofiler.trace_info; RESET osprofiler.trace_hmac; BEGIN' ])
{
	my ($what, $do, $begin) = @$case;
	my $asks = context();
	my $holds = $node->background_psql('postgres');
	$holds->query_safe(set_context($before) . $begin . '; UPDATE t SET n = 5 WHERE id = 1');
	$do->();
	my $waits = background(set_context($asks) . $points . 'UPDATE t SET n = 6 WHERE id = 1');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	sleep 0.2;
	$holds->query_safe('COMMIT');
	$holds->quit;
	finish $waits->{psql};
	my ($found) = pairs('pg.wait', wait_for_points($node, $asks, 4));
	ok($found->[0]{info}{db}{held_by}{pid} > 0, "a note $what: the holder");
	is($found->[0]{info}{db}{held_by}{base_id}, undef, "a note $what: not its trace");
}

# A chain: the holder waits for another one, which is idle in its transaction. What it
# did last is recorded as any statement.
SKIP:
{
	skip 'PostgreSQL 13 does not let others look', 5 if !$sees_others;
	my $idle = $node->background_psql('postgres');
	$idle->query_safe("SET application_name = 'forgotten'");
	$idle->query_safe('BEGIN; UPDATE t SET n = 7 WHERE id = 3');
	$idle->query_safe("ALTER ROLE CURRENT_USER PASSWORD 'lock-secret'");
	my $middle = background("SET application_name = 'password=lock-secret';"
		  . 'BEGIN; UPDATE t SET n = 8 WHERE id = 2;'
		  . 'UPDATE t SET n = 8 WHERE id = 3; COMMIT;');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	my $last = context();
	my $waits = background(
		set_context($last) . $points . 'UPDATE t SET n = 9 WHERE id = 2');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
	sleep 0.2;
	$idle->query_safe('COMMIT');
	$idle->quit;
	finish $middle->{psql};
	finish $waits->{psql};
	my ($chain) = pairs('pg.wait', wait_for_points($node, $last, 4));
	my $root = $chain->[0]{info}{db}{waits_for};
	is($chain->[0]{info}{db}{held_by}{application}, '***', 'a name that is a secret');
	is($root->{chain}, 1, 'a chain of waits');
	is("$root->{application}, $root->{state}", 'forgotten, idle in transaction', 'who began it');
	is($root->{statement}, "ALTER ROLE CURRENT_USER PASSWORD '***'", 'what that did last');
	like($chain->[0]{info}{db}{lock}{name},
		qr/^ShareLock on t, row \(0,\d+\), held by process \d+ \(\*\*\*, active\), which waits for process \d+ \(forgotten, idle in transaction\)$/,
		'in words');
}

# A prepared transaction holds the lock: it has no process, and so nothing else.
$node->safe_psql('postgres',
	"BEGIN; UPDATE t SET n = 10 WHERE id = 1; PREPARE TRANSACTION 'prepared'");
my $blocked = context();
$other = background(set_context($blocked) . $points . 'UPDATE t SET n = 11 WHERE id = 1');
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'");
sleep 0.1;
$node->safe_psql('postgres', "COMMIT PREPARED 'prepared'");
finish $other->{psql};
($wait) = pairs('pg.wait', wait_for_points($node, $blocked, 4));
is_deeply($wait->[0]{info}{db}{held_by}, { holders => 1, pid => 0 },
	'a prepared transaction holds it');
like($wait->[0]{info}{db}{lock}{name},
	qr/^ShareLock on t, row \(0,\d+\), held by a prepared transaction$/, '... and is named as such');

# A table, by somebody who is not traced. No time runs out because of us, and
# none runs out later.
$other = background(
	'BEGIN; LOCK TABLE t; SELECT pg_sleep(2); COMMIT;');
wait_until_sleeping();
my $timeout = context();
my ($status, $out, $err) = $node->psql('postgres',
		set_context($timeout)
	  . $points
	  . "SET lock_timeout = '200ms'; SELECT count(*) FROM t;");
like($err, qr/due to lock timeout/, 'lock_timeout works');
($status, $out, $err) = $node->psql('postgres',
		set_context($timeout)
	  . $points
	  . "SET statement_timeout = '200ms'; SELECT count(*) FROM t;");
like($err, qr/due to statement timeout/, 'statement_timeout works');
finish $other->{psql};

# Points of the SELECTs only; these are analysed, and wait, before they run.
$other = background(
	'BEGIN; LOCK TABLE t; SELECT pg_sleep(2); COMMIT;');
wait_until_sleeping();
my $untraced = context();
$node->safe_psql('postgres',
		set_context($untraced)
	  . $points
	  . 'DO $$ BEGIN LOCK TABLE t IN SHARE MODE; END $$');
finish $other->{psql};
($wait) = pairs('pg.wait', wait_for_points($node, $untraced, 6));
is($wait->[0]{info}{db}{lock}{type}, 'relation', 'a wait for a table');
ok($wait->[0]{info}{db}{held_by}{pid} > 0, 'has a holder');
ok(!exists $wait->[0]{info}{db}{held_by}{base_id}, 'that is not traced');

# Two that wait for each other.
my $victim = context();
$other = background(set_context($victim)
	  . $points
	  . "BEGIN; UPDATE t SET n = 3 WHERE id = 2; $until_waited"
	  . 'UPDATE t SET n = 3 WHERE id = 3; COMMIT;');
wait_until_sleeping();
my $second = context();
($status, $out, $err) = $node->psql('postgres',
		set_context($second)
	  . $points
	  . 'BEGIN; UPDATE t SET n = 4 WHERE id = 3;'
	  . 'UPDATE t SET n = 4 WHERE id = 2; COMMIT;');
finish $other->{psql};
like($err . $other->{err}, qr/deadlock detected/, 'a deadlock is found');
ok(pairs('pg.wait', wait_for_points($node, $second, 8)), 'and its wait told');
my @names = map { $_->[0]{info}{db}{lock}{name} }
  map { pairs('pg.wait', wait_for_points($node, $_, 8)) } $second, $victim;
is( scalar(grep { /^ShareLock on relation \d+, row \(0,\d+\), held by process \d+\b/ } @names),
	1, 'the one that failed names its table by the number')
  or diag "@names";

# One that ends with its session, after it was seen by the sampler.
$other = background(
	'BEGIN; UPDATE t SET n = 1 WHERE id = 1; SELECT pg_sleep(3); COMMIT;');
wait_until_sleeping();
my $ended = context();
my $ends = background(
	set_context($ended) . $points . 'UPDATE t SET n = 2 WHERE id = 1');
$node->poll_query_until('postgres',
		'SELECT count(pg_terminate_backend(pid)) = 1 FROM pg_stat_activity'
	  . " WHERE wait_event = 'transactionid'"
	  . " AND query_start < clock_timestamp() - interval '500 ms'")
  or die 'nobody waits';
finish $ends->{psql};
finish $other->{psql};
is_deeply(
	shape(wait_for_points($node, $ended, 4)),
	[ 'UPDATE t SET n = 2 WHERE id = 1 (admin_shutdown)', 'pg.wait-start' ],
	'a wait that ends with its session');

# The server logs a wait once, as it would without us.
$node->append_conf('postgresql.conf', "log_lock_waits = on\n");
$node->reload;
$other = background(
	"BEGIN; UPDATE t SET n = 1 WHERE id = 1; $until_waited COMMIT;");
wait_until_sleeping();
my $logged = context();
$node->safe_psql('postgres',
	set_context($logged) . $points . 'UPDATE t SET n = 2 WHERE id = 1');
finish $other->{psql};
is(count_in_log($node, 'still waiting for ShareLock'),
	1, 'a wait is logged once');
ok(pairs('pg.wait', wait_for_points($node, $logged, 4)), 'and reported');

# It lasts as long as the log says, whatever the statement does then, and however
# long it waits: less than deadlock_timeout, a bit more, twice, until it is cancelled.
$node->safe_psql('postgres', 'CREATE EXTENSION osprofiler; CREATE TABLE slow (id int, n int);'
	  . ' INSERT INTO slow VALUES (1, 0), (2, 0);'
	  . 'CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS'
	  . q{ 'BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END';}
	  . 'CREATE TRIGGER dawdle AFTER UPDATE ON slow'
	  . ' FOR EACH ROW WHEN (NEW.n = 2) EXECUTE FUNCTION dawdle()');
my %waits = (
	'less than the timeout' => 'SELECT pg_sleep(0.6); COMMIT',
	'more' => 'SELECT pg_sleep(2); COMMIT',
	'twice' => 'SELECT pg_sleep(2); COMMIT; BEGIN;'
	  . ' UPDATE slow SET n = 4 WHERE id = 2; SELECT pg_sleep(3); COMMIT',
	'cancelled' => 'SELECT pg_sleep(3); COMMIT');
foreach my $what (sort keys %waits)
{
	my $waiting = context();

	$other = background("BEGIN; UPDATE slow SET n = 1 WHERE id = 1; $waits{$what};");
	wait_until_sleeping();
	my $before = -s $node->logfile;
	$node->psql('postgres',
		set_context($waiting) . $points . "SET deadlock_timeout = '600ms';"
		  . ($what eq 'cancelled' ? "SET statement_timeout = '1500ms';" : '')
		  . 'DO $$BEGIN UPDATE slow SET n = 2 WHERE id = 1;'
		  . ($what eq 'twice' ? ' UPDATE slow SET n = 3 WHERE id = 2;' : '')
		  . ' END$$');
	finish $other->{psql};
	wait_for_delivery($node);
	my $log = substr slurp_file($node->logfile), $before;
	my @logged = $log =~ /acquired ShareLock on transaction \d+ after ([\d.]+) ms/g;
	my @told = map { ms($_) } pairs('pg.wait', points($node, $waiting));
	my ($block) = grep { $_->[0]{info}{db}{statement} =~ /^DO/ }
	  pairs('pg', points($node, $waiting));
	my $sum = $block->[1]{info}{db}{waits}{'Lock:transactionid'};
	my $all = 0;

	$all += $_ for @told;
	is(scalar @told, $what eq 'twice' ? 2 : 1, "$what: waits");
	is(scalar @logged, $what eq 'twice' ? 2 : $what eq 'more' ? 1 : 0, "$what: logged");
	cmp_ok(abs($told[$_] - $logged[$_]), '<', 20, "$what: $told[$_] ms, logged as $logged[$_]")
	  for 0 .. $#logged;
	cmp_ok($told[0], '<', 620, "$what: $told[0] ms") if $what =~ /less/;
	cmp_ok(abs($told[0] - 1500), '<', 100, "$what: $told[0] ms") if $what eq 'cancelled';
	cmp_ok(abs($sum - $all), '<', 60, "$what: $sum ms in the sum, of $all");
}

# A backend that looks for a deadlock, and writes to the log in the middle of it, waits
# on. Here the process that writes the log is stopped, with its pipe full.
$node->append_conf('postgresql.conf', "logging_collector = on\nlog_statement = none");
$node->restart;
my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
my ($logger) = qx(pgrep -P $postmaster -f logger) =~ /(\d+)/;
my $stopped = context();
$other = background('BEGIN; UPDATE t SET n = 1 WHERE id = 3; SELECT pg_sleep(2.5); COMMIT');
wait_until_sleeping();
kill 'STOP', $logger;
my $full = background(q{DO $$BEGIN RAISE LOG '%', repeat('x', 1000000); END$$});
ok(stuck_at_log('^DO'), 'the log takes no more');
my $stuck = background(set_context($stopped) . $points . "SET deadlock_timeout = '100ms';"
	  . 'UPDATE t SET n = 2 WHERE id = 3');
ok(stuck_at_log('^UPDATE t SET n = 2'), 'a backend that waits stops there');
kill 'CONT', $logger;
finish $_->{psql} for $full, $other, $stuck;
my @one = pairs('pg.wait', wait_for_points($node, $stopped, 4));
is(scalar @one, 1, 'stopped at the log: one wait');
my ($held) = grep { $_->[0]{info}{db}{statement} =~ /^UPDATE/ }
  pairs('pg', points($node, $stopped));
cmp_ok(ms($held), '>', 500, 'stopped at the log: ' . ms($held) . ' ms');
cmp_ok(ms($held) - ms($one[0]), '<', 60, 'stopped at the log: ' . ms($one[0]) . ' ms of them waiting');
cmp_ok(ms($held) - $held->[1]{info}{db}{waits}{'Lock:transactionid'},
	'<', 60, 'stopped at the log: waited as long in the sum');

# Nothing of it stays behind.
my $after = context();
$node->safe_psql('postgres', set_context($after) . 'SELECT 1');
my ($plain) = pairs('pg', wait_for_points($node, $after, 2));
ok(!exists $plain->[1]{info}{db}{waits}, 'no waits unless asked for');

$node->stop;
done_testing();
