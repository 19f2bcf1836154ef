--
-- osprofiler.project and .service of a role, of a database, and of both.
--
SELECT trace_info, trace_hmac FROM test.context WHERE name = 'roles' \gset
\set comment '/*trace_hmac=''' :trace_hmac ''',trace_info=''' :trace_info '''*/'
\set super :USER
CREATE ROLE test_role LOGIN;
CREATE ROLE test_other LOGIN;

ALTER DATABASE :DBNAME SET osprofiler.project = 'of the database';
ALTER DATABASE :DBNAME SET osprofiler.service = 'of the database';
ALTER ROLE test_role SET osprofiler.service = 'Größe der Rolle';
ALTER ROLE test_other IN DATABASE :DBNAME SET osprofiler.project = 'of both';
\c - test_role
SHOW osprofiler.service;
SELECT 'role' :comment;
-- it is not theirs to change
SET osprofiler.service = 'another';
ALTER ROLE test_role SET osprofiler.service = 'another';
SELECT set_config('osprofiler.project', 'another', false);
RESET osprofiler.service;
SELECT 'still the role' :comment;
\c - test_other
SELECT 'both' :comment;
-- nor are the other controls
ALTER ROLE test_other SET osprofiler.sample_rate = 1;
ALTER ROLE test_other SET osprofiler.min_duration = 1;
\c - :super
SELECT 'database' :comment;
SET osprofiler.project = '';
SELECT 'neither' :comment;
SET osprofiler.service = E'as long as may be \u00e9';
SELECT 'session' :comment;
RESET ALL;

-- Bad values are refused where they are set.
SELECT format('ALTER ROLE test_role SET osprofiler.service = %L', repeat('x', 256)) AS command \gset
:command;
SELECT format('ALTER ROLE test_role SET osprofiler.project = %L', repeat('é', 127)) AS command \gset
:command;
SELECT format('ALTER ROLE test_role SET osprofiler.project = %L', repeat('é', 128)) AS command \gset
:command;
-- controls by role
ALTER ROLE test_role SET osprofiler.points = 'statement';
ALTER ROLE test_role SET osprofiler.points = 'bogus';
ALTER ROLE test_role SET osprofiler.sample_rate = 2;
\c - test_role
SHOW osprofiler.points;
SELECT length(current_setting('osprofiler.project'));
\c - :super

ALTER DATABASE :DBNAME RESET osprofiler.project;
ALTER DATABASE :DBNAME RESET osprofiler.service;
DROP ROLE test_role, test_other;
CALL test.wait_for_delivery();
SELECT point->'info'->'db'->>'statement' AS statement, point->'info'->'db'->>'user' = :'super' AS super,
	point->'project' AS project, point->'service' AS service
FROM test.points('roles') WHERE kind = 'start' ORDER BY point->>'timestamp', at;
