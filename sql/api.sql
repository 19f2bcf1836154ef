--
-- The SQL functions.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'api' \gset

-- without a context they do nothing
SELECT osprofiler.start('nothing'), osprofiler.stop();
SELECT * FROM osprofiler.headers();
SELECT active, source, verdict, reason FROM osprofiler.context();

SELECT osprofiler.init(:'trace_info', 'wrong');
SELECT osprofiler.init(:'trace_info', :'trace_hmac');
SELECT active, source, verdict, reason,
	base_id = (SELECT base_id FROM test.context WHERE name = 'api') AS base_id,
	parent_id, point_id <> parent_id AS own_id
FROM osprofiler.context();

-- A point spans statements, until the one that stops it.
SELECT osprofiler.start('phase', '{"step": 1}');
SELECT 'in the phase';
SELECT osprofiler.start('inner');
SELECT 'inside';
SELECT osprofiler.stop(), osprofiler.stop('{"result": "good"}');
SELECT 'after the phase';
SELECT osprofiler.stop();

-- In a function it ends with the function at the latest.
DO $$
BEGIN
	PERFORM osprofiler.start('part');
	PERFORM 'in the part';
	PERFORM osprofiler.stop();
	PERFORM osprofiler.start('forgotten');
	PERFORM 'in the forgotten part';
END
$$;

-- Wrong arguments.
SELECT osprofiler.start(NULL);
SELECT osprofiler.start('with-dash');
SELECT osprofiler.start('');
SELECT osprofiler.start('name', '[1]');
SELECT osprofiler.stop(jsonb_build_object('x', repeat('x', 70000)));

-- The headers are signed with the accepted key, and name the running statement.
CREATE TABLE test_headers AS SELECT * FROM osprofiler.headers();

-- What is open when the context changes ends with it.
SELECT osprofiler.start('until reset');
SELECT 'before reset';
RESET ALL;
SELECT 'after reset';

SELECT osprofiler.init(trace_info, trace_hmac) FROM test_headers;
RESET ALL;
DROP TABLE test_headers;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('api');

-- Who may do what.
CREATE ROLE test_nobody;
GRANT pg_monitor TO test_nobody;
SET ROLE test_nobody;
SELECT shipped > 0 AS shipped, dropped FROM osprofiler.stat;
RESET ROLE;
REVOKE pg_monitor FROM test_nobody;
SET ROLE test_nobody;
SELECT * FROM osprofiler.stat;
SELECT * FROM osprofiler.stat();
SELECT osprofiler.init('', '');
SELECT * FROM osprofiler.headers();
RESET ROLE;
DROP ROLE test_nobody;
