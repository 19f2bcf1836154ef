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

-- that do not parse, or fail
ALTER ROLE test_masked PASWORD 'hunter2';
ALTER ROLE no_such_role PASSWORD 'hunter2';
SET osprofiler.hmac_keys = 'hunter2';

-- what is no secret stays
COMMENT ON ROLE test_masked IS 'harmless';
DROP ROLE test_masked;
RESET ALL;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('redaction');
SELECT count(*) AS leaks
FROM test.points('redaction') WHERE point::text LIKE '%hunter2%';
