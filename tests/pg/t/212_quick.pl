# SPDX-License-Identifier: Apache-2.0

# osprofiler.min_duration for prepared statements that are run again and again: of
# such a statement not even the start is written before it is known to be slow, or
# something else has to be told of it.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib "$FindBin::RealBin/../lib";
use OspTest;
use PgWire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('quick');
$node->append_conf('postgresql.conf',
	"osprofiler.points = 'statement, nested, wait'\n");
$node->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION osprofiler;
CREATE TABLE t (id int PRIMARY KEY, v int);
INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 1000) g;
CREATE FUNCTION nested(seconds float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'before';
	PERFORM pg_sleep(seconds);
	PERFORM 'after';
END $$;
CREATE FUNCTION thrown_away(seconds float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'DEALLOCATE ALL';
	PERFORM pg_sleep(seconds);
END $$;
});
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my ($quick, $slow) = (0, 0.6);
my $seen = 0;

sub connect_wire
{
	return PgWire->new(
		$node->host . '/.s.PGSQL.' . $node->port,
		database => 'postgres', user => $user,
		options => '-c plan_cache_mode=force_generic_plan');
}

# The points that came since it was called last.
sub new_points
{
	wait_for_delivery($node);
	my @lines = split /\n/, slurp_file(trace_file($node));
	my @new = map { decode_json($_) } @lines[ $seen .. $#lines ];

	$seen = @lines;
	return @new;
}

# The same, which must be these operations.
sub told
{
	my ($name, @expected) = @_;
	my @new = new_points();

	is_deeply(tree(@new), \@expected, $name) or diag(explain(tree(@new)));
	return @new;
}

# Runs it as often as it takes to be known, and with these values then.
sub run_known
{
	my ($wire, $name, $values, @then) = @_;

	$wire->run_prepared($name, @$values) for 1 .. 3;
	$wire->run_prepared($name, @$_) for @then;
	return;
}

sub check_all
{
	my ($mode, @settings) = @_;
	my $wire = connect_wire();

	$wire->simple($_) for @settings, "SET osprofiler.min_duration = '400ms'";

	$wire->prepare('sleep', 'SELECT pg_sleep($1)');
	run_known($wire, 'sleep', [$quick], [$slow], [$quick], [$quick]);
	told("$mode: the slow one of quick ones", 'SELECT pg_sleep($1) -> SELECT 1');

	$wire->prepare('nested', 'SELECT nested($1)');
	run_known($wire, 'nested', [$quick], [$slow], [$quick]);
	told("$mode: with what it ran",
		'SELECT nested($1) -> SELECT 1',
		"  SELECT 'before' -> SELECT 1",
		'  SELECT pg_sleep(seconds) -> SELECT 1',
		"  SELECT 'after' -> SELECT 1");

	$wire->prepare('failed', 'SELECT 10 / $1::int');
	run_known($wire, 'failed', [1], [0], [2]);
	told("$mode: one that failed", 'SELECT 10 / $1::int -> SELECT (division_by_zero)');

	# Its plan is thrown away while it runs, and with it what its start is made of.
	$wire->prepare('thrown', 'SELECT thrown_away($1)');
	$wire->run_prepared('thrown', $quick);
	foreach my $seconds ($quick, $quick, $slow, $quick)
	{
		$wire->prepare('thrown', 'SELECT thrown_away($1)');
		$wire->simple('SELECT 1');
		$wire->run_prepared('thrown', $seconds);
	}
	told("$mode: a plan that is thrown away",
		'SELECT thrown_away($1) -> SELECT 1',
		"  DEALLOCATE ALL -> DEALLOCATE ALL",
		'  SELECT pg_sleep(seconds) -> SELECT 1');

	# What it began as, also if meanwhile the same statement begins as another.
	$wire->prepare('each', 'SELECT pg_sleep($1) FROM t WHERE id < 4');
	$wire->simple("SET application_name = 'first'");
	run_known($wire, 'each', [$quick]);
	$wire->simple('BEGIN');
	$wire->bind('p', 'each', $slow / 2)->execute('p', 1)->sync->read_until_ready;
	$wire->simple("SET application_name = 'second'");
	$wire->run_prepared('each', $quick);
	$wire->execute('p', 1)->sync->read_until_ready;
	$wire->simple('COMMIT; RESET application_name');
	my ($each) = told("$mode: attributes that change meanwhile",
		'SELECT pg_sleep($1) FROM t WHERE id < 4 -> SELECT 2');
	is($each->{info}{db}{application}, 'first', "$mode: told are the first ones");

	# A portal that is left half run, with others beside it.
	$wire->prepare('sleep', 'SELECT pg_sleep($1)');
	$wire->prepare('rows', 'SELECT id FROM t ORDER BY id');
	$wire->run_prepared('rows') for 1 .. 3;
	$wire->simple('BEGIN');
	$wire->bind('p', 'rows')->execute('p', 5)->sync->read_until_ready;
	$wire->run_prepared('sleep', $quick);
	$wire->run_prepared('sleep', $slow);
	$wire->execute('p', 5)->sync->read_until_ready;
	$wire->simple('COMMIT');
	told("$mode: beside a portal that is half run", 'SELECT pg_sleep($1) -> SELECT 1');

	# It waits for a lock.
	my $other = connect_wire();
	$other->simple('SET osprofiler.enabled = off');
	$wire->prepare('locked', 'SELECT v FROM t WHERE id = $1 FOR UPDATE');
	run_known($wire, 'locked', [1], [2]);
	$other->simple('BEGIN; UPDATE t SET v = v WHERE id = 1');
	$wire->bind('', 'locked', 1)->execute('')->sync->send;
	select undef, undef, undef, $slow;
	$other->simple('COMMIT');
	$wire->read_until_ready;
	$wire->run_prepared('locked', 3);
	$other->finish;
	my ($waited, @waits) = @{ tree(new_points()) };
	is($waited, 'SELECT v FROM t WHERE id = $1 FOR UPDATE -> SELECT 1',
		"$mode: one that waited");
	cmp_ok(scalar(grep { /^  pg\.wait/ } @waits), '>', 0, "$mode: and its wait");

	$wire->bind('', 'sleep', 30)->execute('')->sync->send;
	select undef, undef, undef, 0.1;
	$wire->cancel_until_heard;
	$wire->read_until_ready;
	$wire->run_prepared('sleep', $quick);
	told("$mode: one that was cancelled", 'SELECT pg_sleep($1) -> SELECT (query_canceled)');

	# It becomes slow, or not, by a setting that is changed meanwhile.
	$wire->run_prepared('nested', $quick);
	$wire->simple("SET osprofiler.min_duration = '1h'");
	$wire->run_prepared('sleep', $slow);
	$wire->simple('SET osprofiler.min_duration = -1');
	$wire->run_prepared('sleep', $quick);
	told("$mode: as the setting says", 'SELECT pg_sleep($1) -> SELECT 1');
	$wire->finish;
	return;
}

my $context = context();
check_all('signed', set_context($context));
check_all('sampled', 'SET osprofiler.sample_rate = 1');

# A statement on its own that is quick, whose commit is slow or fails: the commit says what
# is committed, and by whom.
$node->safe_psql('postgres', q{
CREATE TABLE late (n int);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.n < 0 THEN
		RAISE EXCEPTION 'negative';
	END IF;
	PERFORM pg_sleep(NEW.n / 10.0);
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION late();
});
new_points();
my $settings = 'SET osprofiler.points = \'statement, nested, parse, commit, wait\';'
  . ' SET osprofiler.min_duration = 200; SET osprofiler.sample_rate = 1;';
foreach my $case ([ 'slow', 'INSERT INTO late VALUES (4)' ], [ 'failed', 'INSERT INTO late VALUES (-4)' ])
{
	my ($what, $sql) = @$case;

	$node->psql('postgres', "$settings\n$sql;");
	my ($start) = grep { $_->{name} eq 'pg.commit-start' } new_points();
	is($start->{info}{db}{statement}, $sql, "a $what commit: of this statement");
	is($start->{info}{db}{user}, $user, '... of this user');
	is($start->{info}{db}{namespace}, 'postgres', '... in this database');
}

# A quick statement that waited for its table before it was planned is recorded with the
# pg.parse that has this wait; the next one is not.
my $locking = connect_wire();
$locking->simple('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
my $waiting = connect_wire();
$waiting->simple($_) for split /(?<=;) /, $settings;
$waiting->query('SELECT v FROM t WHERE id = 1')->send;
$node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)");
select undef, undef, undef, 0.4;
$locking->simple('COMMIT');
$waiting->read_until_ready;
$waiting->simple('SELECT v FROM t WHERE id = 1');
$waiting->finish;
$locking->finish;
is_deeply([ map { $_->{name} } grep { $_->{name} =~ /-start/ && $_->{name} ne 'pg.wait-start' } new_points() ],
	[ 'pg.parse-start', 'pg-start' ], 'a statement that waited before it was planned');

is(count_in_log($node, 'PANIC|terminated by signal'), 0, 'no crash');
$node->stop;
done_testing();
