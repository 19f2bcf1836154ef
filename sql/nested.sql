--
-- Statements within statements: functions, blocks, triggers.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'nested' \gset
CREATE TABLE test_nested (id int, word text);
CREATE FUNCTION test_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM count(*) FROM test_nested;
	RETURN NULL;
END
$$;
CREATE TRIGGER test_log AFTER INSERT ON test_nested
	FOR EACH STATEMENT EXECUTE FUNCTION test_log();
CREATE FUNCTION test_insert(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT g FROM generate_series(1, n) g LOOP
		INSERT INTO test_nested VALUES (r.g, 'word');
	END LOOP;
	EXECUTE 'DELETE FROM test_nested WHERE id = $1' USING n;
END
$$;
CREATE FUNCTION test_rows(n int) RETURNS SETOF int LANGUAGE sql VOLATILE AS $$
	SELECT -1;
	SELECT g FROM generate_series(1, n) g
$$;
CREATE FUNCTION test_inline(n int) RETURNS int LANGUAGE sql IMMUTABLE AS
	'SELECT n + 1';
CREATE FUNCTION test_recursive(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	IF n = 0 THEN
		RETURN 0;
	END IF;
	RETURN (SELECT test_recursive(n - 1) + 1 OFFSET 0);
END
$$;
CREATE PROCEDURE test_commits() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..2 LOOP
		INSERT INTO test_nested VALUES (i, 'commit');
		COMMIT;
	END LOOP;
END
$$;

SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
SELECT test_insert(2);
-- evaluated lazily, and left when there are rows enough
SELECT test_rows(3) LIMIT 1;
SELECT test_inline(1);
SELECT test_recursive(3);
DO $$
BEGIN
	PERFORM 'in a block';
	DELETE FROM test_nested;
END
$$;
CALL test_commits();

-- The statement alone.
SET osprofiler.points = statement;
SELECT test_insert(1);
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('nested');

DROP TABLE test_nested;
DROP FUNCTION test_log, test_insert, test_rows, test_inline, test_recursive;
DROP PROCEDURE test_commits;
