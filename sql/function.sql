--
-- Functions in procedural languages.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'function' \gset
CREATE SCHEMA test_function;
SET search_path = test_function;
CREATE FUNCTION leaf(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN 12 / n;
END
$$;
CREATE FUNCTION branch(n int, fails int DEFAULT 1) RETURNS int
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'in branch';
	RETURN leaf(n) + leaf(fails);
END
$$;
CREATE FUNCTION catches() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN branch(1, 0);
EXCEPTION WHEN division_by_zero THEN
	RETURN leaf(3);
END
$$;
CREATE FUNCTION rows(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT generate_series(1, n);
END
$$;
CREATE FUNCTION in_sql(n int) RETURNS int LANGUAGE sql IMMUTABLE AS
	'SELECT n + 1';
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n = 0 THEN
		RETURN 0;
	END IF;
	RETURN deep(n - 1) + 1;
END
$$;
CREATE FUNCTION as_owner() RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET work_mem = '1MB' AS $$
BEGIN
	RETURN leaf(4);
END
$$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE made (id int);
	COMMIT;
	INSERT INTO made VALUES (leaf(1));
	COMMIT;
END
$$;

-- Before anything is traced: none of this stays in the way.
SELECT branch(2), catches(), as_owner();
PREPARE call_branch AS SELECT branch($1);
EXECUTE call_branch(3);

SET osprofiler.points = statement, nested, function;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
EXECUTE call_branch(4);
SELECT branch(6);
SELECT branch(0);
SELECT catches();
SELECT * FROM rows(3);
SELECT in_sql(1), as_owner();
EXPLAIN (COSTS OFF, VERBOSE) SELECT in_sql(g) FROM generate_series(1, 2) g;
SELECT deep(3);
CALL commits();
DO $$ BEGIN PERFORM leaf(1); END $$;
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
-- and after
SELECT branch(2), catches(), as_owner();

CALL test.wait_for_delivery();
-- PostgreSQL 13 has an expression begin with SELECT
SELECT replace(replace(tree, '{"db": {"function": ', ''), 'pg: SELECT ', 'pg: ')
	AS tree
FROM test.tree('function') tree;

-- Bounds: as many as one likes, as deep as one likes.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT sum(leaf(1)) FROM generate_series(1, 20000);
SELECT deep(400);
SELECT 'still traced';
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
CALL test.wait_for_delivery();
SELECT name, kind, count(*), sum((point #>> '{info,db,calls}')::int) AS calls
FROM test.points('function') GROUP BY 1, 2 ORDER BY 1, 2;

-- The points of many calls have names.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT sum(leaf(1) + branch(1, 1)) FROM generate_series(1, 700);
RESET osprofiler.trace_info;
RESET osprofiler.trace_hmac;
CALL test.wait_for_delivery();
SELECT start.name, start.point #>> '{info,db,function,name}' AS function, stop.point #>> '{info,db,calls}' AS calls
FROM test.points('function') start
JOIN test.points('function') stop ON stop.point->>'trace_id' = start.point->>'trace_id'
	AND stop.point #> '{info,db,calls}' IS NOT NULL
WHERE start.kind = 'start'
ORDER BY stop.point->>'timestamp', 1, 2;

SET client_min_messages = warning;
DROP SCHEMA test_function CASCADE;
RESET ALL;
