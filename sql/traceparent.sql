--
-- osprofiler.accept_traceparent: contexts of the W3C, which nobody has signed.
--
SELECT trace_info, trace_hmac,
	replace(base_id, '-', '') AS trace_id,
	format('/*trace_hmac=''%s'',trace_info=''%s'',traceparent=''00-%s-0000000000000002-01''*/',
		trace_hmac, trace_info, replace(base_id, '-', '')) AS both
FROM test.context WHERE name = 'traceparent' \gset
\set comment '/*traceparent=''00-' :trace_id '-00f067aa0ba902b7-01'',tracestate=''a%3Db''*/'
\set unsampled '/*traceparent=''00-' :trace_id '-00f067aa0ba902b7-00''*/'
\set wrong '/*traceparent=''00-' :trace_id '-0000000000000000-01''*/'

SELECT 'not accepted' :comment;
SELECT source, verdict, reason FROM osprofiler.context() :comment;
SELECT osprofiler.set_context('traceparent=''00-' || :'trace_id' || '-00f067aa0ba902b7-01''');
SELECT source, verdict, reason FROM osprofiler.context();
SET osprofiler.read_comments = off;
SELECT source, verdict, reason FROM osprofiler.context() :comment;
SELECT source, verdict, reason FROM osprofiler.context() :both;
RESET osprofiler.read_comments;
SELECT osprofiler.traceparent() IS NULL AS nothing;
SET osprofiler.accept_traceparent = on;
SELECT 'behind' :comment;
:comment SELECT 'before';
SELECT 'not sampled' :unsampled;
SELECT 'not valid' :wrong;
SELECT no_such_column :comment;
SELECT 'signed goes first' :both;
SELECT osprofiler.set_context('traceparent=''00-' || :'trace_id' || '-00f067aa0ba902b8-01''');
SELECT 'by a call';
SELECT active, source, verdict, reason, parent_id FROM osprofiler.context() :comment;
SELECT active, source, verdict, reason FROM osprofiler.context() :unsampled;
SELECT active, source, verdict, reason FROM osprofiler.context() :wrong;

-- There is nothing to sign with: else anyone could get a signed context.
SELECT * FROM osprofiler.headers() :comment;
SELECT trace_hmac IS NOT NULL AS signed FROM osprofiler.headers() :both;
-- A traceparent to call on with: of the trace, from the operation that calls.
SELECT osprofiler.traceparent() = '00-' || replace(c.base_id, '-', '') || '-'
		|| right(replace(c.point_id, '-', ''), 16) || '-01' AS right,
	replace(c.base_id, '-', '') = :'trace_id' AS same_trace
FROM osprofiler.context() c :comment;
SELECT osprofiler.traceparent() LIKE '00-' || :'trace_id' || '-%-01' AS signed_too :both;
SELECT osprofiler.traceparent() :unsampled;
SELECT osprofiler.start('mine') :comment;
SELECT trace_hmac IS NOT NULL AS signed FROM osprofiler.headers() :comment;
SELECT osprofiler.stop() :comment;

-- The caller's word counts against sampling, too.
SET osprofiler.sample_rate = 1;
SELECT active, source FROM osprofiler.context() :unsampled;
SELECT active, source FROM osprofiler.context() :wrong;
SET osprofiler.sample_rate = 1e-300;
SELECT active, reason FROM osprofiler.context();
RESET osprofiler.sample_rate;

-- As the name of the application, if that is accepted: for the next statement only,
-- and the whole name must be a traceparent. The SET is no operation.
SELECT '00-' || :'trace_id' || '-00f067aa0ba902b9-01' AS name,
	'x00-' || :'trace_id' || '-00f067aa0ba902b9-01' AS longer \gset
SET application_name = :'name';
SELECT 'a name that is only a name';
SELECT verdict, reason FROM osprofiler.context();
SET osprofiler.accept_application_name = on;
SET application_name = :'name';
SELECT 'by the name of the application';
SELECT 'the one after it';
SET application_name = :'longer';
SELECT 'not the whole name';
SET SESSION application_name TO :'name';
SET application_name = 'psql';
SELECT 'set back before it';
BEGIN;
SET LOCAL application_name = :'name';
INSERT INTO no_such_table VALUES (1);
ROLLBACK;
SELECT 'behind an error';
BEGIN;
SET application_name = :'name';
ROLLBACK;
SELECT 'behind a rollback';
SET application_name = :'name';
SELECT 'a comment goes first' :comment;
SELECT 'used up by a comment';
RESET application_name;
RESET osprofiler.accept_traceparent;
SET application_name = :'name';
SELECT 'traceparents are not accepted';
SELECT verdict, reason FROM osprofiler.context();
RESET application_name;
RESET osprofiler.accept_application_name;
SELECT 'not accepted any more' :comment;

CALL test.wait_for_delivery();
SELECT * FROM test.tree('traceparent');
SELECT DISTINCT point->>'parent_id' AS parent_id FROM test.points('traceparent')
WHERE point->>'parent_id' NOT IN (SELECT point->>'trace_id' FROM test.points('traceparent'))
ORDER BY 1;
