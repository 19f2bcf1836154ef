# SPDX-License-Identifier: Apache-2.0

# Errors of statements that run by a known plan, at the top. Wherever they come, the
# operation says what went wrong, and what comes next is at the top again. What did
# not run when something else failed has not failed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('errors');
$node->append_conf('postgresql.conf', "osprofiler.points = 'statement, nested, commit'");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 20) g;
CREATE TABLE late (v int UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION divide(by int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN RETURN 10 / by; END$$;
CREATE FUNCTION divide_or_not(by int) RETURNS int LANGUAGE plpgsql AS
	$$BEGIN RETURN 10 / by; EXCEPTION WHEN division_by_zero THEN RETURN NULL; END$$;
CREATE FUNCTION throw_again(by int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN 10 / by;
EXCEPTION WHEN division_by_zero THEN
	BEGIN
		PERFORM 'x'::text::int;
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	RAISE;
END$$;
CREATE FUNCTION log_less(by int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('log_min_messages', 'panic', false);
	RETURN 10 / by;
END$$;
CREATE FUNCTION log_less_early(by int) RETURNS int STABLE LANGUAGE plpgsql AS
	$$BEGIN RETURN log_less(by); END$$;
CREATE TABLE parts (k int) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts VALUES (2);
CREATE ROLE nobody_special;
SQL
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $wire;

sub start_session
{
	$wire = PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user,
		options => '-c plan_cache_mode=force_generic_plan');
	return;
}

# Prepares $sql and runs it in this context: twice with $good, so that its plan
# is known; then what $do does; then with $good again.
sub lines_of
{
	my ($sql, $good, $do, %more) = @_;
	my $context = context();

	start_session();
	$wire->simple($_) for @{ $more{before} // [] };
	$wire->prepare('s', $sql);
	$wire->simple(set_context($context));
	$wire->run_prepared('s', @$good) for 1 .. 2;
	$do->();
	$wire->run_prepared('s', @$good);
	$wire->simple('RESET osprofiler.trace_info; RESET osprofiler.trace_hmac');
	$wire->finish;
	wait_for_delivery($node);
	return tree(wait_for_points($node, $context, 2 * $more{points}));
}

sub fails_with
{
	my ($sqlstate, @events) = @_;
	my ($error) = grep { $_->[0] eq 'error' } @events;

	is($error ? $error->[1] : 'none', $sqlstate, 'the client has its error');
	return;
}

my $line = 'SELECT 10 / $1::int';
my $zero = "$line -> SELECT (division_by_zero)";

# While it runs. What is logged makes no difference to what is told.
foreach my $level (qw(warning error log fatal panic))
{
	is_deeply(
		lines_of(
			$line, [5],
			sub { fails_with('22012', $wire->run_prepared('s', 0)) for 1 .. 2; },
			before => ["SET log_min_messages = $level"],
			points => 5),
		[ ("$line -> SELECT 1") x 2, ($zero) x 2, "$line -> SELECT 1" ],
		"while it runs, with log_min_messages = $level");
}

# The log is turned off while it runs: the error is recorded all the same.
is_deeply(
	lines_of(
		'SELECT log_less($1)', [5],
		sub {
			$wire->simple('SET log_min_messages = warning');
			fails_with('22012', $wire->run_prepared('s', 0));
		},
		before => ["SET osprofiler.points = 'statement'"],
		points => 5),
	[
		('SELECT log_less($1) -> SELECT 1') x 2,
		'SET log_min_messages = warning -> SET',
		'SELECT log_less($1) -> SELECT (division_by_zero)',
		'SELECT log_less($1) -> SELECT 1'
	],
	'the log is turned off in the statement');

# Before it runs: the executor refuses to start.
is_deeply(
	lines_of(
		'SELECT v FROM t WHERE id = $1', [5],
		sub {
			$wire->simple('SET ROLE nobody_special');
			fails_with('42501', $wire->run_prepared('s', 5)) for 1 .. 2;
			$wire->simple('RESET ROLE');
		},
		points => 7),
	[
		('SELECT v FROM t WHERE id = $1 -> SELECT 1') x 2,
		'SET ROLE nobody_special -> SET',
		('SELECT v FROM t WHERE id = $1 -> SELECT (insufficient_privilege)') x 2,
		'RESET ROLE -> RESET',
		'SELECT v FROM t WHERE id = $1 -> SELECT 1'
	],
	'when it starts');

# Which partitions to read is computed before it runs. All of this in a savepoint,
# too: what is aborted then is the subtransaction.
my $parts = 'SELECT k FROM parts WHERE k = log_less_early($1)';
foreach my $begin ([], [ 'BEGIN', 'SAVEPOINT a' ])
{
	my @end = @$begin ? ('ROLLBACK TO a', 'COMMIT') : ();

	is_deeply(
		lines_of(
			$parts, [5],
			sub {
				$wire->simple($_) for 'SET log_min_messages = warning', @$begin;
				fails_with('22012', $wire->run_prepared('s', 0));
				$wire->simple($_) for @end;
			},
			before => ["SET osprofiler.points = 'statement'"],
			points => 5 + @$begin + @end),
		[
			("$parts -> SELECT 1") x 2,
			'SET log_min_messages = warning -> SET',
			(map { $_ . ' -> ' . (split)[0] } @$begin),
			"$parts -> SELECT (division_by_zero)",
			(map { $_ . ' -> ' . (split)[0] } @end),
			"$parts -> SELECT 1"
		],
		'the log is turned off while it starts' . (@$begin ? ', in a savepoint' : ''));
}

# In a transaction and in a savepoint, whose abort does not end it.
is_deeply(
	lines_of(
		$line, [5],
		sub {
			$wire->simple('BEGIN');
			$wire->simple('SAVEPOINT a');
			fails_with('22012', $wire->run_prepared('s', 0));
			$wire->simple('ROLLBACK TO a');
			$wire->run_prepared('s', 2);
			$wire->simple('SAVEPOINT b');
			$wire->prepare('start', 'SELECT 1 FROM t WHERE id = $1');
			$wire->run_prepared('start', 1);
			$wire->simple('COMMIT');
		},
		points => 11),
	[
		("$line -> SELECT 1") x 2,
		'BEGIN -> BEGIN',
		'SAVEPOINT a -> SAVEPOINT',
		$zero,
		'ROLLBACK TO a -> ROLLBACK',
		"$line -> SELECT 1",
		'SAVEPOINT b -> SAVEPOINT',
		'SELECT 1 FROM t WHERE id = $1 -> SELECT 1',
		'COMMIT -> COMMIT',
		"$line -> SELECT 1"
	],
	'in a savepoint');

# Errors that are caught inside end a subtransaction, not the statement.
is_deeply(
	lines_of(
		'SELECT divide_or_not($1)', [5],
		sub { $wire->run_prepared('s', 0) for 1 .. 2; },
		before => ["SET osprofiler.points = 'statement'"],
		points => 5),
	[ ('SELECT divide_or_not($1) -> SELECT 1') x 5 ],
	'an error that is caught inside');
is_deeply(
	lines_of(
		'SELECT throw_again($1)', [5],
		sub { fails_with('22012', $wire->run_prepared('s', 0)); },
		before => ["SET osprofiler.points = 'statement'"],
		points => 4),
	[
		('SELECT throw_again($1) -> SELECT 1') x 2,
		'SELECT throw_again($1) -> SELECT (division_by_zero)',
		'SELECT throw_again($1) -> SELECT 1'
	],
	'one that is thrown again, after another one was caught');

# What is nested in it has its error, too.
is_deeply(
	lines_of(
		'SELECT divide($1)', [5],
		sub { fails_with('22012', $wire->run_prepared('s', 0)); },
		before => ['SET osprofiler.points = statement, nested, function'],
		points => 8),
	[
		('SELECT divide($1) -> SELECT 1', '  pg.function') x 2,
		'SELECT divide($1) -> SELECT (division_by_zero)',
		'  pg.function (division_by_zero)',
		'SELECT divide($1) -> SELECT 1',
		'  pg.function'
	],
	'a function in it');

# With the nodes of its plan, which tell how far they came.
is_deeply(
	lines_of(
		'SELECT 10 / (v - $1) FROM t ORDER BY id', [100],
		sub { fails_with('22012', $wire->run_prepared('s', 5)); },
		before => ['SET osprofiler.points = statement, node',
			'SET enable_seqscan = off', 'SET enable_sort = off'],
		points => 8),
	[
		('SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT 20',
			'  pg.node') x 2,
		'SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT (division_by_zero)',
		'  pg.node',
		'SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT 20',
		'  pg.node'
	],
	'the nodes of its plan');

# A change that fails when it is over.
is_deeply(
	lines_of(
		'INSERT INTO late VALUES ($1)', [undef],
		sub {
			$wire->run_prepared('s', 1);
			fails_with('23505', $wire->run_prepared('s', 1));
			$wire->run_prepared('s', 2);
		},
		points => 12),
	[
		('INSERT INTO late VALUES ($1) -> INSERT 1', 'pg.commit') x 3,
		'INSERT INTO late VALUES ($1) -> INSERT 1', 'pg.commit (unique_violation)',
		('INSERT INTO late VALUES ($1) -> INSERT 1', 'pg.commit') x 2
	],
	'a deferred check, behind it');

# What is finished only when its portal is thrown away.
foreach my $sql (
	'SELECT 10 / (v - $1) FROM t WHERE id = 5 FOR UPDATE',
	'WITH changed AS (UPDATE t SET v = v WHERE id = 5 RETURNING v) SELECT 10 / (v - $1) FROM changed')
{
	is_deeply(
		lines_of(
			$sql, [4],
			sub { fails_with('22012', $wire->run_prepared('s', 5)); },
			before => ["SET osprofiler.points = 'statement'"],
			points => 4),
		[
			("$sql -> SELECT 1") x 2,
			"$sql -> SELECT (division_by_zero)",
			"$sql -> SELECT 1"
		],
		'finished late: ' . substr $sql, 0, 12);
}

# It is cancelled, it takes too long, and its session is ended.
is_deeply(
	lines_of(
		'SELECT pg_sleep($1)', [0],
		sub {
			$wire->simple("SET statement_timeout = '100ms'");
			fails_with('57014', $wire->run_prepared('s', 600));
			$wire->simple('RESET statement_timeout');
			$wire->bind('', 's', 600)->execute('')->sync->send;
			$wire->cancel_until_heard;
			fails_with('57014', $wire->read_until_ready);
		},
		points => 7),
	[
		('SELECT pg_sleep($1) -> SELECT 1') x 2,
		q{SET statement_timeout = '100ms' -> SET},
		'SELECT pg_sleep($1) -> SELECT (query_canceled)',
		'RESET statement_timeout -> RESET',
		'SELECT pg_sleep($1) -> SELECT (query_canceled)',
		'SELECT pg_sleep($1) -> SELECT 1'
	],
	'cancelled');

# A portal of an outer transaction that fails in a savepoint, and is not used up.
my $outer = context();
start_session();
$wire->prepare('s', 'SELECT 10 / (v - $1) FROM t ORDER BY id');
$wire->simple(set_context($outer));
$wire->run_prepared('s', 100) for 1 .. 2;
$wire->simple('BEGIN');
$wire->bind('p', 's', 5)->execute('p', 2)->sync;
$wire->read_until_ready;
$wire->simple('SAVEPOINT a');
fails_with('22012', $wire->execute('p', 0)->sync->read_until_ready);
$wire->simple('ROLLBACK TO a');
$wire->run_prepared('s', 100);
$wire->simple('ROLLBACK');
$wire->simple('RESET osprofiler.trace_info');
$wire->finish;
wait_for_delivery($node);
is_deeply(
	tree(wait_for_points($node, $outer, 16)),
	[
		('SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT 20') x 2,
		'BEGIN -> BEGIN',
		'SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT (division_by_zero)',
		'SAVEPOINT a -> SAVEPOINT',
		'ROLLBACK TO a -> ROLLBACK',
		'SELECT 10 / (v - $1) FROM t ORDER BY id -> SELECT 20',
		'ROLLBACK -> ROLLBACK'
	],
	'a portal of an outer transaction');

# The unnamed portal, left in the middle: what it ran in is rolled back or is not,
# it is committed, or another one comes. Other statements have portals of their own
# meanwhile.
my $rows = 'SELECT v FROM t ORDER BY id';

sub in_its_own_portal
{
	my ($sql) = @_;

	$wire->parse('other', $sql)->bind('other', 'other')->execute('other');
	$wire->close_portal('other')->close_statement('other');
	return $wire->sync->read_until_ready;
}

sub begin_slices { return $wire->bind('', 's')->execute('', 2)->sync->read_until_ready; }
sub slice { return $wire->execute('', 5)->sync->read_until_ready; }

foreach my $case (
	[ 'rolled back', [ 'BEGIN', \&begin_slices, 'ROLLBACK' ], "$rows -> SELECT 2" ],
	[ 'rolled back to before it',
		[ 'BEGIN', 'SAVEPOINT a', \&begin_slices, 'ROLLBACK TO a', 'COMMIT' ],
		"$rows -> SELECT 2" ],
	[ 'rolled back to before a savepoint that it ran in',
		[ 'BEGIN', 'SAVEPOINT a', 'SAVEPOINT b', \&begin_slices, 'RELEASE b', 'ROLLBACK TO a',
			'COMMIT' ],
		"$rows -> SELECT 2" ],
	[ 'rolled back to a savepoint that it went on in',
		[ 'BEGIN', \&begin_slices, 'SAVEPOINT a', \&slice, 'ROLLBACK TO a', 'COMMIT' ],
		"$rows -> SELECT 7" ],
	[ 'rolled back to behind it',
		[ 'BEGIN', \&begin_slices, 'SAVEPOINT a', 'ROLLBACK TO a', \&slice, 'COMMIT' ],
		"$rows -> SELECT 7" ],
	[ 'committed', [ 'BEGIN', \&begin_slices, 'COMMIT' ], "$rows -> SELECT 2" ],
	[ 'followed by another',
		[ 'BEGIN', \&begin_slices, sub { $wire->run_prepared('s') }, 'COMMIT' ],
		"$rows -> SELECT 2", "$rows -> SELECT 20" ])
{
	my ($what, $steps, @expected) = @$case;

	is_deeply(
		[
			grep { /^\Q$rows\E/ } @{
				lines_of(
					$rows, [],
					sub { ref $_ ? $_->() : in_its_own_portal($_) for @$steps; },
					before => ["SET osprofiler.points = 'statement'"],
					points => 3 + @expected + grep { !ref } @$steps)
			}
		],
		[ ("$rows -> SELECT 20") x 2, @expected, "$rows -> SELECT 20" ],
		"a portal without a name, $what");
}

# The same of one without a name. Another one, whose memory may lie where its own
# was, tells of itself.
my $divide = 'SELECT 10 / (v - $1) FROM t ORDER BY id';
is_deeply(
	lines_of(
		$divide, [100],
		sub {
			in_its_own_portal('BEGIN');
			$wire->bind('', 's', 5)->execute('', 2)->sync->read_until_ready;
			in_its_own_portal('SAVEPOINT a');
			fails_with('22012', slice());
			in_its_own_portal('ROLLBACK TO a');
			$wire->run_prepared('s', 100) for 1 .. 2;
			in_its_own_portal('COMMIT');
		},
		before => ["SET osprofiler.points = 'statement'"],
		points => 10),
	[
		("$divide -> SELECT 20") x 2,
		'BEGIN -> BEGIN',
		"$divide -> SELECT (division_by_zero)",
		'SAVEPOINT a -> SAVEPOINT',
		'ROLLBACK TO a -> ROLLBACK',
		("$divide -> SELECT 20") x 2,
		'COMMIT -> COMMIT',
		"$divide -> SELECT 20"
	],
	'a portal without a name that fails in a savepoint');

# BEGIN and COMMIT, which have no plans.
my $begin = 'BEGIN ISOLATION LEVEL SERIALIZABLE';
foreach my $level (qw(warning log panic))
{
	is_deeply(
		lines_of(
			$begin, [],
			sub {
				$wire->simple($_) for 'COMMIT', 'BEGIN', 'SELECT 1';
				fails_with('25001', $wire->run_prepared('s'));
				$wire->simple('ROLLBACK');
			},
			before => ["SET log_min_messages = $level"],
			points => 8),
		[
			("$begin -> BEGIN") x 2,
			'COMMIT -> COMMIT',
			'BEGIN -> BEGIN',
			'SELECT 1 -> SELECT 1',
			"$begin -> BEGIN (active_sql_transaction)",
			'ROLLBACK -> ROLLBACK',
			"$begin -> BEGIN"
		],
		"BEGIN, with log_min_messages = $level");
	is_deeply(
		lines_of(
			'COMMIT AND CHAIN', [],
			sub {
				$wire->simple('ROLLBACK');
				fails_with('25P01', $wire->run_prepared('s')) for 1 .. 2;
				$wire->simple('BEGIN');
			},
			before => [ "SET log_min_messages = $level", 'BEGIN' ],
			points => 7),
		[
			('COMMIT AND CHAIN -> COMMIT') x 2,
			'ROLLBACK -> ROLLBACK',
			('COMMIT AND CHAIN -> COMMIT (no_active_sql_transaction)') x 2,
			'BEGIN -> BEGIN',
			'COMMIT AND CHAIN -> COMMIT'
		],
		"COMMIT, with log_min_messages = $level");
}

# A COMMIT that goes well, until what was put off to it fails.
is_deeply(
	lines_of(
		'COMMIT', [],
		sub {
			$wire->simple($_) for 'BEGIN', 'INSERT INTO late VALUES (1), (1)';
			fails_with('23505', $wire->run_prepared('s'));
		},
		before => ["SET osprofiler.points = 'statement'"],
		points => 6),
	[
		('COMMIT -> COMMIT') x 2,
		'BEGIN -> BEGIN',
		'INSERT INTO late VALUES (1), (1) -> INSERT 2',
		'COMMIT -> COMMIT (unique_violation)',
		'COMMIT -> COMMIT'
	],
	'COMMIT, put off to which was what fails');

is(count_in_log($node, 'PANIC|terminated by signal|ERROR:  could not'), 0, 'no crash');
$node->stop;
done_testing();
