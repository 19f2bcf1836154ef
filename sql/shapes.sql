--
-- Statements of all shapes: what hangs under what.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'shapes' \gset
CREATE TABLE test_shapes (id int PRIMARY KEY, word text);
INSERT INTO test_shapes SELECT g, 'w' || g FROM generate_series(1, 20) g;
ANALYZE test_shapes;
CREATE FUNCTION test_shapes_count(below int) RETURNS bigint LANGUAGE sql AS
	'SELECT count(*) FROM public.test_shapes WHERE id < below';
CREATE FUNCTION test_shapes_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 'event trigger', tg_tag;
END
$$;
CREATE PROCEDURE test_shapes_steps(n int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		BEGIN
			INSERT INTO test_shapes VALUES (100 + i, 'step');
			PERFORM 1 / (i - 1);
		EXCEPTION WHEN division_by_zero THEN
			PERFORM 'handled';
		END;
		IF i = 1 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END
$$;
CREATE VIEW test_shapes_view AS SELECT id, test_shapes_count(id) FROM test_shapes;
CREATE EXTENSION postgres_fdw;
SELECT split_part(current_setting('unix_socket_directories'), ',', 1) AS host,
	current_setting('port') AS port, current_database() AS dbname \gset
CREATE SERVER test_loopback FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host :'host', port :'port', dbname :'dbname');
CREATE USER MAPPING FOR CURRENT_USER SERVER test_loopback;
CREATE FOREIGN TABLE test_foreign (id int, word text) SERVER test_loopback
	OPTIONS (table_name 'test_shapes');

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';

-- a string of several statements, one of which runs others
\o /dev/null
SELECT 'a' \; SELECT test_shapes_count(3) \; VALUES (1), (2) \; TABLE test_shapes_view LIMIT 1;
\o

-- prepared, with the plan made for each execution, and made once
SET plan_cache_mode = force_custom_plan;
PREPARE test_shapes_prepared(int) AS SELECT test_shapes_count($1);
EXECUTE test_shapes_prepared(5);
EXECUTE test_shapes_prepared(test_shapes_count(5)::int);
SET plan_cache_mode = force_generic_plan;
EXECUTE test_shapes_prepared(5);
EXECUTE test_shapes_prepared(6);
RESET plan_cache_mode;
CREATE TABLE test_shapes_ctas AS EXECUTE test_shapes_prepared(2);
\o /dev/null
EXPLAIN ANALYZE EXECUTE test_shapes_prepared(3);
EXPLAIN EXECUTE test_shapes_prepared(3);
\o
DEALLOCATE test_shapes_prepared;

-- tables and views out of queries that run statements
CREATE TABLE test_shapes_made AS
	SELECT id, test_shapes_count(id) FROM test_shapes WHERE id <= 2;
SELECT id, test_shapes_count(id) INTO test_shapes_into FROM test_shapes WHERE id = 1;
CREATE MATERIALIZED VIEW test_shapes_mat AS SELECT test_shapes_count(9) AS n;

-- an explained one that runs, and changes
BEGIN;
\o /dev/null
EXPLAIN ANALYZE UPDATE test_shapes SET word = test_shapes_count(id)::text WHERE id = 2;
\o
ROLLBACK;

-- COPY of a table, of a query, into a table; and one that fails
COPY test_shapes_made TO STDOUT;
COPY (SELECT test_shapes_count(id) FROM test_shapes WHERE id < 3) TO STDOUT;
COPY test_shapes FROM STDIN;
50	fifty
51	fifty-one
\.
\set VERBOSITY terse
COPY test_shapes FROM STDIN;
52	fifty-two
50	again
\.

-- procedures and blocks that end transactions, and catch errors
CALL test_shapes_steps(2);
DO $$ BEGIN PERFORM 'one'; COMMIT; PERFORM 'two'; ROLLBACK; PERFORM 'three'; END $$;

-- savepoints
BEGIN;
SAVEPOINT a;
INSERT INTO test_shapes VALUES (1, 'again');
ROLLBACK TO a;
SELECT 'after the first';
SAVEPOINT b;
SELECT no_such_column;
SELECT 'not run';
ROLLBACK TO b;
RELEASE b;
COMMIT AND NO CHAIN;

-- cursors: scrolled, moved, held, and one that fails half way
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, test_shapes_count(id) FROM test_shapes ORDER BY id;
FETCH 1 FROM c;
MOVE 1 IN c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
DECLARE d CURSOR FOR SELECT 1 / (3 - id) FROM test_shapes ORDER BY id;
FETCH 2 FROM d;
SAVEPOINT s;
FETCH 2 FROM d;
ROLLBACK TO s;
FETCH 1 FROM d;
ROLLBACK;

-- foreign tables: the remote session has no context
SELECT count(*) FROM test_foreign WHERE id < 3;
UPDATE test_foreign SET word = 'far' WHERE id = 4;
SELECT * FROM test_foreign WHERE id < 3 AND test_shapes_count(id) = 1;

RESET ALL;
CREATE EVENT TRIGGER test_shapes_ddl ON ddl_command_end
	EXECUTE FUNCTION test_shapes_ddl();
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
-- event triggers
CREATE TABLE test_shapes_event (id serial PRIMARY KEY);
DROP TABLE test_shapes_event;
RESET ALL;
DROP EVENT TRIGGER test_shapes_ddl;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('shapes');

DROP EXTENSION postgres_fdw CASCADE;
DROP VIEW test_shapes_view;
DROP MATERIALIZED VIEW test_shapes_mat;
DROP TABLE test_shapes, test_shapes_ctas, test_shapes_made, test_shapes_into;
DROP FUNCTION test_shapes_count, test_shapes_ddl;
DROP PROCEDURE test_shapes_steps;
