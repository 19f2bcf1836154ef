# SPDX-License-Identifier: Apache-2.0
#
# incident_plans.pl
#	  Incidents of how statements are planned and executed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use OspTest;
use PgWire;
use Test::More;

my $node = start_server('plans', "jit = off\nmax_parallel_workers_per_gather = 0\n");

$node->safe_psql('postgres', q{
CREATE TABLE account (id int PRIMARY KEY, owner int, note text);
INSERT INTO account SELECT g, g % 100000, 'note ' || g FROM generate_series(1, 600000) g;
CREATE TABLE payment (id int PRIMARY KEY, account int CONSTRAINT payment_account REFERENCES account, amount int);
INSERT INTO payment SELECT g, g % 1000 + 1, g FROM generate_series(1, 200000) g;
CREATE TABLE pair (a int, b int, c int);
INSERT INTO pair SELECT g % 100, g % 100, g % 100 FROM generate_series(1, 100000) g;
CREATE TABLE part (id int, kind int) PARTITION BY LIST (kind);
DO $$ BEGIN FOR i IN 1 .. 400 LOOP EXECUTE format('CREATE TABLE part_%s PARTITION OF part FOR VALUES IN (%s)', i, i); END LOOP; END $$;
VACUUM ANALYZE account, payment, pair;
});

# No index on what is searched.
my $found = found($node,
	psql_traced($node, 'SELECT count(*) FROM account WHERE owner = 4711;'),
	'missing index', 'filter', 0.6);
like($found->{cause}, qr/\ASeq Scan on account read 600,000 rows and kept 6 by the filter/,
	'missing index: the sentence');
like($found->{next_step}, qr/CREATE INDEX CONCURRENTLY/, 'missing index: the step');

# A sort that does not fit into memory.
$found = found($node,
	psql_traced($node,
		q{SET work_mem = '1MB'; SELECT count(*) FROM (SELECT * FROM account ORDER BY note OFFSET 0) x;}),
	'spill', 'spill', 0.35);
like($found->{cause}, qr/\ASort did not fit into work_mem/, 'spill: the sentence');
ok($found->{figures}{disk_kb} > 10000, 'spill: its size');
unlike($found->{next_step}, qr/process/, 'spill: of one process');

# The same in several processes, each of which has memory of its own.
$found = found($node,
	psql_traced($node,
		q{SET work_mem = '1MB'; SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SELECT count(*) FROM (SELECT * FROM account ORDER BY note OFFSET 0) x;}),
	'parallel spill', 'spill', 0.2);
like($found->{next_step}, qr/ of each process of this parallel plan\. With more memory the planner may/,
	'parallel spill: the step');

# A hash join in batches.
found($node,
	psql_traced($node,
		q{SET work_mem = '256kB'; SET enable_mergejoin = off; SET enable_nestloop = off;
		SELECT count(*) FROM account a JOIN account b USING (note);}),
	'hash spill', 'spill', 0.4);

# Three columns that depend on each other: one row is expected, and many come.
$found = found($node,
	psql_traced($node,
		q{SELECT count(p.amount) FROM pair x JOIN payment p ON p.id = x.a + 1
		WHERE x.a = 7 AND x.b = 7 AND x.c = 7;
		SELECT count(*) FROM pair x JOIN (SELECT * FROM pair LIMIT 2000) y ON y.a + 1 = x.a WHERE x.a = 7 AND x.b = 7 AND x.c = 7;}),
	'wrong estimate', 'estimate', 0.3);
like($found->{cause}, qr/\APostgreSQL expected 1 row from Seq Scan on pair/,
	'wrong estimate: the deepest node');

# A table that has grown since it was analyzed.
$node->safe_psql('postgres', 'CREATE TABLE grown (a int, b int); INSERT INTO grown SELECT g, g FROM generate_series(1, 100) g;'
	  . 'ANALYZE grown; INSERT INTO grown SELECT 1, g FROM generate_series(1, 3000) g;');
$found = found($node,
	psql_traced($node, 'SELECT count(*) FROM grown x JOIN grown y ON x.b = y.b + 1 AND y.a = 1 WHERE x.a = 1;'),
	'stale statistics', 'estimate', 0.3);
like($found->{cause}, qr/ Its statistics are stale: they know 100 rows of the table, which has 3,100\./,
	'stale statistics: the sentence');

# No condition joins the two, or none that is an equality: no other plan would do it.
foreach my $case ([ 'x.b < y.b', 'its condition has no equality' ], [ 'true', 'it has no condition' ])
{
	my ($condition, $said) = @$case;

	$found = found($node,
		psql_traced($node, "SELECT count(*) FROM pair x JOIN pair y ON $condition WHERE x.a = 7 AND y.a = 8 AND x.c = 7;"),
		"join ON $condition", 'filter', 0.3);
	like($found->{cause}, qr/\ANested Loop compared 1,000,000 pairs of rows and kept [\d,]+: $said, so each row/,
		"join ON $condition: the sentence");
	like($found->{next_step}, qr/GROUP BY/, "join ON $condition: the step");
}

# All pairs of two sets of rows.
found($node,
	psql_traced($node,
		q{SET enable_hashjoin = off; SET enable_mergejoin = off;
		SELECT count(*) FROM (SELECT note FROM account WHERE id <= 2500 OFFSET 0) x
		JOIN (SELECT note FROM account WHERE id <= 2500 OFFSET 0) y ON x.note = y.note;}),
	'all pairs', 'filter', 0.6);

# An index-only scan over a table that was changed.
$node->safe_psql('postgres', 'CREATE TABLE changed (id int PRIMARY KEY, n int);'
	  . 'INSERT INTO changed SELECT g, g FROM generate_series(1, 400000) g; VACUUM ANALYZE changed;'
	  . 'UPDATE changed SET n = n + 1;');
found($node,
	psql_traced($node,
		'SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT count(id) FROM changed WHERE id > 0;'),
	'heap fetches', 'heap_fetches', 0.5);

# Workers are planned, and none is free.
found($node,
	psql_traced($node,
		q{SET max_parallel_workers_per_gather = 3; SET max_parallel_workers = 0; SET parallel_setup_cost = 0;
		SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_indexonlyscan = off;
		SELECT count(*) FROM account WHERE note > 'n';}),
	'missing workers', 'workers', 0.3);

# PostgreSQL allows no workers to a query of which not all rows are asked for at once.
my $parallel = q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0;
	SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET enable_indexonlyscan = off;};
$node->safe_psql('postgres', q{
CREATE FUNCTION notes() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM account WHERE note > 'n' $$;
CREATE FUNCTION notes_into() RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM account WHERE note > 'n'; RETURN n; END $$;
CREATE FUNCTION notes_execute() RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE n bigint; BEGIN EXECUTE $x$ SELECT count(*) FROM account WHERE note > 'n' $x$ INTO n; RETURN n; END $$;
});
for my $call ('notes()', 'notes_into()')
{
	$found = found($node, psql_traced($node, "$parallel SELECT $call;"),
		"no workers in $call", 'workers', 0.3);
	like($found->{cause}, qr/\ANone of 2 parallel workers started/, "no workers in $call: the sentence");
	like($found->{next_step}, qr/\APostgreSQL starts no workers for a query that is not run to its end at once/,
		"no workers in $call: the step");
}

# A client that asks for a maximum of rows.
my $asked = context();
my $wire = PgWire->new($node->host . '/.s.PGSQL.' . $node->port,
	database => 'postgres', user => 'postgres');
$wire->simple(set_context($asked));
$wire->simple($_) for split /;\s*/, $parallel;
$wire->parse('', q{SELECT count(*) FROM account WHERE note > 'n'})->bind('', '')->execute('', 10)->sync;
$wire->send;
$wire->read_until_ready;
undef $wire;
wait_for_delivery($node);
$found = found($node, $asked->{base}, 'no workers for some rows', 'workers', 0.3);
like($found->{next_step}, qr/\APostgreSQL starts no workers for a query whose rows the client asks for in parts/,
	'no workers for some rows: the step');
my $executed = why($node, psql_traced($node, "$parallel SELECT notes_execute();"));
is(scalar(grep { $_->{rule} eq 'workers' } @{ $executed->{findings} }), 0, 'workers of EXECUTE … INTO started');
my $timed_out = why($node,
	psql_traced($node,
		q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
		SET min_parallel_table_scan_size = 0; SET statement_timeout = '400ms';
		SELECT count(*) FROM account a JOIN account b ON a.note < b.note;}));
is(scalar(grep { $_->{rule} eq 'workers' } @{ $timed_out->{findings} }),
	0, 'workers of a statement that was cancelled: none was missing')
  or diag Incident::explain_text($timed_out);
is($timed_out->{ended}{by}, 'statement_timeout', '... and what ended it');
my ($failed) = grep { $_->{rule} eq 'failed' } @{ $timed_out->{findings} };
like($failed->{cause}, qr/\AAn operation failed after [4-9]\d\d ms: query_canceled/, 'after how long it failed');

# JIT compilation of a statement that does not need it.
$found = found($node,
	psql_traced($node,
		q{SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
		SELECT sum(a.id + b.id * c.id) FROM account a JOIN account b USING (id) JOIN account c USING (id) WHERE a.id < 100;}),
	'JIT', 'jit', 0.5);
like($found->{cause}, qr/\AJIT compilation of \d+ functions took/, 'JIT: the sentence');

# Many partitions.
$found = found($node,
	psql_traced($node,
		'SELECT count(*) FROM part a JOIN part b USING (id) JOIN part c USING (id);'),
	'planning', 'planning', 0.4);
is($found->{count}, 1, 'planning: one statement');

# The same statement, planned for its values at first, and for any values then: most
# rows have one of two values, which the plan is for.
$node->safe_psql('postgres', 'CREATE TABLE event (kind int, at int, note text); CREATE INDEX ON event (kind); ALTER TABLE event ALTER kind SET (n_distinct = 1);'
	  . "INSERT INTO event SELECT 1 + (g > 399990)::int, g, 'note' FROM generate_series(1, 400000) g; ANALYZE event;");
$found = found($node,
	psql_traced($node,
		"PREPARE newest (int) AS SELECT max(at) FROM event WHERE kind = \$1 AND note <> '';\n"
		  . "EXECUTE newest(2);\n" x 4 . "SET plan_cache_mode = force_generic_plan;\n" . "EXECUTE newest(2);\n" x 4),
	'plan change', 'plan_change', 0.6);
like($found->{cause},
	qr/4 executions took .* with one \(generic, expected to cost [\d,]+: Aggregate, Seq Scan on event\), 4 executions took .* with another \(custom, expected to cost \d+\)\.$/,
	'plan change: both plans');
like($found->{next_step}, qr/force_custom_plan/, 'plan change: the step');

# The same change of the plan, and it is right: that value has nearly all rows.
my $why = why($node,
	psql_traced($node,
		"PREPARE newest (int) AS SELECT max(at) FROM event WHERE kind = \$1 AND note <> '';\n"
		  . "EXECUTE newest(2);\n" x 4 . "EXECUTE newest(1);\n" x 4));
is(scalar(grep { $_->{rule} eq 'plan_change' } @{ $why->{findings} }), 0, 'other values: no finding');

# Long values, which are in a table of their own.
$node->safe_psql('postgres', 'CREATE TABLE document (id int PRIMARY KEY, body text); ALTER TABLE document ALTER body SET STORAGE EXTERNAL;'
	  . 'INSERT INTO document SELECT g, repeat(md5(g::text), 3000) FROM generate_series(1, 1500) g; VACUUM ANALYZE document;');
$why = why($node,
	psql_traced($node, "SET track_io_timing = on; SELECT count(*) FROM document WHERE body < 'f' OR body > 'g';"));
my ($toast) = grep { $_->{rule} eq 'toast' } @{ $why->{findings} };
like($toast->{cause}, qr/\AReading long values from TOAST tables took .*: [\d,]{6,} blocks were used/,
	'TOAST: the sentence') or diag Incident::explain_text($why);
is(scalar(grep { $_->{rule} eq 'read' } @{ $why->{findings} }), 0, 'TOAST: not told twice');

# A page far behind the first one.
$found = found($node,
	psql_traced($node, 'SELECT * FROM account ORDER BY id OFFSET 500000 LIMIT 10;'),
	'offset', 'offset', 0.5);
like($found->{cause}, qr/\AOFFSET left out 500,000 rows, which Index Scan using account_pkey on account had to return first/,
	'offset: the sentence');

# A subquery for each row, by an index. Where that is missing, it is the filter.
my $subquery = 'SELECT id, (SELECT max(amount) FROM bill b WHERE b.account = a.id) FROM account a WHERE id <= %d;';
$node->safe_psql('postgres', 'CREATE TABLE bill (account int, amount int); INSERT INTO bill SELECT g % 100000, g FROM generate_series(1, 300000) g;'
	  . 'CREATE INDEX bill_account ON bill (account); VACUUM ANALYZE bill;');
$found = found($node, psql_traced($node, sprintf($subquery, 100000)), 'subquery', 'subplan', 0.5);
like($found->{cause},
	qr/\AThe subquery with Index Scan using bill_account on bill b ran 100,000 times, each time for a row of .* on account a, and took .* each\.\z/,
	'subquery: the sentence');
like($found->{next_step}, qr/GROUP BY/, 'subquery: the step');
is($found->{figures}{loops}, 100000, 'subquery: how often');
found($node, psql_traced($node, sprintf($subquery, 100000), points => 'node'), 'subquery, timed', 'subplan', 0.4);
$why = why($node,
	psql_traced($node, 'SELECT count(q.m) FROM account a, LATERAL (SELECT amount m FROM bill b WHERE b.account = a.id ORDER BY amount LIMIT 1) q;'));
is(scalar(grep { $_->{rule} eq 'subplan' } @{ $why->{findings} }), 0, 'a nested loop: no subquery');
$node->safe_psql('postgres', 'DROP INDEX bill_account');
found($node, psql_traced($node, sprintf($subquery, 20)), 'subquery without index', 'filter', 0.6);

# A list of NOT IN that is too large for a hash: searching it and the filter are one cause.
$node->safe_psql('postgres', 'CREATE TABLE listed AS SELECT g AS id FROM generate_series(1, 20000) g;'
	  . 'CREATE TABLE asked AS SELECT g AS id FROM generate_series(1, 3000) g; ANALYZE listed, asked;');
my $base = psql_traced($node,
	q{SET work_mem = '64kB'; SELECT count(*) FROM asked WHERE id NOT IN (SELECT id FROM listed);});
$found = found($node, $base, 'NOT IN', 'subplan', 0.6);
like($found->{next_step}, qr/\AWrite NOT EXISTS .* work_mem/, 'NOT IN: the step');
is(scalar(grep { $_->{rule} eq 'filter' } @{ why($node, $base)->{findings} }), 0, 'NOT IN: no filter');

# Partitions that all are read, though the condition is about their key.
$node->safe_psql('postgres', q{CREATE TABLE day (at date, kind int) PARTITION BY RANGE (at);
DO $$ BEGIN FOR i IN 0 .. 29 LOOP EXECUTE format('CREATE TABLE day_%s PARTITION OF day FOR VALUES FROM (%L) TO (%L)', i,
	date '2026-01-01' + i, date '2026-01-02' + i); END LOOP; END $$;
INSERT INTO day SELECT date '2026-01-01' + g % 30, g % 1000 FROM generate_series(1, 900000) g; VACUUM ANALYZE day});
$found = found($node,
	psql_traced($node, "SELECT count(*) FROM day WHERE at::text = '2026-01-07' AND kind = 7;"),
	'partitions', 'filter', 0.4);
like($found->{cause}, qr/\ASeq Scan on day_\d+ day and 29 other partitions read 900,000 rows and kept/, 'partitions: the sentence');
like($found->{next_step}, qr/leaves partitions out only if the key/, 'partitions: the step');

# A foreign key without an index, seen by who deletes what it refers to.
$found = found($node,
	psql_traced($node, 'DELETE FROM account WHERE id BETWEEN 5000 AND 5040;'),
	'foreign key without index', 'trigger', 0.7);
like($found->{cause}, qr/\AChecking the foreign key payment_account on account took .* in 41 checks/,
	'foreign key without index: the sentence');
like($found->{next_step}, qr/\AWhen a referenced row is deleted .*: CREATE INDEX CONCURRENTLY ON payment \(account\), unless there is one\.\z/,
	'foreign key without index: the index');

$node->stop;
done_testing();
