--
-- Parallel workers.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'worker' \gset
CREATE TABLE test_worker (id int, part int);
INSERT INTO test_worker SELECT g, g % 10 FROM generate_series(1, 20000) g;
ANALYZE test_worker;
CREATE FUNCTION test_in_worker(n int) RETURNS int LANGUAGE plpgsql
PARALLEL SAFE AS $$
BEGIN
	PERFORM nspname FROM pg_namespace WHERE nspname = 'pg_catalog';
	RETURN n;
END
$$;
CREATE FUNCTION test_in_leader(n int) RETURNS int LANGUAGE plpgsql
PARALLEL RESTRICTED AS $$
BEGIN
	RAISE EXCEPTION 'in the leader';
END
$$;

SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET cpu_tuple_cost = 10;
-- all rows come from the workers
SET parallel_leader_participation = off;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';

-- under the statement, and under the Gather
SET osprofiler.points = 'statement, nested, worker';
SELECT count(*) FROM test_worker;
SET osprofiler.points = 'statement, nested, worker, node';
SELECT count(*) FROM test_worker;
SELECT id FROM test_worker WHERE id % 5000 = 0 ORDER BY id;
-- none, if they are not asked for
SET osprofiler.points = 'statement, nested';
SELECT count(*) FROM test_worker;
SET osprofiler.points = 'statement, nested, worker';
-- in a function
DO $$
BEGIN
	PERFORM count(*) FROM test_worker;
END
$$;
-- workers of other kinds have no points, and do no harm
SET max_parallel_maintenance_workers = 2;
CREATE INDEX ON test_worker (id);
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('worker');

-- What comes now is another one each time; only its order is looked at.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SET osprofiler.points = 'statement, nested, worker, node, plan, wait';
-- statements in a worker
SELECT sum(test_in_worker(id)) FROM test_worker WHERE id % 2000 = 0;
-- the leader needs no more rows
SELECT count(*) FROM (SELECT id FROM test_worker WHERE part = 3 LIMIT 1) limited;
-- workers once more
SELECT count(*) FROM generate_series(1, 3) g,
	LATERAL (SELECT count(*) FROM test_worker WHERE id > g OFFSET 0) n;
-- an error in a worker
SELECT count(*) FROM test_worker WHERE 1 / (id - 15000) > 1;
SET osprofiler.points = 'statement, nested, worker';
SELECT count(*) FROM test_worker WHERE 1 / (id - 15000) > 1;
SET osprofiler.points = 'statement, nested, worker, node';
-- an error in the leader while workers run
BEGIN;
SAVEPOINT s;
SELECT test_in_leader(id) FROM test_worker WHERE pg_sleep(0.0001) IS NOT NULL;
ROLLBACK TO s;
SELECT count(*) FROM test_worker;
COMMIT;
DO $$
BEGIN
	PERFORM test_in_leader(id) FROM test_worker WHERE pg_sleep(0.0001) IS NOT NULL;
EXCEPTION WHEN raise_exception THEN
	NULL;
END
$$;
-- no more time
SET statement_timeout = '500ms';
SELECT count(*) FROM test_worker WHERE pg_sleep(0.001) IS NOT NULL;
RESET ALL;

-- Nobody can set the context of workers, or see it.
SHOW osprofiler.parallel_context;
SET osprofiler.parallel_context = 'mine';
ALTER SYSTEM SET osprofiler.parallel_context = 'mine';
SELECT count(*) FROM pg_settings WHERE name = 'osprofiler.parallel_context';

CALL test.wait_for_delivery();
SELECT count(*) FILTER (WHERE line LIKE '%pg.worker%') >= 20 AS workers,
	count(*) FILTER (WHERE line LIKE '%NO STOP%') AS without_stop,
	count(*) FILTER (WHERE line LIKE '%OUTSIDE%') AS outside,
	count(*) FILTER (WHERE line NOT LIKE ' %' AND line NOT LIKE 'pg: %')
		AS without_parent
FROM test.tree('worker') line;
SELECT start.point->'info'->'db'->'worker'->>'name' AS worker,
	count(*) > 0 AS some,
	bool_and(start.point->'info'->'db'->>'pid'
		<> start.point->'info'->'db'->'worker'->>'leader_pid') AS process,
	bool_and(start.point->'info'->'db'->'worker' ? 'node') AS node
FROM test.points('worker') start
WHERE start.name = 'pg.worker' AND start.kind = 'start' GROUP BY 1 ORDER BY 1;
-- Statements in workers hang under them.
SELECT parent.name, count(*)
FROM test.points('worker') start
	JOIN test.points('worker') parent
		ON parent.point->>'trace_id' = start.point->>'parent_id'
		AND parent.kind = 'start'
WHERE start.kind = 'start' AND start.name = 'pg'
	AND start.point->'info'->'db'->>'statement' LIKE 'SELECT nspname%'
GROUP BY 1;
-- What a worker's error was is told by the worker and by the statement.
SELECT name, count(*) > 0 AS some FROM test.points('worker')
WHERE point->'info'->>'etype' = 'division_by_zero' GROUP BY 1 ORDER BY 1;

DROP TABLE test_worker;
DROP FUNCTION test_in_worker, test_in_leader;
