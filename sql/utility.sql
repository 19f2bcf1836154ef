--
-- Utility statements.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'utility' \gset
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';

BEGIN;
CREATE TABLE test_utility (id serial PRIMARY KEY, word text);
SAVEPOINT here;
COPY test_utility (word) FROM STDIN;
a
b
c
\.
ROLLBACK TO here;
COMMIT;
COPY (SELECT 1 WHERE true) TO STDOUT;
CREATE TABLE test_utility_2 AS SELECT g FROM generate_series(1, 4) g;
CREATE MATERIALIZED VIEW test_view AS SELECT count(*) FROM test_utility;
REFRESH MATERIALIZED VIEW test_view;
EXPLAIN (COSTS OFF) SELECT 1;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT 1;
PREPARE test_prepared AS SELECT $1::int + 1 AS result;
EXECUTE test_prepared(1);
DEALLOCATE test_prepared;
VACUUM test_utility;
-- several in a string: what one runs has the text of that one
\set SHOW_ALL_RESULTS off
SELECT 1 \; CREATE TEMP TABLE test_several AS SELECT 2 AS a;
BEGIN \; DECLARE test_several CURSOR FOR SELECT 3 \; FETCH test_several \; CLOSE test_several \; COMMIT;
BEGIN \; DECLARE test_several CURSOR FOR SELECT 4;
FETCH test_several \; COMMIT;
\set SHOW_ALL_RESULTS on
SET work_mem = '5MB';
SHOW work_mem;
LISTEN test_channel;
UNLISTEN *;
DROP MATERIALIZED VIEW test_view;
DROP TABLE test_utility, test_utility_2;

-- A failing one does not end tracing, whether traced or not.
DROP TABLE no_such_table;
RESET ALL;
DROP TABLE no_such_table;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT 'still traced';

-- Two-phase commit.
BEGIN;
SELECT 'prepared transaction';
PREPARE TRANSACTION 'test';
COMMIT PREPARED 'test';
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('utility');
