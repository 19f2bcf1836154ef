# SPDX-License-Identifier: Apache-2.0
#
# incident_code.pl
#	  Incidents of code in the database: triggers, functions, errors.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use Incident;
use Test::More;

my $node = start_server('code', "jit = off\n");

$node->safe_psql('postgres', q{
CREATE TABLE sale (id int PRIMARY KEY, amount int);
CREATE TABLE tax (sale int, amount numeric);
CREATE FUNCTION add_tax() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO tax SELECT NEW.id, sum(amount) * 0.2 FROM sale;
	RETURN NEW;
END $$;
CREATE TRIGGER tax AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION add_tax();
CREATE FUNCTION spell(n int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE t text := '';
BEGIN
	FOR i IN 1 .. n LOOP t := t || chr(65 + i % 26); END LOOP;
	RETURN md5(t);
END $$;
CREATE TABLE seen (id int PRIMARY KEY);
INSERT INTO seen SELECT g FROM generate_series(1, 5000) g;
CREATE FUNCTION see_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 5000 LOOP
		BEGIN
			INSERT INTO seen VALUES (i);
		EXCEPTION WHEN unique_violation THEN NULL;
		END;
	END LOOP;
END $$;
});

# A trigger that reads the whole table for each row.
my $base = psql_traced($node, 'INSERT INTO sale SELECT g, g FROM generate_series(1, 700) g;');
my $found = found($node, $base, 'trigger', 'trigger', 0.7);
like($found->{cause}, qr/\AThe trigger tax on sale took .* in 700 calls/, 'trigger: the sentence');

like(without_cpu($node->safe_psql('postgres', "SELECT osprofiler.explain('$base', 200)")),
	qr/\AWhy it took .*\n *\d+ %  .* The trigger tax on sale took .*\n *INSERT INTO sale SELECT/,
	'trigger: in SQL');

# A function that computes piece by piece.
$found = found($node,
	psql_traced($node, 'SELECT spell(100000);', points => 'function'),
	'function', 'function', 0.7);
like($found->{cause}, qr/\AThe function spell spent/, 'function: the sentence');

# The same, and others, with the default points: how long each function took is not known,
# but that it was none of the rows.
$found = found($node, psql_traced($node, 'SELECT spell(100000);'),
	'expression', 'expression', 0.7);
like($found->{cause}, qr/\AWhat the statement computes, with spell\(\), took [^:]*\.\z/,
	'expression: the sentence');
like($found->{next_step}, qr/SET osprofiler\.points = 'statement, nested, parse, .*, wait, function'/,
	'expression: how to see more');

$found = found($node,
	psql_traced($node, "SELECT count(*) FROM seen WHERE id <= 1000 AND spell(id + 500) LIKE '00%';"),
	'expression of each row', 'expression', 0.7);
like($found->{cause}, qr/with spell\(\), took .* for each of 1,000 rows/,
	'expression of each row: how many');

found($node, psql_traced($node, 'SELECT x FROM spell(100000) x;'),
	'expression in FROM', 'expression', 0.7);

$found = found($node, psql_traced($node, q{DO $$ DECLARE t text := ''; BEGIN
	FOR i IN 1 .. 300000 LOOP t := t || i; IF length(t) > 2000 THEN t := md5(t); END IF; END LOOP; END $$;}),
	'code', 'expression', 0.7);
like($found->{cause}, qr/\ACode that the statement runs/, 'code: the sentence');

found($node, psql_traced($node, 'DO $$ BEGIN PERFORM spell(100000); END $$;'),
	'expression in code', 'expression', 0.7);

found($node,
	psql_traced($node, "SELECT count(*) FROM generate_series(1, 400) g WHERE repeat('ab', 20000 + g) ~ '(a|b)*c';"),
	'regular expression', 'expression', 0.7);

# Many rows, sorted and counted, are no matter of expressions.
for my $statement ('SELECT sum(g) FROM generate_series(1, 1000000) g',
	'SELECT md5(g::text) FROM generate_series(1, 200000) g ORDER BY 1 LIMIT 1',
	'SELECT count(*), sum(a.id) FROM seen a JOIN seen b ON b.id >= a.id - 40 AND b.id <= a.id')
{
	my $why = why($node, psql_traced($node, "$statement;"));
	is_deeply([ grep { $_->{rule} eq 'expression' } @{ $why->{findings} } ], [],
		"no expression: $statement");
}

# Beside a scan with a filter: what the statement waits for, or computes once, is not put
# on the rows of the scan, whether its nodes are timed or not.
$node->safe_psql('postgres', q{
CREATE TABLE customer (id int PRIMARY KEY, name text, email text);
INSERT INTO customer SELECT g, md5(g::text), 'c' || g || '@example.com' FROM generate_series(1, 20000) g;
VACUUM ANALYZE customer;
});
my $where = "FROM customer WHERE email = 'c7\@example.com';";
foreach my $case ([ 'by rows' ], [ 'timed', points => 'node' ])
{
	my ($how, @points) = @$case;

	foreach my $beside (
		[ 'sleep', 'sleep', "SELECT pg_sleep(0.4), name $where" ],
		[ 'sleep in a join', 'sleep',
			"SELECT name FROM (SELECT 7 AS n FROM pg_sleep(0.4)) s, customer WHERE id > n AND email = 'c8\@example.com';" ],
		[ 'function', 'expression', "SELECT spell(400000), name $where" ])
	{
		my ($what, $rule, $statement) = @$beside;

		$base = psql_traced($node, $statement, @points);
		found($node, $base, "$what beside a filter, $how", $rule, 0.7);
		is_deeply([ grep { $_->{rule} eq 'filter' && $_->{share} > 0.1 } @{ why($node, $base)->{findings} } ],
			[], "$what beside a filter, $how: not the filter");
	}

	# Rows that took the time are told of as before.
	found($node,
		psql_traced($node, "SELECT (SELECT count(*) FROM customer WHERE email = 'c' || g) FROM generate_series(1, 30) g;", @points),
		"only a filter, $how", 'filter', 0.5);
}

# A function that is too quick for that is named, and how to see it.
($found) = @{ why($node, psql_traced($node, 'SELECT count(*) FROM seen WHERE spell(id % 10 + 10) > md5(id::text);'))->{longest} };
like($found->{why} // '', qr/it calls spell\(\): SET osprofiler\.points/,
	'a quick function: how to see more');

# One that PostgreSQL has itself is never recorded.
($found) = @{ why($node, psql_traced($node, "SELECT max(md5(repeat('x', g))) FROM generate_series(1, 20000) g;",
	points => 'function'))->{longest} };
unlike($found->{why} // '', qr/osprofiler\.points/, 'a function in C: no way to see more');

# A loop over the rows of a query: what is in it is repeated, and no client fetches.
$node->safe_psql('postgres', q{
CREATE TABLE stock (id int PRIMARY KEY, n int);
INSERT INTO stock SELECT g, 0 FROM generate_series(1, 5000) g;
CREATE FUNCTION unit() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT n FROM stock WHERE id = 7); END';
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
CREATE TABLE leaf (id int PRIMARY KEY, child int REFERENCES child ON DELETE CASCADE);
INSERT INTO parent SELECT g FROM generate_series(1, 100) g;
INSERT INTO child SELECT g, g % 100 + 1 FROM generate_series(1, 1000) g;
INSERT INTO leaf SELECT g, g % 1000 + 1 FROM generate_series(1, 50000) g;
CREATE INDEX ON child (parent);
VACUUM ANALYZE stock, parent, child, leaf;
});
$found = found($node, psql_traced($node, q{DO $$ DECLARE r record; BEGIN
	FOR r IN SELECT id FROM stock LOOP UPDATE stock SET n = n + 1 WHERE id = r.id; END LOOP; END $$;}),
	'loop', 'repeat', 0.7);
is($found->{figures}{executions}, 5000, 'loop: how often');

# A function for each row, as in a policy: of its statements the first 10,000 are recorded.
$found = found($node,
	psql_traced($node, 'SELECT count(*) FROM generate_series(1, 60000) g WHERE g > unit();'),
	'function of each row', 'repeat', 0.7);
like($found->{cause}, qr/\AThe same statement ran some 60,000 times within SELECT count/,
	'function of each row: how often');

# What a foreign key deletes has rows that refer to it, and these have no index for that:
# told of the trigger, or of a plan, if one of its 200 statements took 10 ms.
foreach my $case ([ -1, 'trigger', 'unless there is one\.' ], [ 0, 'filter', 'and look at EXPLAIN again\.' ])
{
	my ($ms, $rule, $end) = @$case;

	$node->safe_psql('postgres', "ALTER SYSTEM SET osprofiler.node_min_duration = $ms; SELECT pg_reload_conf()");
	$node->poll_query_until('postgres', "SELECT setting = '$ms' FROM pg_settings WHERE name = 'osprofiler.node_min_duration'");
	$found = found($node,
		psql_traced($node, 'BEGIN; DELETE FROM parent WHERE id <= 20; ROLLBACK;'), "cascade, $rule", $rule, 0.6);
	like($found->{next_step}, qr/CREATE INDEX CONCURRENTLY ON leaf \(child\), $end\z/,
		"cascade, $rule: the index");
}
$node->safe_psql('postgres', 'ALTER SYSTEM RESET osprofiler.node_min_duration; SELECT pg_reload_conf()');

# The checks of a large INSERT: all are counted, though their statements are left out.
$node->safe_psql('postgres', q{
CREATE TABLE country (id int PRIMARY KEY);
INSERT INTO country SELECT generate_series(1, 1000);
CREATE TABLE city (country int REFERENCES country)});
$found = found($node,
	psql_traced($node, 'INSERT INTO city SELECT 1 + g % 1000 FROM generate_series(1, 60000) g;'),
	'foreign key of a large INSERT', 'trigger', 0.6);
is($found->{figures}{calls}, 60000, 'foreign key of a large INSERT: how often');
like($found->{next_step}, qr/\AFor each row that is inserted, /, 'foreign key of a large INSERT: the step');

# Errors that are caught, again and again.
$found = found($node, psql_traced($node, 'SELECT see_all();'),
	'swallowed errors', 'failure', 0.4);
is($found->{figures}{failures}, 5000, 'swallowed errors: how many');
is($found->{figures}{retries}, 0, 'swallowed errors: nothing is tried again');
like($found->{cause}, qr/unique_violation/, 'swallowed errors: which');

# The client tries again, with pauses.
$found = found($node,
	psql_traced($node, "INSERT INTO seen VALUES (1);\n\\! sleep 0.2\n" x 3
		  . "INSERT INTO seen VALUES (9999);"),
	'retries', 'failure', 0.7);
is($found->{figures}{retries}, 3, 'retries: how many');

# A statement that is cancelled after its time: a long one beside what psql takes on a
# busy machine.
found($node,
	psql_traced($node,
		"SET statement_timeout = '2s'; WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r;"),
	'timeout', 'failed', 0.7);

$node->stop;
done_testing();
