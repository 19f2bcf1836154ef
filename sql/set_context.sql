--
-- osprofiler.set_context: a context for the next statement only.
--
SELECT trace_info, trace_hmac,
	format('trace_info=''%s'',trace_hmac=''%s''', trace_info, trace_hmac) AS pairs,
	format('trace_info=''%s'',trace_hmac=''0000''', trace_info) AS wrong,
	format('/*trace_hmac=''%s'',trace_info=''%s''*/', trace_hmac, trace_info) AS comment
FROM test.context WHERE name = 'set_context' \gset

SELECT osprofiler.set_context(:'pairs');
SELECT 'the next';
SELECT 'not the one after';

-- As a comment, several times, taken back.
select osprofiler.set_context(:'comment');
SELECT 'marks of a comment';
SELECT osprofiler.set_context(:'wrong');
SELECT osprofiler.set_context(:'pairs');
SELECT 'the last one counts';
SELECT osprofiler.set_context(:'pairs');
SELECT osprofiler.set_context(NULL);
SELECT 'taken back';

-- In one string; every statement uses it up.
\o /dev/null
SELECT osprofiler.set_context(:'pairs') \; SELECT 'in one string' \; SELECT 'not this';
\o
SELECT osprofiler.set_context(:'pairs');
BEGIN;
SELECT 'not behind BEGIN';
COMMIT;
SELECT osprofiler.set_context(:'pairs');
SET osprofiler.points = 'statement, nested';
SELECT 'not behind SET';
RESET osprofiler.points;
SELECT osprofiler.set_context(:'pairs');
DISCARD ALL;
SELECT 'not behind DISCARD ALL';

-- A statement that cannot be understood has it, too.
SELECT osprofiler.set_context(:'pairs');
SELECT no_such_column;
SELECT 'not behind an error';

-- It does not survive a rollback, unless it was taken before.
BEGIN;
SELECT osprofiler.set_context(:'pairs');
SELECT 'in a transaction';
SAVEPOINT s;
SELECT osprofiler.set_context(:'pairs');
ROLLBACK TO s;
SELECT 'not behind ROLLBACK TO';
SELECT osprofiler.set_context(:'pairs');
ROLLBACK;
SELECT 'not behind ROLLBACK';
SELECT osprofiler.set_context(:'pairs'), 1 / 0;
SELECT 'not behind a failed call';

-- Set in a function, it is for what the client sends next.
CREATE FUNCTION test_caller(context text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	PERFORM osprofiler.set_context(context);
	PERFORM 'not inside the function';
	FOR r IN SELECT 'nor by a cursor' LOOP
	END LOOP;
	RETURN 1;
END
$$;
SELECT test_caller(:'pairs');
SELECT 'behind the function';
DO $$
BEGIN
	PERFORM osprofiler.set_context(trace_info)
	FROM test.context WHERE name = 'set_context';
	RAISE EXCEPTION 'caught';
EXCEPTION WHEN OTHERS THEN
	NULL;
END
$$;
SELECT active, source, verdict FROM osprofiler.context();

-- A prepared statement belongs to the context of its execution.
PREPARE test_prepared AS SELECT 'prepared';
SELECT osprofiler.set_context(:'pairs');
EXECUTE test_prepared;
EXECUTE test_prepared;
DEALLOCATE test_prepared;

-- It comes before the session's context, and behind a comment; its own call is
-- no point. A bad one is as if it were not there.
SELECT c.trace_info AS other_info, c.trace_hmac AS other_hmac
FROM test.context c WHERE name = 'settings' \gset
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT osprofiler.set_context(
	format('trace_info=''%s'',trace_hmac=''%s''', :'other_info', :'other_hmac'));
SELECT 'of the call, not of the session';
SELECT osprofiler.set_context(
	format('trace_info=''%s'',trace_hmac=''%s''', :'other_info', :'other_hmac'));
SELECT 'of the comment' :comment;
SELECT osprofiler.set_context(:'wrong');
SELECT 'of the session';
RESET ALL;

-- Bad ones raise no error; they are counted, and the next statement can ask why.
CREATE TABLE test_counted AS SELECT contexts FROM osprofiler.stat;
SELECT osprofiler.set_context(:'wrong');
SELECT active, source, verdict, reason FROM osprofiler.context();
SELECT active, source, verdict, reason FROM osprofiler.context();
SELECT osprofiler.set_context('nonsense');
SELECT active, source, verdict, reason FROM osprofiler.context();
SELECT osprofiler.set_context('trace_info=''x''');
SELECT active, source, verdict, reason FROM osprofiler.context();
SELECT osprofiler.set_context(format('trace_info=''%s'',trace_hmac=''%s''',
	repeat('x', 100000), repeat('y', 100000)));
SELECT active, source, verdict, reason FROM osprofiler.context();
SELECT osprofiler.set_context('/*/'), osprofiler.set_context('/**/'),
	osprofiler.set_context(''), osprofiler.set_context(' '),
	osprofiler.set_context(',='), osprofiler.set_context('trace_info=''');
SELECT osprofiler.set_context(:'pairs');
SELECT active, source, verdict, reason, parent_id FROM osprofiler.context();
SELECT key, value::int - (contexts->>key)::int AS more
FROM test_counted,
	LATERAL (SELECT now.contexts AS c FROM osprofiler.stat now) AS now,
	jsonb_each_text(c)
WHERE value <> contexts->>key
ORDER BY key;
DROP TABLE test_counted;

-- It is a query, so SET TRANSACTION cannot follow it.
BEGIN;
SELECT osprofiler.set_context(:'pairs');
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
ROLLBACK;

DROP FUNCTION test_caller;
CALL test.wait_for_delivery();
SELECT * FROM test.tree('set_context');
SELECT DISTINCT point->>'parent_id' AS parent_id FROM test.points('set_context')
WHERE point->'info'->'db'->>'statement' LIKE 'SELECT%'
	AND point->'info'->'db'->>'statement' <> $$SELECT 'prepared'$$;
SELECT * FROM test.tree('settings') AS tree WHERE tree LIKE '%of the%';
