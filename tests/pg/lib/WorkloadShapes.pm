# SPDX-License-Identifier: Apache-2.0
#
# WorkloadShapes.pm
#	  What the randomised workload does: the objects of its schemas, and plans
#	  that are drawn at random. See Workload.pm for what a plan is.
#
# What a statement gives must not depend on anything but its schema, for it is
# compared with that of the untraced twin.

package WorkloadShapes;

use strict;
use warnings;

use Time::HiRes qw(usleep);

# What a deferred trigger runs, at the end of the transaction.
use constant DEFERRED => 'INSERT INTO log (what) VALUES (TG_OP)';

# Once for all sessions.
our @shared = (
	'CREATE TABLE wide AS SELECT g AS id, g % 97 AS v, repeat(\'x\', 50) AS pad'
	  . ' FROM generate_series(1, 20000) g',
	'CREATE INDEX ON wide (v)',
	'ANALYZE wide',
	'CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS'
	  . ' $$ BEGIN PERFORM count(*) FROM pg_event_trigger_ddl_commands(); END $$',
	'CREATE EVENT TRIGGER note_ddl ON ddl_command_end'
	  . ' WHEN TAG IN (\'CREATE TABLE\', \'CREATE VIEW\')'
	  . ' EXECUTE FUNCTION note_ddl()',
	'CREATE ROLE workload_role');

our @setup = (
	'CREATE TABLE acc (id int PRIMARY KEY, v int CHECK (v < 1000000),'
	  . ' once int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
	'INSERT INTO acc SELECT g, g, g FROM generate_series(1, 100) g',
	'CREATE TABLE log (n serial, what text)',
	'CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k)',
	'CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50)',
	'CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100)',
	'CREATE MATERIALIZED VIEW mv AS SELECT count(*) AS n, sum(v) AS s FROM acc',
	q{CREATE FUNCTION f_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO log (what) VALUES (TG_OP); RETURN NEW; END $$},
	q{CREATE FUNCTION f_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		PERFORM count(*) FROM acc; RETURN NULL; END $$},
	'CREATE TRIGGER row_before BEFORE UPDATE ON acc FOR EACH ROW'
	  . ' WHEN (NEW.id % 10 = 0) EXECUTE FUNCTION f_row()',
	'CREATE TRIGGER statement_after AFTER INSERT OR UPDATE ON acc'
	  . ' EXECUTE FUNCTION f_statement()',
	'CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON acc'
	  . ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW'
	  . ' WHEN (NEW.id % 25 = 0) EXECUTE FUNCTION f_row()',
	q{CREATE FUNCTION f_loop(n int) RETURNS bigint LANGUAGE plpgsql AS $$
		DECLARE r record; t bigint := 0; x bigint; BEGIN
		FOR r IN SELECT id FROM acc ORDER BY id LIMIT n LOOP
			SELECT sum(v) INTO x FROM acc WHERE id <= r.id; t := t + x;
		END LOOP; RETURN t; END $$},
	q{CREATE FUNCTION f_deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
		IF n = 0 THEN RETURN 0; END IF;
		RETURN 1 + (SELECT f_deep(n - 1)); END $$},
	q{CREATE FUNCTION f_catch(n int) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE t text := ''; BEGIN FOR i IN 1 .. n LOOP BEGIN
			INSERT INTO acc VALUES (i, i, 1000 + i); t := t || 'i';
		EXCEPTION WHEN unique_violation THEN PERFORM i; t := t || 'u';
		END; END LOOP; RETURN t; END $$},
	q{CREATE FUNCTION f_rows(n int) RETURNS SETOF int LANGUAGE sql VOLATILE AS
		'SELECT -1; SELECT id FROM acc WHERE id <= n ORDER BY id'},
	q{CREATE FUNCTION f_query(n int) RETURNS SETOF int LANGUAGE plpgsql
		SECURITY DEFINER SET work_mem = '1MB' AS $$ BEGIN
		RETURN QUERY SELECT id FROM acc WHERE id <= n ORDER BY id;
		RETURN QUERY EXECUTE 'SELECT $1 + 1' USING n; END $$},
	q{CREATE FUNCTION f_cursor(c refcursor) RETURNS refcursor LANGUAGE plpgsql
		AS $$ BEGIN OPEN c FOR SELECT id FROM acc ORDER BY id; RETURN c; END $$},
	q{CREATE FUNCTION f_raise(state text) RETURNS int LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'asked for' USING ERRCODE = state; END $$},
	q{CREATE PROCEDURE p_commit(n int) LANGUAGE plpgsql AS $$ BEGIN
		FOR i IN 1 .. n LOOP INSERT INTO log (what) VALUES ('p' || i);
		IF i % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF; END LOOP; END $$});

sub one { my (@of) = @_; return $of[ rand @of ]; }
sub upto { my ($n) = @_; return 1 + int rand $n; }

sub query
{
	my $n = upto(100);

	return one(
		"SELECT $n",
		"SELECT id, v FROM acc WHERE id = $n",
		"SELECT count(*), sum(v) FROM acc WHERE id < $n",
		"SELECT a.id FROM acc a JOIN acc b ON a.id = b.v WHERE a.id < $n"
		  . ' ORDER BY 1',
		"SELECT f_loop(" . upto(8) . ')',
		"SELECT f_deep(" . upto(30) . ')',
		"SELECT f_rows($n) LIMIT " . upto(5),
		"SELECT * FROM f_query(" . upto(9) . ')',
		"WITH c AS MATERIALIZED (SELECT id FROM acc WHERE id < $n)"
		  . ' SELECT count(*) FROM c x, c y',
		"SELECT id, (SELECT max(v) FROM acc b WHERE b.id <= a.id) FROM acc a"
		  . " WHERE id IN ($n, 3) ORDER BY id",
		"SELECT sum(v) OVER (ORDER BY id) FROM acc WHERE id < $n ORDER BY 1",
		"TABLE mv",
		"SELECT 'q''uoted \\ \"$n\" \xc3\xa4'",
		"VALUES ($n), (2)",
		"SELECT what FROM log ORDER BY what LIMIT $n");
}

sub change
{
	my ($n, $v) = (upto(100), upto(1000));

	return one(
		"UPDATE acc SET v = $v WHERE id = $n",
		"UPDATE acc SET v = v + 1 WHERE id % 10 = " . upto(9),
		"UPDATE acc SET v = $v WHERE id = 50",
		"INSERT INTO acc VALUES (1000 + $v, 1, 2000 + $v) ON CONFLICT (id)"
		  . ' DO UPDATE SET v = acc.v + 1 RETURNING id',
		"DELETE FROM acc WHERE id > 1000 + $n",
		"INSERT INTO log (what) SELECT 'x' FROM generate_series(1, $n % 7)",
		"INSERT INTO parts SELECT $n, 'p' WHERE $n < 100",
		"WITH d AS (DELETE FROM parts WHERE k = $n RETURNING k)"
		  . ' SELECT count(*) FROM d',
		"UPDATE parts SET k = (k + 50) % 100 WHERE k = $n",
		'TRUNCATE parts',
		"SELECT f_catch(" . upto(4) . ')');
}

sub failure
{
	my $n = upto(100);

	return one(
		'SELEC 1',
		'SELECT no_such_column FROM acc',
		'SELECT 1 FROM no_such_table',
		'SELECT 1 / 0',
		"SELECT v / (id - $n) FROM acc ORDER BY id",
		"SELECT f_raise('P0042')",
		"SELECT f_raise('40001')",
		"INSERT INTO acc VALUES ($n, 1, NULL)",
		"UPDATE acc SET v = 1000000 WHERE id = $n",
		'INSERT INTO parts VALUES (100, 1)',
		'DROP TABLE no_such_table',
		'CALL p_missing(1)',
		'SELECT * FROM f_query(0) q, f_deep(-1 / (q.f_query - 1))',
		"DO \$\$ BEGIN PERFORM 1; RAISE 'no'; END \$\$",
		"SELECT 'x'::int",
		"SELECT f_cursor('acc'), 1 / (id - $n) FROM acc ORDER BY id",
		'EXECUTE no_such_statement(1)',
		'FETCH 1 FROM no_such_cursor',
		'CREATE TABLE acc (id int)',
		"SELECT set_config('work_mem', '-5', false)");
}

sub anything { return rand() < 0.6 ? query() : rand() < 0.7 ? change() : failure(); }
sub sql { my ($sql, %more) = @_; return { sql => $sql, %more }; }

sub some { my ($least, $most, $draw) = @_;
	return map { $draw->() } 1 .. $least + int rand($most - $least + 1); }

# ---- shapes: a name each, and what draws a plan ----

my %shapes = (
	simple => sub { local => 1, steps => [ some(1, 4, sub { sql(anything(), many => 1) }) ] },
	multi => sub { steps => [ { multi => [ some(2, 5, \&anything) ] } ] },
	empty => sub { steps => [ sql('', quiet => 1), sql(' ; ', quiet => 1), sql(query()) ] },
	extended => sub {
		local => 1,
		steps => [
			some(1, 4, sub { +{
				ext => 'SELECT id, v + $1::int FROM acc WHERE id < $2 ORDER BY id',
				params => [ one(1, 'x', undef, '99999999999'), upto(50) ] } }),
			some(0, 2, sub { +{ ext => anything(), many => 1 } }) ] },
	prepared => sub {
		steps => [
			sql('SET plan_cache_mode = ' . one(qw(auto force_generic_plan force_custom_plan))),
			some(1, 9, sub { +{
				name => one(qw(long_a long_b)),
				ext => 'SELECT count(*) FROM acc WHERE id < $1 AND v > 0',
				params => [ upto(100) ], limits => one([0], [0], [ 1, 0 ]) } }),
			some(0, 4, sub { +{
				name => 'long_c',
				ext => 'UPDATE acc SET v = v WHERE id = $1::int / $2::int',
				params => [ upto(100), int rand 3 ], many => 1 } }),
			sql('RESET plan_cache_mode') ] },
	slices => sub {
		my $end = one(qw(COMMIT ROLLBACK));
		steps => [
			sql('BEGIN'),
			{ ext => query(), portal => 'p', limits => [ upto(3), upto(3) ] },
			some(0, 3, sub { sql(query()) }),
			{ ext => query(), limits => [ 1, 1, 0 ] },
			{ ext => change(), portal => 'q', limits => [1], close => 1, many => 1 },
			sql($end, many => 1) ] },
	pipeline => sub { steps => [ { many => 1, pipeline => [
			some(2, 6, sub { [ rand() < 0.8 ? query() : failure() ] }) ] } ] },
	cursor => sub {
		my $hold = one('', ' WITH HOLD');
		my $cursor = one('c', 'd');
		my $declare = "DECLARE $cursor SCROLL CURSOR$hold FOR SELECT id, f_deep(2) FROM acc ORDER BY id";
		steps => [
			sql('BEGIN'),
			sql($declare),
			some(1, 4, sub { sql(one("FETCH 2 FROM $cursor", "MOVE 3 IN $cursor",
				"FETCH BACKWARD 1 FROM $cursor", query())) }),
			sql(one("CLOSE $cursor", 'SELECT 1')),
			sql(one(qw(COMMIT ROLLBACK)), many => 1, also => $declare),
			sql("FETCH 1 FROM $cursor", many => 1),
			sql('CLOSE ALL') ] },
	refcursor => sub { steps => [
			sql('BEGIN'), sql("SELECT f_cursor('r')"),
			some(1, 3, sub { sql(one('FETCH 2 FROM r', 'FETCH ALL FROM r', failure())) }),
			sql(one(qw(COMMIT ROLLBACK)), many => 1) ] },
	copy => sub { local => 1, steps => [
			{ copy => 'COPY log (what) FROM STDIN', fail => rand() < 0.2,
				data => join '', map { "line\n" } 1 .. upto(50) },
			{ copy => 'COPY parts FROM STDIN', data => one("1\ta\n60\tb\n", "1\ta\nx\n", "1000\ta\n", '') },
			sql(one('COPY (SELECT id FROM acc ORDER BY id) TO STDOUT',
				'COPY (SELECT 1 / 0) TO STDOUT', 'COPY mv TO STDOUT')) ] },
	procedure => sub { steps => [
			sql('CALL p_commit(' . upto(5) . ')', many => 1),
			sql("DO \$\$ BEGIN FOR i IN 1 .. 3 LOOP BEGIN PERFORM 1 / (2 - i);"
				. " EXCEPTION WHEN division_by_zero THEN PERFORM 'caught'; END; END LOOP; END \$\$"),
			sql("DO \$\$ BEGIN INSERT INTO log (what) VALUES ('d'); COMMIT;"
				. " PERFORM 2; ROLLBACK; PERFORM 3; END \$\$", many => 1) ] },
	prepare => sub { my $n = upto(50); steps => [
			sql("PREPARE s$n AS SELECT count(*) FROM acc WHERE id < \$1"),
			some(1, 7, sub { sql("EXECUTE s$n(" . one(1, 50, "'x'", 'f_deep(3)') . ')') }),
			sql("CREATE TEMP TABLE t$n AS EXECUTE s$n(10)"), sql("DROP TABLE IF EXISTS t$n"),
			sql("EXPLAIN (COSTS OFF) EXECUTE s$n(1)"), sql("DEALLOCATE s$n") ] },
	explain => sub { local => 1, steps => [ some(1, 2, sub { sql(
			'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) '
			. one('SELECT count(*) FROM acc', 'SELECT f_deep(3)', 'SELECT 1 / 0',
				'DELETE FROM parts WHERE k = 1')) }) ] },
	ddl => sub { my $n = upto(1000); steps => [
			sql("CREATE TABLE n$n (id serial PRIMARY KEY, v int REFERENCES acc)", many => 1),
			sql("INSERT INTO n$n (v) SELECT id FROM acc WHERE id <= 100 ORDER BY id", many => 1),
			sql("CREATE INDEX ON n$n (v)"), sql("ALTER TABLE n$n ADD c text DEFAULT 'x'"),
			sql("CREATE VIEW v$n AS SELECT * FROM n$n"), sql("SELECT count(*) FROM v$n"),
			sql(one("ANALYZE n$n", "VACUUM n$n", "REINDEX TABLE n$n"), many => 1),
			sql("CREATE TABLE c$n AS SELECT id FROM n$n WHERE id < 5"),
			sql('REFRESH MATERIALIZED VIEW mv', many => 1),
			sql("DROP TABLE n$n, c$n CASCADE", many => 1) ] },
	savepoints => sub { steps => [
			sql('BEGIN'), sql(change()), sql('SAVEPOINT a'), sql(anything()), sql(anything()),
			sql('ROLLBACK TO a'), sql(anything()), sql('SAVEPOINT b'), sql(failure()),
			sql('ROLLBACK TO b'), sql(one('RELEASE b', 'RELEASE nothing')), sql(query()),
			sql(one('COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN'), many => 1) ] },
	deferred => sub { my $n = upto(99); steps => [
			sql('UPDATE acc SET v = v + 1 WHERE id = 25', many => 1),
			sql("UPDATE acc SET once = $n + 1 WHERE id = $n", many => 1),
			sql('BEGIN'), sql('UPDATE acc SET v = v + 1 WHERE id % 25 = 0'),
			sql("UPDATE acc SET once = $n + 1 WHERE id = $n"),
			sql(one('COMMIT', 'SET CONSTRAINTS ALL IMMEDIATE', 'ROLLBACK'), many => 1) ] },
	twophase => sub { my ($self) = @_; my $n = "$self->{number}_" . upto(10**9); steps => [
			sql('BEGIN'), sql(change(), many => 1),
			# The name is the cluster's: only one side can have it.
			{ raw => sub { my ($s, $plan) = @_; my @step = ($plan, 'traced');
				$s->run_step(@step, sql($_, many => 1, least => 0, most => 2))
				  for "PREPARE TRANSACTION 't$n'", "ROLLBACK PREPARED 't$n'" } },
			sql('ROLLBACK') ] },
	parallel => sub { local => 1, steps => [
			{ multi => [ 'SET max_parallel_workers_per_gather = 2', 'SET parallel_setup_cost = 0',
				'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0',
				'SET parallel_leader_participation = ' . one(qw(on off)) ] },
			some(1, 3, sub { sql(one(
				'SELECT count(*), sum(v) FROM wide', 'SELECT count(*) FROM wide a JOIN wide b USING (id)',
				'SELECT count(*) FROM wide WHERE id / (v - 50) > 3',
				'SELECT v, count(*) FROM wide GROUP BY v ORDER BY v LIMIT 5',
				'SELECT id FROM wide ORDER BY v, id LIMIT 3', 'SELECT 1 FROM wide LIMIT 1')) }),
			{ multi => [ map { "RESET $_" } qw(max_parallel_workers_per_gather parallel_setup_cost
				parallel_tuple_cost min_parallel_table_scan_size parallel_leader_participation) ] } ] },
	readonly => sub { steps => [
			sql('BEGIN READ ONLY'), sql(query()), sql(change()), sql(query()), sql('ROLLBACK'),
			sql('BEGIN ISOLATION LEVEL SERIALIZABLE'), sql(query()), sql(change()), sql('ROLLBACK') ] },
	timeout => sub { steps => [
			sql('BEGIN'), sql('SET LOCAL statement_timeout = 3'),
			sql(one('SELECT pg_sleep(5)', 'SELECT count(*) FROM wide a, wide b', 'SELECT f_deep(1) FROM wide a, wide b',
				"DO \$\$ BEGIN LOOP PERFORM 1; END LOOP; END \$\$"), differs => 1),
			sql('ROLLBACK') ] },
	roles => sub { steps => [
			sql(one('SET ROLE workload_role', 'SET SESSION AUTHORIZATION workload_role')),
			sql('SELECT count(*) FROM acc'), sql('SELECT current_user = session_user'),
			sql('RESET ROLE'), sql('RESET SESSION AUTHORIZATION') ] },
	notify => sub { steps => [ sql('LISTEN ch'), sql("NOTIFY ch, 'x'", many => 1), sql('UNLISTEN *') ] },
	resets => sub { only => 'session', loose => 1, steps => [
			sql(query()), sql(one('RESET ALL', 'DISCARD PLANS', 'DISCARD TEMP', 'DISCARD SEQUENCES')),
			sql(query()), sql('BEGIN'), sql("SET LOCAL osprofiler.points = 'statement'"), sql(query()),
			sql(one(qw(COMMIT ROLLBACK))), sql('SET osprofiler.enabled = off', differs => 1), sql(query()) ] },
	user => sub { loose => 1, steps => [
			{ raw => sub { $_[0]{traced}->simple(q{SELECT osprofiler.start('own', '{"a": 1}')}) } },
			some(1, 3, sub { sql(anything(), many => 1) }),
			{ raw => sub { my ($s, $plan) = @_; $s->{traced}->simple('SELECT osprofiler.stop()') if !($plan->{leave} //= 0); } } ],
		leave => rand() < 0.3 },
	cancel => sub { my ($wait, $sql) = (upto(8000), one(
			'SELECT pg_sleep(5)', 'SELECT count(*) FROM wide a, wide b, acc',
			'SELECT sum(f_loop(100)) FROM wide', "DO \$\$ BEGIN LOOP PERFORM 1; END LOOP; END \$\$")); loose => 1, steps => [
			{ raw => sub { my ($s) = @_; my $wire = $s->{traced}; $wire->query($sql); $wire->send;
				usleep($wait); $wire->cancel_until_heard; $wire->read_until_ready; } }, sql('SELECT 1', least => 0, most => 2) ] },
	terminate => sub { my ($wait, $how) = (upto(8000), one(qw(self other rude idle)));
		# A backend that nobody listens to ends when it says something.
		my $sql = one('SELECT f_loop(3), pad FROM wide', 'COPY (SELECT * FROM wide) TO STDOUT'); only => one(qw(session comment)), loose => 1, steps => [
			sql(one('BEGIN', 'SELECT 1')),
			{ raw => sub { my ($s) = @_; my $wire = $s->{traced}; my $pid = $wire->pid;
				return $wire->simple('SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)') if $how eq 'self';
				$wire->query($sql) if $how ne 'idle'; $wire->send; usleep($wait);
				$s->{twin}->simple("SELECT pg_terminate_backend($pid)") if $how ne 'rude';
				$how eq 'rude' ? $wire->finish(1) : $wire->read_until_ready;
				$wire->simple('SELECT 1') if $wire->alive; } } ] },
	locks => sub { loose => 1, steps => [
			{ raw => sub { my ($s) = @_; my $other = $s->connect_side('traced');
				$other->simple('BEGIN; LOCK TABLE acc');
				$s->{traced}->simple('SET lock_timeout = 20'); $s->{traced}->simple('UPDATE acc SET v = v');
				$s->{traced}->simple('RESET lock_timeout'); $other->finish; } } ] });

my @names = sort keys %shapes;
my %rare = (terminate => 0.2, locks => 0.3, cancel => 0.4, timeout => 0.4);

sub draw
{
	my ($self) = @_;
	my $name = one(@names);

	$name = one(@names) while rand() > ($rare{$name} // 1);
	return { name => $name, $shapes{$name}->($self) };
}

1;
