--
-- Cursors: statements that run in slices.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'cursors' \gset
CREATE FUNCTION test_open() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'test_cursor';
BEGIN
	OPEN c FOR SELECT g FROM generate_series(1, 5) g;
	RETURN c;
END
$$;
CREATE FUNCTION test_loop() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	c CURSOR FOR SELECT g FROM generate_series(1, 3) g;
	total int := 0;
BEGIN
	FOR r IN c LOOP
		total := total + (SELECT r.g WHERE r.g > 0);
	END LOOP;
	RETURN total;
END
$$;

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
BEGIN;
DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g;
FETCH 2 FROM c;
SELECT 'between';
FETCH 1 FROM c;
CLOSE c;
COMMIT;

-- left open
BEGIN;
DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g;
FETCH 1 FROM c;
ROLLBACK;

-- beyond its transaction
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT g FROM generate_series(1, 5) g;
FETCH 1 FROM c;
COMMIT;
FETCH 1 FROM c;
CLOSE c;

-- returned by a function
BEGIN;
SELECT test_open();
FETCH 2 FROM test_cursor;
COMMIT;
SELECT test_loop();
RESET ALL;

-- made before there was a trace, used after
BEGIN;
DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g;
SET LOCAL osprofiler.trace_info = :'trace_info';
SET LOCAL osprofiler.trace_hmac = :'trace_hmac';
FETCH 1 FROM c;
COMMIT;

-- and the other way round
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
BEGIN;
DECLARE c CURSOR FOR SELECT 'not traced when it is fetched';
RESET ALL;
FETCH 1 FROM c;
COMMIT;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('cursors');

DROP FUNCTION test_open, test_loop;
