--
-- Statements as points: text, rows, what is told of them.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'statements' \gset
CREATE TABLE test_statements (id int PRIMARY KEY, word text);

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 'one' \; SELECT 'two' \;   SELECT 'three' /* with a comment */ ;
INSERT INTO test_statements SELECT g, 'w' || g FROM generate_series(1, 10) g;
UPDATE test_statements SET word = 'x' WHERE id <= 3 RETURNING id;
DELETE FROM test_statements WHERE id = 1;
SELECT count(*)
	FROM test_statements
	WHERE word = 'x';
WITH moved AS (DELETE FROM test_statements WHERE id > 5 RETURNING *)
	SELECT count(*) FROM moved;
SELECT 'a"b\c' || E'\t' || 'ä€𝄞';

-- Nothing but what osprofiler.points names.
SET osprofiler.points = '';
SELECT 'no points';
SET osprofiler.points = statement;
SELECT 'points again';
RESET osprofiler.points;

-- A long text is cut between two characters, and the whole length told.
SET osprofiler.max_statement_length = 20;
SELECT 'ääääääääää';
SET osprofiler.max_statement_length = 19;
SELECT 'ääääääääää';
RESET osprofiler.max_statement_length;

SET osprofiler.service = 'shop';
SET osprofiler.project = 'demo';
SET application_name = 'test application';
SELECT 'project and service';
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('statements');

-- What else a start and a stop tell.
SELECT DISTINCT string_agg(key, ', ' ORDER BY key) AS start
FROM test.points('statements'), jsonb_object_keys(point->'info'->'db') key
WHERE kind = 'start'
GROUP BY at ORDER BY 1;
SELECT point->'info'->'db'->>'namespace' = current_database() AS namespace,
	point->'info'->'db'->>'user' = current_user AS "user",
	point->'info'->'db'->>'application' AS application,
	(point->'info'->'db'->>'pid')::int = pg_backend_pid() AS pid,
	point->>'project' AS project, point->>'service' AS service
FROM test.points('statements')
WHERE kind = 'start'
	AND point->'info'->'db'->>'statement' LIKE '%project and service%';
SELECT point->'info'->'db'->'wal' ?& ARRAY['records', 'bytes'] AS wal,
	point->'info'->'db'->'buffers' ? 'shared_blks_hit' AS buffers,
	(point->'info'->>'elapsed_ns')::bigint > 0 AS elapsed
FROM test.points('statements')
WHERE kind = 'stop' AND point->'info'->'db'->>'command' = 'INSERT';
SELECT point->'info'->'db'->>'statement_length' AS whole,
	octet_length(point->'info'->'db'->>'statement') AS told
FROM test.points('statements')
WHERE point->'info'->'db' ? 'statement_length';

DROP TABLE test_statements;
