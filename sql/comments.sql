--
-- Contexts in comments of statements.
--
SELECT trace_info AS info, trace_hmac AS hmac
FROM test.context WHERE name = 'comments' \gset
\set comment '/*trace_hmac=''' :hmac ''',trace_info=''' :info '''*/'
\set wrong '/*trace_hmac=''' 0000 ''',trace_info=''' :info '''*/'

SELECT 'behind' :comment;
:comment SELECT 'before';
   :comment
	SELECT 'white space';
/* first */ SELECT 'among others' /* second */ :comment ;
SELECT 'wrong signature' :wrong;
SELECT 'nothing'; /* no context */
SELECT /*in it*/ 'in the middle' || '' /**/;

-- Every statement of a string has its own.
SELECT 'one' :comment \; SELECT 'not this' \; :comment SELECT 'three';

-- Every statement of a string has that at the start or the end of the string.
:comment SELECT 'first of two' \; SELECT 'second of two';
SELECT 'first of two' \; SELECT 'second of two' :comment -- note
;

-- Behind notes, hints, semicolons; before them.
-- note
:comment SELECT 'behind a note';
/*+ hint */ :comment SELECT 'behind a hint';
SELECT 'before a note' :comment /* note */;
/* note */ -- note
:comment SELECT 'behind notes';
\set semicolon ';'
:comment :semicolon SELECT 'behind a semicolon';

-- A utility statement, and one that fails.
CREATE TEMP TABLE test_comment() :comment;
SELECT no_such_column :comment;
SELEC :comment;

-- The comment of a prepared statement is not that of its execution.
PREPARE test_prepared AS SELECT 'prepared' :comment;
EXECUTE test_prepared;
DEALLOCATE test_prepared;

-- A comment comes before the session's context; a bad one does not count.
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'settings' \gset
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 'not of the session' :comment;
SELECT 'of the session' :wrong;
RESET ALL;

-- A superuser may turn it off.
SET osprofiler.read_comments = off;
SELECT 'comments are not read' :comment;
RESET osprofiler.read_comments;

-- Why nothing was traced.
SELECT active, source, verdict FROM osprofiler.context() :wrong;
SELECT active, source, verdict FROM osprofiler.context() :comment;
SELECT verdict, reason FROM osprofiler.context() /*trace_info='b'eyJ''*/;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('comments');
SELECT * FROM test.tree('settings');
SELECT count(*) AS signatures
FROM test.points('comments') WHERE point::text LIKE '%trace_hmac%';
