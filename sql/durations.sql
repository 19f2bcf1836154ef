--
-- osprofiler.min_duration: quick statements are not recorded.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'durations' \gset
CREATE FUNCTION test_nested(seconds float8, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM 'before';
	END LOOP;
	PERFORM pg_sleep(seconds);
	PERFORM 'after';
END
$$;

-- Long enough for no other statement to reach it.
SET osprofiler.min_duration = '1h';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 'quick';
SELECT test_nested(0, 3);
CREATE TEMP TABLE test_quick();
BEGIN;
DECLARE test_c CURSOR FOR SELECT 'quick cursor' FROM generate_series(1, 10);
FETCH 2 FROM test_c;
COMMIT;
-- one that fails is recorded, however quick
SELECT 1 / 0;
SELECT no_such_column;
DO $$
BEGIN
	PERFORM 'in the failed one';
	RAISE EXCEPTION 'failed';
END
$$;
-- but not one that has caught an error
DO $$
BEGIN
	PERFORM 1 / 0;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END
$$;
-- whoever calls on has to be there
SELECT trace_hmac IS NOT NULL AS signed FROM osprofiler.headers();
-- points of users are always recorded; what they have under them is not
SELECT osprofiler.start('phase');
SELECT 'quick, in the phase';
SELECT osprofiler.stop();
-- of a portal that stays open when its statement ends nothing is left
CREATE FUNCTION test_cursor() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'test_c';
BEGIN
	PERFORM osprofiler.start('beside it');
	OPEN c FOR SELECT 'open cursor' FROM generate_series(1, 10);
	MOVE 2 FROM c;
	RETURN c;
END
$$;
BEGIN;
SELECT test_cursor();
SELECT osprofiler.stop();
FETCH ALL FROM test_c;
COMMIT;
-- more than the buffer holds
SELECT test_nested(0, 100000);

SET osprofiler.min_duration = '100ms';
SELECT 'quick again';
SELECT test_nested(0.15, 2);
SELECT test_nested(0, 1);
SET osprofiler.min_duration = 0;
SELECT 'everything is recorded';
SET osprofiler.min_duration = '100ms';
SELECT test_nested(0.15, 15000);
RESET ALL;

-- Parallel workers are judged with their statement.
CREATE TABLE test_parallel AS SELECT g, repeat('x', 1000) AS wide FROM generate_series(1, 400) g;
ANALYZE test_parallel;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SET osprofiler.points = 'statement, nested, worker';
SET osprofiler.min_duration = '1h';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT count(g) AS quick_in_parallel FROM test_parallel;
SET osprofiler.min_duration = '100ms';
SELECT count(g) AS slow_in_parallel FROM test_parallel WHERE pg_sleep(0.002) IS NOT NULL;
SET osprofiler.min_duration = '1h';
-- one that fails
SELECT 1 / (g - 390) AS fails_in_parallel FROM test_parallel WHERE pg_sleep(0) IS NOT NULL;
-- one whose error is caught
DO $$
BEGIN
	PERFORM 1 / (g - 390) FROM test_parallel WHERE pg_sleep(0) IS NOT NULL;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END
$$;
RESET ALL;

CALL test.wait_for_delivery();
SELECT regexp_replace(tree, '\d{3,}}', 'many}') AS tree
FROM test.tree('durations') AS tree WHERE tree NOT LIKE '%pg: SELECT ''before''%' AND tree NOT LIKE '%pg_sleep(s%' AND tree NOT LIKE '%pg.worker%';
SELECT substring(statement.point #>> '{info,db,statement}' FROM '\w+_in_parallel') AS statement, count(*) > 0 AS workers
FROM test.points('durations') worker JOIN test.points('durations') statement
	ON statement.point->'trace_id' = worker.point->'parent_id' AND statement.kind = 'start'
WHERE worker.name = 'pg.worker' AND worker.kind = 'stop'
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS workers_alone FROM test.points('durations') worker
WHERE worker.name = 'pg.worker' AND NOT EXISTS (
	SELECT FROM test.points('durations') p WHERE p.point->'trace_id' = worker.point->'parent_id');
-- those that found no room are counted
SELECT stop.point->'info'->>'truncated' IS NOT NULL AS truncated,
	(stop.point->'info'->>'truncated')::int + (SELECT count(*) FROM test.points('durations') p
		WHERE p.point->'parent_id' = stop.point->'trace_id'
		AND p.kind = 'start') >= 15000 AS counted
FROM test.points('durations') stop
WHERE kind = 'stop' AND point->'info' ? 'truncated';
SELECT dropped FROM osprofiler.stat;
DROP FUNCTION test_nested, test_cursor;
DROP TABLE test_parallel;
