--
-- osprofiler.max_points: what a loop or a recursion may cost.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'max_points' \gset
CREATE FUNCTION test_many(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM i;
	END LOOP;
END
$$;
CREATE FUNCTION test_deep(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n > 0 THEN
		PERFORM test_deep(n - 1) FROM (SELECT 1) AS one OFFSET 0;
	END IF;
	RETURN 0;
END
$$;

-- The stop of a point says how many are missing right under it.
CREATE FUNCTION test_mark(which text) RETURNS TABLE (
	statement text, truncated bigint, points bigint) LANGUAGE sql AS $$
	SELECT start.point->'info'->'db'->>'statement',
		(stop.point->'info'->>'truncated')::bigint,
		(SELECT count(*) FROM test.points(which) child
			WHERE child.kind = 'start'
			AND child.point->'parent_id' = start.point->'trace_id')
	FROM test.points(which) start JOIN test.points(which) stop
		ON stop.kind = 'stop' AND start.kind = 'start'
		AND stop.point->'trace_id' = start.point->'trace_id'
	WHERE stop.point->'info' ? 'truncated'
	ORDER BY start.at
$$;

SET osprofiler.max_points = 5;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
-- as many as it may have, and one more
SELECT test_many(4);
SELECT test_many(5);
SELECT test_many(1000000);
SELECT test_deep(10);
-- every statement counts for itself
SELECT 'still recorded';
SELECT no_such_column;
SELECT 1 / (SELECT count(*) - 1 FROM test_many(10));
-- what a user opens counts, too; beside the statement it does not
SELECT osprofiler.start('phase');
SELECT test_many(7);
DO $$
BEGIN
	FOR i IN 1..4 LOOP
		PERFORM osprofiler.start('part' || i);
		PERFORM 'in the part';
		PERFORM osprofiler.stop();
	END LOOP;
END
$$;
SELECT osprofiler.stop();
SELECT osprofiler.start('beside'), test_many(10), osprofiler.stop();
-- a cursor that outlives its function
CREATE FUNCTION test_cursor() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'test_c';
BEGIN
	PERFORM osprofiler.start('beside it');
	OPEN c FOR SELECT test_many(1) FROM generate_series(1, 10);
	MOVE 2 FROM c;
	RETURN c;
END
$$;
BEGIN;
SELECT test_cursor();
FETCH 3 FROM test_c;
SELECT osprofiler.stop();
FETCH ALL FROM test_c;
COMMIT;
SET osprofiler.max_points = 1;
SELECT test_many(10);
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('max_points');
SELECT * FROM test_mark('max_points');

-- Deep.
SET osprofiler.max_points = 500;
SET max_stack_depth = '7MB';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT test_deep(1000);
RESET ALL;
CALL test.wait_for_delivery();
SELECT * FROM test_mark('max_points') WHERE truncated BETWEEN 400 AND 1000;
SELECT dropped FROM osprofiler.stat;

DROP FUNCTION test_many, test_deep, test_mark, test_cursor;
