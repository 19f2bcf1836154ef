--
-- Planning, where it hangs and what it tells.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'plan' \gset
CREATE TABLE test_plan (id int PRIMARY KEY, word text);
INSERT INTO test_plan SELECT g, 'word ' || g FROM generate_series(1, 100) g;
ANALYZE test_plan;
CREATE FUNCTION test_fold(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	found int;
BEGIN
	SELECT count(*) + n INTO found FROM pg_namespace WHERE nspname = 'none';
	RETURN found;
END
$$;
CREATE FUNCTION test_twice() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT g FROM generate_series(1, 2) g LOOP
		PERFORM word FROM test_plan WHERE id = r.g;
	END LOOP;
END
$$;
CREATE FUNCTION test_bad_plan() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 / 0 FROM test_plan;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END
$$;
CREATE RULE test_also AS ON UPDATE TO test_plan DO ALSO
	DELETE FROM test_plan WHERE id = 99;

SET osprofiler.points = 'statement, nested, plan';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';

SELECT word FROM test_plan WHERE id = 1;
-- one string, several statements
DELETE FROM test_plan WHERE false\; SELECT 2 AS two;
-- two plans made before the first of them runs
UPDATE test_plan SET word = 'new' WHERE id = 2;

-- planned for the values, then for any
PREPARE one (int) AS SELECT word FROM test_plan WHERE id = $1;
SET plan_cache_mode = force_custom_plan;
EXECUTE one (1);
SET plan_cache_mode = force_generic_plan;
EXECUTE one (2);
EXECUTE one (3);
DEALLOCATE one;

-- in functions the plan is kept
SELECT test_twice();
SELECT test_twice();

-- what runs while a statement is planned
SELECT test_fold(1);
DO $$ BEGIN PERFORM test_fold(2); END $$;

-- planning that fails
SELECT 1 / 0;
SELECT test_bad_plan();
EXPLAIN SELECT 2 / 0;

-- statements with a plan of their own
EXPLAIN (COSTS OFF) SELECT 1;
CREATE TABLE test_plan_as AS SELECT 1 AS id;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM test_plan ORDER BY id;
FETCH 1 FROM c;
CLOSE c;
COMMIT;
COPY (SELECT id FROM test_plan WHERE id < 3 ORDER BY id) TO STDOUT;

-- without nested statements, and alone
SET osprofiler.points = 'statement, plan';
SELECT test_twice() AS without;
SET osprofiler.points = 'plan';
SELECT 'no statement, no plan' AS word;
RESET ALL;

-- planned outside the trace
PREPARE outside AS SELECT count(*) FROM test_plan;
SET plan_cache_mode = force_generic_plan;
EXECUTE outside;
SET osprofiler.points = 'statement, nested, plan';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
EXECUTE outside;
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('plan');

-- What a plan tells.
SELECT point->'info'->'db'->'plan'->>'kind' AS kind,
	count(*) > 0 AS some,
	bool_and((point->'info'->'db'->'plan'->>'cost')::float >= 0) AS cost,
	bool_and((point->'info'->'db'->'plan'->>'rows')::float >= 0) AS rows
FROM test.points('plan')
WHERE name = 'pg.plan' AND kind = 'stop' AND NOT point->'info' ? 'etype'
GROUP BY 1 ORDER BY 1;

-- What statements tell of the plan that their prepared statement had.
SELECT point->'info'->'db'->>'statement' AS statement,
	point->'info'->'db'->'plan' AS plan
FROM test.points('plan')
WHERE name = 'pg' AND kind = 'start' AND point->'info'->'db' ? 'plan'
ORDER BY point->>'timestamp';

-- A plan begins with its statement, and ends before what the statement does.
SELECT count(*) > 0 AS some,
	bool_and(s.point->>'timestamp' = p.point->>'timestamp') AS with_it
FROM test.points('plan') p
	JOIN test.points('plan') s
		ON s.point->>'trace_id' = p.point->>'parent_id' AND s.kind = 'start'
WHERE p.name = 'pg.plan' AND p.kind = 'start'
	AND NOT p.point->'info' ? 'db';

DROP TABLE test_plan, test_plan_as;
DROP FUNCTION test_fold, test_twice, test_bad_plan;
