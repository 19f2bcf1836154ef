--
-- Commits.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'commit' \gset
CREATE TABLE test_commit (id int, CONSTRAINT test_commit_unique
	UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE test_commit_log (at_commit int);
CREATE FUNCTION test_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO test_commit_log VALUES (NEW.id);
	IF NEW.id < 0 THEN
		RAISE EXCEPTION 'negative';
	END IF;
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER test_at_commit AFTER INSERT ON test_commit
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION test_at_commit();
CREATE PROCEDURE test_commit_twice(bad int) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO test_commit_log VALUES (1);
	COMMIT;
	INSERT INTO test_commit VALUES (bad);
	COMMIT;
END
$$;

SET osprofiler.points = statement, nested, commit;
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
-- nothing is written
SELECT 'read only';
BEGIN;
SELECT 'read only';
COMMIT;
-- a statement of its own
INSERT INTO test_commit_log VALUES (0);
INSERT INTO test_commit VALUES (1);
-- a block
BEGIN;
INSERT INTO test_commit VALUES (2);
SAVEPOINT here;
INSERT INTO test_commit VALUES (3);
ROLLBACK TO here;
COMMIT AND CHAIN;
INSERT INTO test_commit_log VALUES (4);
ROLLBACK;
-- a commit that is none
BEGIN;
SELECT 1 / 0;
COMMIT;
COMMIT;
-- several statements in one message
DELETE FROM test_commit_log WHERE false \; INSERT INTO test_commit_log VALUES (5) \; SELECT 'three';
-- in a procedure
CALL test_commit_twice(6);
DO $$
BEGIN
	INSERT INTO test_commit_log VALUES (7);
	COMMIT;
	INSERT INTO test_commit_log VALUES (8);
	ROLLBACK;
	INSERT INTO test_commit_log VALUES (9);
END
$$;
-- that fail
INSERT INTO test_commit VALUES (-1);
BEGIN;
INSERT INTO test_commit VALUES (-2);
COMMIT;
BEGIN;
INSERT INTO test_commit VALUES (1);
COMMIT;
CALL test_commit_twice(-3);
-- in two phases
BEGIN;
INSERT INTO test_commit VALUES (10);
PREPARE TRANSACTION 'test_commit';
COMMIT PREPARED 'test_commit';
BEGIN;
INSERT INTO test_commit VALUES (-4);
PREPARE TRANSACTION 'test_commit';
-- something that the server has no row for
CREATE TABLE test_commit_2 ();
DROP TABLE test_commit_2;
SELECT 'still traced';
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('commit');

-- What is told, and that it is told of each.
SELECT kind, point->'info'->'db' ? 'synchronous_commit' AS how,
	point->'info'->'db' ? 'transaction_id' AS which, count(*)
FROM test.points('commit') WHERE name = 'pg.commit' AND kind = 'stop'
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

DROP TABLE test_commit, test_commit_log;
DROP FUNCTION test_at_commit;
DROP PROCEDURE test_commit_twice;
