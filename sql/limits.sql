--
-- Many, long and deep.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'limits' \gset
CREATE FUNCTION test_deep(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n = 0 THEN
		RETURN 0;
	END IF;
	RETURN (SELECT test_deep(n - 1) OFFSET 0);
END
$$;
CREATE FUNCTION test_endless(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT test_endless(n + 1) OFFSET 0);
END
$$;
CREATE FUNCTION test_many(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		PERFORM count(*) FROM test.context WHERE name = i::text;
	END LOOP;
END
$$;
SET max_stack_depth = '500kB';

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT test_deep(30);
SELECT test_many(1000);
SELECT 'x' || :'trace_info' = '' AS no, length(repeat('y', 100000)) AS yes;
\set VERBOSITY sqlstate
SELECT test_endless(0);
\set VERBOSITY default
-- As many points of one's own as may be, and no more.
SELECT count(*) FILTER (WHERE osprofiler.start('p' || g)) FROM generate_series(1, 2000) g;
SELECT count(*) FILTER (WHERE osprofiler.stop()) FROM generate_series(1, 2000) g;
RESET ALL;

CALL test.wait_for_delivery();
-- one start and one stop for every point, every parent is there
SELECT count(*) FILTER (WHERE kind = 'start') = count(*) FILTER (WHERE kind = 'stop') AS pairs,
	count(*) FILTER (WHERE point->>'parent_id' NOT IN
		(SELECT point->>'trace_id' FROM test.points('limits'))) / 2 AS top
FROM test.points('limits');
SELECT count(*) FROM test.points('limits')
WHERE kind = 'start' AND point->'info'->'db'->>'statement' LIKE '%count(*)%FROM test.context%';
SELECT dropped FROM osprofiler.stat;

DROP FUNCTION test_deep, test_endless, test_many;
