--
-- Secrets in utility statements are not recorded.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'redaction' \gset
SET osprofiler.trace_info = :'trace_info';
SET osprofiler.trace_hmac = :'trace_hmac';
\set VERBOSITY terse

CREATE ROLE test_masked PASSWORD 'hunter2' VALID UNTIL 'infinity';
ALTER ROLE test_masked PASSWORD E'hunter2\'; --';
ALTER ROLE test_masked /* it's */ PASSWORD $tag$hunter2'$tag$;
ALTER ROLE "test_masked" ENCRYPTED PASSWORD U&'hunter2' -- hunter, the 2nd's
;
DO $$
BEGIN
	EXECUTE 'ALTER ROLE test_masked PASSWORD ''hunter2''';
END
$$;
CREATE FUNCTION test_change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	ALTER ROLE test_masked PASSWORD 'hunter2';
END
$$;
SELECT test_change();
DROP FUNCTION test_change;
CREATE FOREIGN DATA WRAPPER test_wrapper;
CREATE SERVER test_server FOREIGN DATA WRAPPER test_wrapper
	OPTIONS (key 'hunter2');
CREATE USER MAPPING FOR test_masked SERVER test_server
	OPTIONS (pin 'hunter2');
ALTER USER MAPPING FOR test_masked SERVER test_server
	OPTIONS (SET pin 'hunter2');
DROP FOREIGN DATA WRAPPER test_wrapper CASCADE;
SET client_min_messages = error;
CREATE SUBSCRIPTION test_subscription CONNECTION 'password=hunter2'
	PUBLICATION p WITH (connect = false, slot_name = NONE);
RESET client_min_messages;
ALTER SUBSCRIPTION test_subscription CONNECTION 'password=hunter2';
DROP SUBSCRIPTION test_subscription;
ALTER SYSTEM SET osprofiler.hmac_keys_file = 'hunter2';
ALTER SYSTEM RESET osprofiler.hmac_keys_file;

-- values that may stand without quotes
SET myapp.pin = hunter2;
SET LOCAL "myapp" /* c */ . pin TO 'hunter2';
ALTER ROLE test_masked SET myapp.pin TO hunter2;
SELECT set_config('myapp.pin', 'hunter2', false) IS NULL AS set;
RESET myapp.pin;

-- what runs within such a statement: nested ones, plans, nodes, parameters
DO $$
DECLARE
	p text := 'hunter2';
BEGIN
	EXECUTE format('ALTER ROLE test_masked PASSWORD %L', p);
	PERFORM 'hunter2' || p;
END
$$;
CREATE TABLE test_secret AS SELECT 'hunter2' AS password;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off)
	SELECT 'hunter2 password' \g /dev/null
COPY (SELECT 'hunter2') TO PROGRAM 'PGPASSWORD=hunter2 cat >/dev/null';
SET osprofiler.hide_params = off;
SET osprofiler.points = 'statement, nested, plan, node';
PREPARE test_prepared(text) AS
	SELECT count(*) FROM test_secret WHERE password = $1 OR password = 'hunter2';
EXECUTE test_prepared('hunter2');
DEALLOCATE test_prepared;
RESET osprofiler.points;
RESET osprofiler.hide_params;
DROP TABLE test_secret;

-- messages do not show values
PREPARE test_prepared(text) AS SELECT $1::int;
EXECUTE test_prepared('hunter2');
DEALLOCATE test_prepared;
DO $$ BEGIN RAISE EXCEPTION 'the password is hunter2'; END $$;

-- that do not parse, or fail
ALTER ROLE test_masked PASWORD 'hunter2';
ALTER ROLE no_such_role PASSWORD 'hunter2';
SET osprofiler.hmac_keys = 'hunter2';

-- malformed, and the name that a program gives itself
SET myapp.pin hunter2;
ALTER ROLE test_masked ENCRYPTED hunter2;
SET application_name = 'password=hunter2';
SELECT 'below that name';
RESET application_name;

-- what is no secret stays
COMMENT ON ROLE test_masked IS 'harmless';
DROP ROLE test_masked;
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('redaction');
SELECT count(*) AS leaks
FROM test.points('redaction') WHERE point::text LIKE '%hunter2%';
