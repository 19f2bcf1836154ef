--
-- osprofiler.show and osprofiler.points: a trace as it is in the collector.
--
SELECT base_id, trace_info, trace_hmac FROM test.context WHERE name = 'show' \gset
CREATE FUNCTION test_nested() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'nested' FROM generate_series(1, 3);
	PERFORM 1 / 0;
END
$$;
SELECT count(*) FROM osprofiler.show(:'base_id');

SET osprofiler.service = 'shop';
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT osprofiler.start('phase', '{"step": 1, "text": "\u00e9\\u0000"}');
SELECT test_nested();
SELECT E'é \n two lines';
SELECT osprofiler.stop('{"result": "good"}');
RESET ALL;

-- The drawing, without what is different each time: times, bars, hosts.
SELECT regexp_replace(regexp_replace(line, '^( *\+?[0-9.]+ [mun]?s)+ +[^a-z├└│]*', ''), '(  on |@)\S+|  \(self [^)]*\)', '') AS line
FROM osprofiler.show(:'base_id') WITH ORDINALITY AS shown(line, n) WHERE n > 2 AND line NOT LIKE '%CONTEXT: %';
SELECT regexp_replace(line, '[0-9.]+ [mun]?s|\d+-\d+-\d+T\S+', 'TIME', 'g') AS header
FROM osprofiler.show(:'base_id') AS line LIMIT 1;
SELECT max(length(line)) <= 40 AS narrow FROM osprofiler.show(:'base_id', 40) AS line
WHERE line NOT LIKE 'Trace %';

SELECT depth, name, service, project, info - 'host' - 'db' AS info, info->'db'->>'statement' AS statement,
	result - 'host' - 'db' - 'elapsed_ns' - 'context' AS result, result->'db'->>'rows' AS rows
FROM osprofiler.points(:'base_id');
SELECT bool_and(finished >= started) AS times, bool_and(duration_ms > 0) AS durations,
	bool_and(host <> '') AS hosts, count(DISTINCT trace_id) AS ids,
	bool_and(started BETWEEN now() - interval '1 hour' AND clock_timestamp()) AS today
FROM osprofiler.points(:'base_id');
SELECT count(*) FROM osprofiler.points(:'base_id') child
	JOIN osprofiler.points(:'base_id') parent ON child.parent_id = parent.trace_id
WHERE child.depth = parent.depth + 1;

-- OpenTelemetry's form of the id, and a traceparent.
SELECT count(*) FROM osprofiler.points(replace(:'base_id', '-', ''));
SELECT count(*) FROM osprofiler.show('00-' || replace(:'base_id', '-', '') || '-00f067aa0ba902b7-01');

-- There is no such trace.
SELECT count(*) FROM osprofiler.points('no such trace');
SELECT count(*) FROM osprofiler.points(NULL);
SELECT count(*) FROM osprofiler.show(NULL);
SELECT count(*) FROM osprofiler.explain(NULL);
SELECT osprofiler.show('no such trace');
SELECT osprofiler.explain('no such trace', 80);
SELECT osprofiler.show('');
SELECT osprofiler.points(repeat('x', 129));
SELECT osprofiler.show('x', -1);

-- It needs no more memory than it may.
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM osprofiler.points((SELECT base_id FROM test.context WHERE name = 'durations'));
RESET maintenance_work_mem;

-- A collector that cannot be read; its password is not told.
SELECT substring(pg_read_file('postgresql.auto.conf') FROM 'connection_string = ''([^'']*)''') AS uri \gset
ALTER SYSTEM SET osprofiler.connection_string = 'redis://:hunter2@127.0.0.1:1/0';
CALL test.wait_for_delivery();
CALL test.reload();
\c -
SELECT * FROM osprofiler.show(:'base_id');
ALTER SYSTEM SET osprofiler.connection_string = :'uri';
CALL test.reload();
\c -

-- Who may do what; a search_path that lies has no effect.
CREATE ROLE test_nobody;
CREATE SCHEMA test_hostile;
GRANT USAGE ON SCHEMA test_hostile TO test_nobody;
CREATE FUNCTION test_hostile.length(pg_catalog.text) RETURNS int LANGUAGE sql AS 'SELECT 1/0';
CREATE TYPE test_hostile.text AS (a int);
GRANT pg_monitor TO test_nobody;
SET ROLE test_nobody;
SET search_path = test_hostile, pg_catalog;
SELECT count(*) FROM osprofiler.points(:'base_id');
SELECT count(*) FROM osprofiler.show(:'base_id');
RESET search_path;
RESET ROLE;
REVOKE pg_monitor FROM test_nobody;
SET ROLE test_nobody;
SELECT * FROM osprofiler.points(:'base_id');
SELECT * FROM osprofiler.show(:'base_id');
SELECT * FROM osprofiler.explain(:'base_id');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA test_hostile CASCADE;
RESET client_min_messages;
DROP ROLE test_nobody;
DROP FUNCTION test_nested;
