--
-- What the other tests use: the extension, signed contexts, and a function that
-- shows the shape of a trace.
--
-- Points go to a file in the data directory, and are read from there.
SELECT current_setting('data_directory') || '/osprofiler_test' AS dir \gset
SELECT 'file://' || :'dir' || '.jsonl' AS uri \gset
ALTER SYSTEM SET osprofiler.run_directory = :'dir';
ALTER SYSTEM SET osprofiler.connection_string = :'uri';
SELECT pg_reload_conf();

CREATE EXTENSION osprofiler;

CREATE SCHEMA test;

-- Signed with SECRET_KEY; one trace for each test.
CREATE TABLE test.context (name text PRIMARY KEY, base_id text,
	trace_info text, trace_hmac text);
INSERT INTO test.context VALUES
	('settings', '00000000-0000-4000-8000-000000000001',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDAxIn0=',
	'1da48c203e59685ff9f2014d72b3efba0e06dbe5'),
	('context', '00000000-0000-4000-8000-000000000002',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDAyIn0=',
	'97673e3c9a0f2beda33b15bd31ebc086423d383e'),
	('comments', '00000000-0000-4000-8000-000000000003',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDAzIn0=',
	'b27d7efdd43f65ace552b270d8ebf2c0f067763c'),
	('statements', '00000000-0000-4000-8000-000000000004',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwNCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA0In0=',
	'68fe8162c1f94f561e64915cca8e4270cd204a74'),
	('nested', '00000000-0000-4000-8000-000000000005',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwNSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA1In0=',
	'34b0313e17a46fa3b49e8703862472710345711c'),
	('utility', '00000000-0000-4000-8000-000000000006',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwNiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA2In0=',
	'0449eb2e0ea454cb40b03d463a9ee017a84a2766'),
	('errors', '00000000-0000-4000-8000-000000000007',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwNyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA3In0=',
	'a09f52423addd11e06a69679b0395b57e6695d41'),
	('cursors', '00000000-0000-4000-8000-000000000008',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwOCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA4In0=',
	'eea15f8a74e0ed9cd8a3e15bab26cd5c7ae59368'),
	('redaction', '00000000-0000-4000-8000-000000000009',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwOSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDA5In0=',
	'48ec9df55401059bc3ada0553b859d5b720c2225'),
	('params', '00000000-0000-4000-8000-000000000010',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxMCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDEwIn0=',
	'7d0d98e508f150340a3f8d880a6175ad15e70645'),
	('api', '00000000-0000-4000-8000-000000000011',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxMSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDExIn0=',
	'30a41eaf8256ec80f3fe15a7e13d5ba70f853135'),
	('limits', '00000000-0000-4000-8000-000000000012',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxMiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDEyIn0=',
	'9f59055f0b42ea447bb4011403cc151d371d55a4');

-- Waits until everything that was traced is in the collector.
CREATE PROCEDURE test.wait_for_delivery() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..1000 LOOP
		EXIT WHEN (SELECT waiting_bytes FROM osprofiler.stat) = 0;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;

CREATE FUNCTION test.points(which text) RETURNS TABLE (
	at bigint, point jsonb, kind text, name text) LANGUAGE sql AS $$
	SELECT at, line::jsonb,
		substring(line::jsonb->>'name' FROM '-(start|stop)$'),
		split_part(line::jsonb->>'name', '-', 1)
	FROM unnest(string_to_array(pg_read_file(
			current_setting('data_directory') || '/osprofiler_test.jsonl'),
			E'\n'))
		WITH ORDINALITY AS file(line, at)
	WHERE line <> ''
		AND line::jsonb->>'base_id' =
			(SELECT base_id FROM test.context c WHERE c.name = which)
$$;

-- The tree of a trace: names, texts, rows and errors; no ids, no times. What
-- must never be (a start without a stop, a child outside its parent) shows.
CREATE FUNCTION test.tree(which text) RETURNS SETOF text LANGUAGE sql AS $$
	WITH RECURSIVE points AS MATERIALIZED (
		SELECT * FROM test.points(which)
	), pairs AS MATERIALIZED (
		SELECT start.at, start.name, start.point->>'trace_id' AS id,
			start.point->>'parent_id' AS parent,
			start.point->'info' AS info, stop.point->'info' AS result,
			start.point->>'timestamp' AS began,
			stop.point->>'timestamp' AS ended
		FROM points start LEFT JOIN points stop
			ON stop.kind = 'stop'
			AND stop.point->>'trace_id' = start.point->>'trace_id'
		WHERE start.kind = 'start'
	), tree AS (
		SELECT p.*, 0 AS depth, ARRAY[p.at] AS path, '' AS broken
		FROM pairs p
		WHERE NOT EXISTS (SELECT FROM pairs q WHERE q.id = p.parent)
		UNION ALL
		SELECT p.*, t.depth + 1, t.path || p.at,
			CASE WHEN p.began < t.began OR p.ended > t.ended
				THEN ' OUTSIDE ITS PARENT' ELSE '' END
		FROM tree t JOIN pairs p ON p.parent = t.id
	)
	SELECT repeat('  ', depth) || name || ': '
		|| coalesce(info->'db'->>'statement', (info - 'host')::text)
		|| coalesce(' ' || (info->'db'->>'params'), '')
		|| coalesce(' -> ' || (result->'db'->>'command'), '')
		|| coalesce(' ' || nullif(result->'db'->>'rows', '0'), '')
		|| coalesce(' ' || nullif(result
			- ARRAY['host', 'db', 'elapsed_ns'], '{}')::text, '')
		|| CASE WHEN result IS NULL THEN ' NO STOP' ELSE '' END
		|| broken
	FROM tree ORDER BY path
$$;
