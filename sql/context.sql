--
-- The context of a session: osprofiler.trace_info and osprofiler.trace_hmac.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'context' \gset

-- One pair, child of the context's parent; what sets and resets it is none.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 1;
RESET ALL;
SELECT 2;

-- Only in this transaction.
BEGIN;
SET LOCAL osprofiler.trace_info = :'trace_info';
SET LOCAL osprofiler.trace_hmac = :'trace_hmac';
SELECT 'local';
COMMIT;
SELECT 'after local';

-- What is rolled back was not set.
BEGIN;
SELECT set_config('osprofiler.trace_info', :'trace_info', false) <> '',
	set_config('osprofiler.trace_hmac', :'trace_hmac', false) <> '';
SELECT 'before rollback';
ROLLBACK;
SELECT 'after rollback';

-- DISCARD ALL takes it away, and is itself no point.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
DISCARD ALL;
SELECT 'after discard';

-- As start-up options, and as a setting of a role.
\set super :USER
\set options 'options=''-c osprofiler.trace_info=' :trace_info ' -c osprofiler.trace_hmac=' :trace_hmac ''''
\c -reuse-previous=on :options
SELECT 'start-up options';
\c -reuse-previous=on "options=''"
SELECT 'no options';
CREATE ROLE test_role LOGIN;
ALTER ROLE test_role SET osprofiler.trace_info = :'trace_info';
ALTER ROLE test_role SET osprofiler.trace_hmac = :'trace_hmac';
\c - test_role
SELECT 'setting of a role';
\c - :super
DROP ROLE test_role;

-- What is not signed, wrongly signed, or too long changes nothing; it is
-- counted, and the session can ask why.
CREATE TABLE test.counted AS SELECT contexts FROM osprofiler.stat;
SET osprofiler.trace_info = :'trace_info';
SELECT active, source, verdict, reason, base_id FROM osprofiler.context();
SET osprofiler.trace_hmac = 'fdd30b6433253f875548fc5283ed9167a5f1336c';
SELECT active, source, verdict, reason, base_id FROM osprofiler.context();
SELECT set_config('osprofiler.trace_info', repeat('x', 65536), false) <> '';
SELECT active, source, verdict, reason, base_id FROM osprofiler.context();
RESET osprofiler.trace_info;
SELECT active, source, verdict, reason, base_id FROM osprofiler.context();
RESET osprofiler.trace_hmac;
SELECT active, source, verdict, reason, base_id FROM osprofiler.context();
SELECT key, value::int - (contexts->>key)::int AS more
FROM test.counted,
	LATERAL (SELECT now.contexts AS c FROM osprofiler.stat now) AS now,
	jsonb_each_text(c)
WHERE value <> contexts->>key
ORDER BY key;

-- A session may be left out, whatever context there is.
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SET osprofiler.untraced = on;
SELECT active, reason FROM osprofiler.context();
RESET ALL;

-- All that was traced hangs under the parent that the context names.
CALL test.wait_for_delivery();
SELECT * FROM test.tree('context');
SELECT DISTINCT point->>'parent_id' AS parent_id FROM test.points('context');
