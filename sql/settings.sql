--
-- Settings: wrong values are refused, secrets are not shown.
--
SHOW osprofiler.hmac_keys;
SHOW osprofiler.points;
SHOW osprofiler.hide_params;
SHOW osprofiler.max_statement_length;
SHOW osprofiler.ring_size;
SHOW osprofiler.on_full;
SHOW osprofiler.spool_limit;

SET osprofiler.points = 'statement, bogus';
SET osprofiler.points = 'statement,';
SET osprofiler.points = 'Statement';
SHOW osprofiler.points;
RESET osprofiler.points;
SET osprofiler.max_statement_length = -1;
SET osprofiler.max_statement_length = '2MB';
SET osprofiler.no_such_setting = 1;
SET osprofiler.max_points = 0;
SET osprofiler.min_duration = -2;
SET osprofiler.min_duration = 'soon';
SET osprofiler.sample_rate = 1.5;
SET osprofiler.sample_rate = 'often';
SET osprofiler.accept_traceparent = 'perhaps';
ALTER SYSTEM SET osprofiler.connection_string = 'nonsense';
ALTER SYSTEM SET osprofiler.connection_string = 'sqlite:///tmp/x.db';
ALTER SYSTEM SET osprofiler.connection_string = 'sqlite+pysqlite:///x.db';
ALTER SYSTEM SET osprofiler.connection_string = 'sqlite://';
ALTER SYSTEM SET osprofiler.connection_string = 'file://x.jsonl';
ALTER SYSTEM SET osprofiler.run_directory = 'relative/path';
ALTER SYSTEM SET osprofiler.on_full = 'explode';
ALTER SYSTEM SET osprofiler.ring_size = '1kB';
SET osprofiler.service = 'x';
SELECT set_config('osprofiler.service', repeat('x', 256), false);
RESET osprofiler.service;

-- These belong to the configuration files.
SET osprofiler.enabled = off;
SET osprofiler.hmac_keys = 'KEY';

-- The secrets are in no view, and only a superuser sees even their mask.
SELECT name FROM pg_settings WHERE name LIKE 'osprofiler.%' ORDER BY name;
CREATE ROLE test_nobody;
SET ROLE test_nobody;
SHOW osprofiler.hmac_keys;
SHOW osprofiler.connection_string;
SHOW osprofiler.hmac_keys_file;
SET osprofiler.hide_params = off;
SET osprofiler.read_comments = off;
RESET ROLE;
DROP ROLE test_nobody;

-- A password in the connection string is masked.
CREATE TABLE test_settings AS
	SELECT substring(pg_read_file('postgresql.auto.conf')
		FROM 'connection_string = ''([^'']*)''') AS uri;
ALTER SYSTEM SET osprofiler.connection_string = 'redis://:hunter2@localhost:1/0';
CALL test.wait_for_delivery();
CALL test.reload();
\c -
SHOW osprofiler.connection_string;
SELECT uri FROM test_settings \gset
ALTER SYSTEM SET osprofiler.connection_string = :'uri';
CALL test.reload();
DROP TABLE test_settings;
