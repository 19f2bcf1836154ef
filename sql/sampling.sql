--
-- osprofiler.sample_rate: statements that begin a trace of their own.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'sampling' \gset
CREATE TABLE test_before AS SELECT test_file FROM (
	SELECT count(*) AS test_file FROM regexp_matches(pg_read_file(
		current_setting('data_directory') || '/osprofiler_test.jsonl'), E'\n', 'g')) f;

-- What was recorded since then of traces that no context has named.
CREATE FUNCTION test_sampled() RETURNS TABLE (at bigint, point jsonb) LANGUAGE sql AS $$
	SELECT at, line::jsonb
	FROM unnest(string_to_array(pg_read_file(
			current_setting('data_directory') || '/osprofiler_test.jsonl'), E'\n'))
		WITH ORDINALITY AS file(line, at), test_before
	WHERE line <> '' AND at > test_file
		AND line::jsonb->>'base_id' NOT IN (SELECT base_id FROM test.context)
$$;
CREATE FUNCTION test_nested() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'nested';
	RETURN 1;
END
$$;

SELECT 'nothing is sampled';
SET osprofiler.sample_rate = 1;
SELECT test_nested();
SELECT 1 / 0;
SELECT no_such_column;
SELECT active, source, verdict, reason, base_id = parent_id AS top FROM osprofiler.context();
SELECT * FROM osprofiler.headers();
SELECT osprofiler.set_context(NULL);
BEGIN;
SELECT 'in a transaction';
ROLLBACK;
PREPARE test_prepared AS SELECT 'prepared';
EXECUTE test_prepared;
-- a context goes before
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 'of the context';
SELECT trace_hmac IS NOT NULL AS signed FROM osprofiler.headers();
-- but a bad one is as if it were not there
SET osprofiler.trace_hmac = 'wrong';
SELECT 'of a bad context';
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
SET osprofiler.sample_rate = 0;
SELECT 'nothing is sampled again';

-- What a function runs is not drawn for itself; a rate is kept, more or less.
CREATE FUNCTION test_never(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM 'never sampled';
	END LOOP;
	RETURN n;
END
$$;
SET osprofiler.sample_rate = 1e-9;
SELECT test_never(1000);
SET osprofiler.sample_rate = 0.5;
SELECT format('SELECT %s AS drawn', n) FROM generate_series(1, 400) n
\set ECHO none
\o /dev/null
\gexec
\o
\set ECHO all
SELECT 'BEGIN', format('SELECT %s AS one', n), format('SELECT %s AS two', n), 'COMMIT'
FROM generate_series(1, 100) n
\set ECHO none
\o /dev/null
\gexec
\o
\set ECHO all
RESET osprofiler.sample_rate;

CALL test.wait_for_delivery();
-- A transaction is one trace, or none.
SELECT count(*) BETWEEN 20 AND 80 AS half, min(statements) AS least, max(statements) AS most
FROM (SELECT count(*) AS statements FROM test_sampled()
	WHERE point->>'name' = 'pg-start' GROUP BY point->>'base_id'
	HAVING string_agg(point->'info'->'db'->>'statement', ';') ~ 'SELECT \d+ AS one') transactions;
SELECT DISTINCT point->>'base_id' = point->>'parent_id' AS top,
	point->'info'->'db'->>'statement' AS statement
FROM test_sampled()
WHERE point->>'name' = 'pg-start' AND point->'info'->'db'->>'statement' !~ 'drawn|AS one|AS two|^BEGIN$|^COMMIT$'
ORDER BY 1, 2;
SELECT count(*) BETWEEN 100 AND 300 AS half, count(DISTINCT point->>'base_id') = count(*) AS each_its_own
FROM test_sampled()
WHERE point->>'name' = 'pg-start' AND point->'info'->'db'->>'statement' LIKE 'SELECT % AS drawn';
SELECT count(*) FILTER (WHERE point->>'name' = 'pg-start')
	= count(*) FILTER (WHERE point->>'name' = 'pg-stop') AS pairs
FROM test_sampled();
SELECT * FROM test.tree('sampling');

-- Nobody else may sample.
CREATE ROLE test_nobody;
SET ROLE test_nobody;
SET osprofiler.sample_rate = 1;
SET osprofiler.accept_traceparent = on;
SET osprofiler.min_duration = 1;
SET osprofiler.max_points = 1;
RESET ROLE;
DROP ROLE test_nobody;
DROP FUNCTION test_sampled, test_nested, test_never;
DROP TABLE test_before;
