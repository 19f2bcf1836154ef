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
	'9f59055f0b42ea447bb4011403cc151d371d55a4'),
	('plan', '00000000-0000-4000-8000-000000000013',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxMyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDEzIn0=',
	'e94ee1c30c33dce058d02cac8b74d1cc0b859a61'),
	('node', '00000000-0000-4000-8000-000000000014',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxNCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE0In0=',
	'8774f9c3c4682dbde75f33123f7569659de41c0a'),
	('worker', '00000000-0000-4000-8000-000000000015',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxNSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE1In0=',
	'84f14dcfce383e99f7fac10f8ae8e22d61d2ea7a'),
	('commit', '00000000-0000-4000-8000-000000000016',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxNiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE2In0=',
	'221a61e2f82c228384f73c1f4d7b683b46771ce1'),
	('trigger', '00000000-0000-4000-8000-000000000017',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxNyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE3In0=',
	'f66bef789760c0f4929dad3a4d924878d1bbc83d'),
	('function', '00000000-0000-4000-8000-000000000018',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxOCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE4In0=',
	'f734f0b2f2f9d2ab9f2de1645ad47e9ba2b77770'),
	('wait', '00000000-0000-4000-8000-000000000019',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAxOSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDE5In0=',
	'72cac5a3796103b0ca9e736c7bc6652c2f6b93a9'),
	('sampling', '00000000-0000-4000-8000-000000000020',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyMCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDIwIn0=',
	'73eb7d315ce8797698e116d10ba21d04506e0243'),
	('durations', '00000000-0000-4000-8000-000000000021',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyMSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDIxIn0=',
	'fbac7bd25bf96537428050d522755de8f0ecce68'),
	('max_points', '00000000-0000-4000-8000-000000000022',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyMiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDIyIn0=',
	'6e4d6a485b5a7ad441427028eb391e4354a325e9'),
	('traceparent', '00000000-0000-4000-8000-000000000023',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyMyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDIzIn0=',
	'878e66e356ab3114af2a2f2f5b1c3ed436b84325'),
	('show', '00000000-0000-4000-8000-000000000024',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyNCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDI0In0=',
	'be2e90edee1f2d58822485454b713ec75582e063'),
	('set_context', '00000000-0000-4000-8000-000000000025',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyNSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDI1In0=',
	'4c9877f6a6b0b05f9e9ad8bdeb7685d24a5cd8ef'),
	('shapes', '00000000-0000-4000-8000-000000000026',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyNiIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDI2In0=',
	'2aec4b9791ddf1021638e2d6cae419892bd9c66b'),
	('protocols', '00000000-0000-4000-8000-000000000027',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyNyIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDI3In0=',
	'fcf42885da7819382ca84be9b9eac4a39c6d678b'),
	('roles', '00000000-0000-4000-8000-000000000028',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAyOCIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDI4In0=',
	'6afc6fe18c2bd208d73854efa1208edc8638fb0e'),
	('slow nodes', '00000000-0000-4000-8000-000000000039',
	'eyJiYXNlX2lkIjogIjAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAzOSIsICJwYXJlbnRfaWQiOiAiMDAwMDAwMDAtMDAwMC00MDAwLTkwMDAtMDAwMDAwMDAwMDM5In0=',
	'8173d3858a3605338abbbf713909000eee6c72a0');

-- Waits until everything that was traced is in the collector.
CREATE PROCEDURE test.wait_for_delivery() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..6000 LOOP
		IF (SELECT waiting_bytes = 0 AND spool_points = 0 FROM osprofiler.stat) THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE 'points still wait to be delivered';
END
$$;

-- Another collector, for new sessions, once the shipper knows it; when it is
-- called nothing may be left for the one before.
CREATE PROCEDURE test.reload() LANGUAGE plpgsql AS $$
DECLARE
	before int;
BEGIN
	-- There is none for a moment when another one is started.
	FOR i IN 1..6000 LOOP
		before := (SELECT shipper_pid FROM osprofiler.stat);
		EXIT WHEN before IS NOT NULL;
		PERFORM pg_sleep(0.01);
	END LOOP;
	PERFORM pg_reload_conf();
	FOR i IN 1..6000 LOOP
		IF (SELECT shipper_pid <> before FROM osprofiler.stat) THEN
			RETURN;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE 'the shipper is still the one from before the reload';
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

-- A plan node, or a parallel worker: what does not change from run to run.
CREATE FUNCTION test.node(info jsonb, result jsonb) RETURNS text LANGUAGE sql
IMMUTABLE AS $$
	SELECT CASE WHEN info ? 'worker' THEN 'worker' ELSE
		coalesce((info->'node'->>'subplan') || ': ', '')
		|| (info->'node'->>'type')
		|| coalesce(' on ' || (info->'node'->>'relation'), '')
		|| coalesce(' ' || (info->'node'->>'alias'), '')
		|| coalesce(' using ' || (info->'node'->>'index'), '')
		|| coalesce(' of ' || (info->'node'->>'cte'), '')
		|| coalesce((SELECT string_agg(' ' || key || ': ' || value, ',' ORDER BY key)
			FROM jsonb_each_text(info->'node')
			WHERE key ~ '_(cond|key|filter)$|^filter$'), '')
		|| coalesce((SELECT ' (' || string_agg(key || ' ' || value, ', ' ORDER BY key)
			|| ')'
			FROM jsonb_each_text(result->'node')
			WHERE key IN ('rows', 'loops', 'never_executed', 'interrupted',
				'rows_removed_by_filter', 'rows_removed_by_join_filter')), '')
		END
	WHERE info ? 'node' OR info ? 'worker'
$$;

-- The tree of a trace: names, texts, rows and errors; no ids, no times. What
-- must never be (a start without a stop, a child outside its parent) shows.
-- Sessions are delivered in any order, so what is at the top stands by its time.
-- Workers write to rings of their own: they come first, for they come at any time.
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
		SELECT p.*, 0 AS depth,
			ARRAY[row_number() OVER (ORDER BY p.began, p.at)] AS path, '' AS broken
		FROM pairs p
		WHERE NOT EXISTS (SELECT FROM pairs q WHERE q.id = p.parent)
		UNION ALL
		SELECT p.*, t.depth + 1, t.path
			|| CASE WHEN p.name = 'pg.worker' THEN -p.at ELSE p.at END,
			CASE WHEN p.began < t.began OR p.ended > t.ended
				THEN ' OUTSIDE ITS PARENT' ELSE '' END
		FROM tree t JOIN pairs p ON p.parent = t.id
	)
	SELECT repeat('  ', depth) || name || ': '
		|| coalesce(info->'db'->>'statement',
			test.node(info->'db', result->'db'), (info - 'host')::text)
		|| coalesce(' ' || (info->'db'->>'params'), '')
		|| coalesce(' -> ' || (result->'db'->>'command'), '')
		|| CASE WHEN name = 'pg.worker' THEN ''
			ELSE coalesce(' ' || nullif(result->'db'->>'rows', '0'), '') END
		|| coalesce(' ' || nullif(result
			- ARRAY['host', 'db', 'elapsed_ns', 'detail', 'hint', 'context'], '{}')::text, '')
		|| CASE WHEN result IS NULL THEN ' NO STOP' ELSE '' END
		|| broken
	FROM tree ORDER BY path
$$;
