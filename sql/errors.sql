--
-- Errors, uncaught and caught.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'errors' \gset
CREATE TABLE test_errors (id int PRIMARY KEY,
	later int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO test_errors VALUES (1, 1);
CREATE FUNCTION test_catch() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		INSERT INTO test_errors VALUES (2, 2);
		INSERT INTO test_errors VALUES (1, 3);
	EXCEPTION WHEN unique_violation THEN
		PERFORM 'in the handler';
	END;
	BEGIN
		RAISE EXCEPTION 'first' USING ERRCODE = 'P0042';
	EXCEPTION WHEN OTHERS THEN
		PERFORM 'in the other handler';
	END;
	RETURN 'caught';
END
$$;
CREATE FUNCTION test_raise(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF n = 0 THEN
		RAISE EXCEPTION 'at the bottom';
	END IF;
	PERFORM test_raise(n - 1);
END
$$;
CREATE FUNCTION test_rows_open() RETURNS SETOF int LANGUAGE sql VOLATILE AS
	'SELECT g FROM generate_series(1, 3) g';

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
\set VERBOSITY terse
INSERT INTO test_errors VALUES (1, 2);
SELECT 1 / (id - 1) FROM test_errors;
SELECT test_catch();
SELECT test_raise(2);
-- the function's statement is open, and does not run, when the error comes
SELECT test_rows_open(), 1 / (id - 1) FROM test_errors;
-- errors before execution
SELEC;
SELECT no_such_column;
SELECT 1 / 0;
SELECT 'fine' \; SELECT no_such_column;
BEGIN;
SELECT no_such_column;
SELECT 'ignored';
ROLLBACK;
-- an error at commit
INSERT INTO test_errors VALUES (3, 1);
-- time out, permission, read only
SET statement_timeout = '500ms';
SELECT pg_sleep(10);
RESET statement_timeout;
BEGIN READ ONLY;
INSERT INTO test_errors VALUES (4, 4);
ROLLBACK;
CREATE ROLE test_nobody;
SET ROLE test_nobody;
SELECT * FROM test_errors;
RESET ROLE;
SELECT 'last';
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('errors');

DROP ROLE test_nobody;
DROP TABLE test_errors;
DROP FUNCTION test_catch, test_raise, test_rows_open;
