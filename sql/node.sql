--
-- Plan nodes: the tree of the plan, and what each node did.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'node' \gset
CREATE TABLE test_node (id int PRIMARY KEY, part int, word text);
INSERT INTO test_node SELECT g, g % 10, 'word ' || g
	FROM generate_series(1, 1000) g;
CREATE TABLE test_small (id int, name text);
INSERT INTO test_small SELECT g, 'name ' || g FROM generate_series(0, 9) g;
CREATE TABLE test_parts (id int, word text) PARTITION BY RANGE (id);
CREATE TABLE test_parts_1 PARTITION OF test_parts FOR VALUES FROM (1) TO (10);
CREATE TABLE test_parts_2 PARTITION OF test_parts FOR VALUES FROM (10) TO (20);
INSERT INTO test_parts SELECT g, 'part' FROM generate_series(1, 19) g;
VACUUM ANALYZE test_node, test_small, test_parts;
CREATE FUNCTION test_in_function() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM word FROM test_node WHERE id = 7;
END
$$;
CREATE FUNCTION test_fails(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n = 3 THEN
		RAISE EXCEPTION 'three';
	END IF;
	RETURN n;
END
$$;

SET osprofiler.points = 'statement, nested, node';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';

SELECT word FROM test_node WHERE id = 1;
SELECT 1 AS result;
SELECT count(*) FROM test_node WHERE part < 3 AND word LIKE 'word%';
SELECT DISTINCT part FROM test_node ORDER BY part DESC LIMIT 2;

-- joins
SET enable_mergejoin = off;
SET enable_nestloop = off;
SELECT count(*) FROM test_node n JOIN test_small s ON s.id = n.part;
SET enable_hashjoin = off;
SET enable_nestloop = on;
SELECT s.name, n.word FROM test_small s LEFT JOIN test_node n ON n.id = s.id
	WHERE s.id = 2 OR s.id = 3;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- bitmaps
SET enable_indexscan = off;
SET enable_seqscan = off;
SELECT word FROM test_node WHERE id = 5 OR id > 999;
RESET enable_indexscan;
RESET enable_seqscan;

-- what runs apart, and what never runs
WITH cte AS MATERIALIZED (SELECT id FROM test_small)
	SELECT count(*) FROM cte WHERE id > (SELECT min(id) FROM test_small);
SELECT name, (SELECT word FROM test_node n WHERE n.id = s.id)
	FROM test_small s WHERE s.id < 2;
SELECT name FROM test_small WHERE false;
SELECT id FROM test_small WHERE id > 100
	UNION ALL SELECT id FROM test_node WHERE id = 1 LIMIT 1;
SELECT n.id FROM test_small s, LATERAL
	(SELECT id FROM test_node WHERE part = s.id OFFSET 0) n WHERE s.id > 100;

-- partitions, functions, values, recursion
SELECT count(*) FROM test_parts WHERE id > 5;
SELECT count(*) FROM generate_series(1, 5) g, (VALUES (1), (2)) v;
WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 4)
	SELECT sum(n) FROM up;

-- changes
INSERT INTO test_small VALUES (10, 'name 10');
UPDATE test_small SET name = 'new' WHERE id = 10;
DELETE FROM test_small WHERE id = 10 RETURNING name;

-- prepared, in a function, in a cursor
PREPARE one (int) AS SELECT word FROM test_node WHERE id = $1;
SET plan_cache_mode = force_custom_plan;
EXECUTE one (1);
SET plan_cache_mode = force_generic_plan;
EXECUTE one (2);
DEALLOCATE one;
SELECT test_in_function();
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM test_small;
FETCH 2 FROM c;
FETCH 3 FROM c;
CLOSE c;
COMMIT;

-- errors on the way
SELECT test_fails(id) FROM test_small;
SELECT id FROM test_small WHERE 1 / (id - 3) < -100 ORDER BY name;

-- constants are told if parameters are
RESET osprofiler.trace_info;
SET osprofiler.hide_params = off;
SET osprofiler.trace_info = :'trace_info';
SELECT word FROM test_node WHERE id IN (11, 12) AND word <> 'no' AND part IS NOT NULL;
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('node');

-- Estimates, times and buffers are there; a node lies within its statement.
SELECT count(*) > 0 AS some,
	bool_and((start.point->'info'->'db'->'node'->>'total_cost')::float >= 0
		AND start.point->'info'->'db'->'node' ? 'plan_rows'
		AND start.point->'info'->'db'->'node' ? 'plan_width') AS estimated,
	bool_and((stop.point->'info'->'db'->'node'->>'total_ms')::float > 0
		OR stop.point->'info'->'db'->'node' ? 'never_executed') AS timed,
	bool_or(stop.point->'info'->'db'->'node'->'buffers'
		? 'shared_blks_hit') AS buffers,
	bool_or(stop.point->'info'->'db'->'node' ? 'sort_method') AS sorted,
	bool_or(stop.point->'info'->'db'->'node' ? 'peak_memory_kb') AS hashed
FROM test.points('node') start JOIN test.points('node') stop
	ON stop.point->>'trace_id' = start.point->>'trace_id'
	AND stop.kind = 'stop'
WHERE start.name = 'pg.node' AND start.kind = 'start';

-- A scan has the index that it uses, or all of its table.
SELECT DISTINCT node->>'type' AS type, node ? 'filter' AS filters,
	coalesce(node->>'indexes', '') AS indexes, node->>'relation_toast' AS toast
FROM test.points('node') p, LATERAL (SELECT p.point#>'{info,db,node}' AS node) n
WHERE p.name = 'pg.node' AND p.kind = 'start'
	AND node->>'relation' = 'test_node'
	AND node->>'type' IN ('Index Scan', 'Seq Scan')
ORDER BY type, filters, indexes;

-- Nodes of slow statements: rows and no times. Here all are slow.
SET osprofiler.node_min_duration = 0;
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'slow nodes' \gset
SET osprofiler.points = 'statement, nested';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT count(*) FROM test_node WHERE part = 3;
SELECT (SELECT count(*) FROM test_small WHERE id > n.part) FROM test_node n WHERE part = 3 LIMIT 2;
PREPARE test_slow AS SELECT count(*) FROM test_small;
EXECUTE test_slow;
SET osprofiler.node_min_duration = '1h';
SELECT count(*) FROM test_small;
SET osprofiler.node_min_duration = -1;
SELECT count(*) FROM test_small;
RESET ALL;
CALL test.wait_for_delivery();
SELECT * FROM test.tree('slow nodes');
SELECT bool_and(stop.point#>'{info,db,node}' ? 'rows') AS rows,
	bool_or(stop.point#>'{info,db,node}' ? 'total_ms') AS times
FROM test.points('slow nodes') stop WHERE name = 'pg.node' AND kind = 'stop';

-- EXPLAIN ANALYZE says the same, traced or not.
CREATE TABLE test_explain (traced bool, line int, text text);
CREATE FUNCTION test_explain(traced bool, options text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	line text;
	number int := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF, '
		|| options || ')
		SELECT part, count(*) FROM test_node n JOIN test_small s ON s.id = n.part
		WHERE word LIKE ''word 1%'' GROUP BY part ORDER BY part'
	LOOP
		EXIT WHEN line LIKE 'Planning%';
		number := number + 1;
		INSERT INTO test_explain VALUES (traced, number, options || ': ' || line);
	END LOOP;
END
$$;
SELECT test_explain(NULL, 'BUFFERS on');
SELECT test_explain(false, 'BUFFERS off'), test_explain(false, 'BUFFERS on'),
	test_explain(false, 'VERBOSE, BUFFERS off');
SET osprofiler.points = 'statement, nested, plan, commit, trigger, worker, function, node, wait';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT test_explain(true, 'BUFFERS off'), test_explain(true, 'BUFFERS on'),
	test_explain(true, 'VERBOSE, BUFFERS off');
RESET ALL;
SELECT count(*) > 20 AS some, count(*) FILTER (WHERE NOT EXISTS (
		SELECT FROM test_explain o WHERE o.traced <> e.traced
			AND o.line = e.line AND o.text = e.text)) AS different
FROM test_explain e WHERE traced IS NOT NULL;

DROP TABLE test_node, test_small, test_parts, test_explain;
DROP FUNCTION test_in_function, test_fails, test_explain;
