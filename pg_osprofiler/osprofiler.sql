/* SPDX-License-Identifier: Apache-2.0
 *
 * osprofiler.sql
 *	  The SQL functions and the view of the extension.
 */

\echo Use "CREATE EXTENSION osprofiler" to load this file. \quit

-- The functions work in any session, but statements are traced only where the
-- module was loaded when the session began.
DO $do$
BEGIN
	IF pg_catalog.concat_ws(
			',',
			pg_catalog.current_setting('shared_preload_libraries'),
			pg_catalog.current_setting('session_preload_libraries'),
			pg_catalog.current_setting('local_preload_libraries'))
		OPERATOR(pg_catalog.!~) 'osprofiler'
	THEN
		RAISE WARNING 'osprofiler is not preloaded: sessions trace nothing'
			USING HINT = 'Add osprofiler to session_preload_libraries, '
				'or LOAD it in each session.';
	END IF;
END
$do$;

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

CREATE FUNCTION @extschema@.init(trace_info pg_catalog.text,
	trace_hmac pg_catalog.text)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'pgosp_init'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.init(pg_catalog.text, pg_catalog.text) IS
	'sets the trace context of this session; is it accepted?';

CREATE FUNCTION @extschema@.set_context(context pg_catalog.text)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'pgosp_set_context'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.set_context(pg_catalog.text) IS
	'sets the trace context of the next statement only; is it accepted?';

CREATE FUNCTION @extschema@.start(name pg_catalog.text,
	info pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'pgosp_start'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.start(pg_catalog.text, pg_catalog.jsonb) IS
	'opens a point of your own; is it recorded?';

CREATE FUNCTION @extschema@.stop(info pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'pgosp_stop'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.stop(pg_catalog.jsonb) IS
	'closes the point that was opened last; was there one?';

CREATE FUNCTION @extschema@.context(
	OUT active pg_catalog.bool,
	OUT source pg_catalog.text,
	OUT verdict pg_catalog.text,
	OUT reason pg_catalog.text,
	OUT base_id pg_catalog.text,
	OUT parent_id pg_catalog.text,
	OUT point_id pg_catalog.text)
AS 'MODULE_PATHNAME', 'pgosp_context'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.context() IS
	'the trace context of the running statement, and if there is none, why';

CREATE FUNCTION @extschema@.headers(
	OUT trace_info pg_catalog.text,
	OUT trace_hmac pg_catalog.text)
AS 'MODULE_PATHNAME', 'pgosp_headers'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.headers() IS
	'the signed context to call other services with';

CREATE FUNCTION @extschema@.traceparent()
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_traceparent'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.traceparent() IS
	'the W3C traceparent to call other services with; null if nothing is traced';

CREATE FUNCTION @extschema@.stat(
	OUT run_directory pg_catalog.text,
	OUT shipper_pid pg_catalog.int4,
	OUT contexts_accepted pg_catalog.int8,
	OUT contexts_rejected pg_catalog.int8,
	OUT contexts pg_catalog.jsonb,
	OUT rings pg_catalog.int8,
	OUT untraced pg_catalog.int8,
	OUT written pg_catalog.int8,
	OUT dropped pg_catalog.int8,
	OUT waiting_bytes pg_catalog.int8,
	OUT lost pg_catalog.int8,
	OUT shipped pg_catalog.int8,
	OUT refused pg_catalog.int8,
	OUT spooled pg_catalog.int8,
	OUT spool_points pg_catalog.int8,
	OUT spool_bytes pg_catalog.int8,
	OUT spool_dropped pg_catalog.int8,
	OUT corrupt_bytes pg_catalog.int8,
	OUT driver_errors pg_catalog.int8,
	OUT last_error pg_catalog.text,
	OUT last_error_time pg_catalog.timestamptz,
	OUT last_loss_time pg_catalog.timestamptz)
AS 'MODULE_PATHNAME', 'pgosp_stat'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

CREATE VIEW @extschema@.stat AS
	SELECT * FROM @extschema@.stat();

COMMENT ON VIEW @extschema@.stat IS
	'what became of the points of this cluster, since its run directory was made';
COMMENT ON COLUMN @extschema@.stat.run_directory IS
	'directory where sessions and the shipper meet';
COMMENT ON COLUMN @extschema@.stat.shipper_pid IS
	'process that ships to the collector; null if there is none';
COMMENT ON COLUMN @extschema@.stat.contexts_accepted IS
	'trace contexts that were accepted';
COMMENT ON COLUMN @extschema@.stat.contexts_rejected IS
	'trace contexts that were not accepted';
COMMENT ON COLUMN @extschema@.stat.contexts IS
	'trace contexts by what was found when they were verified';
COMMENT ON COLUMN @extschema@.stat.rings IS
	'rings there are now; a traced session has one';
COMMENT ON COLUMN @extschema@.stat.untraced IS
	'sessions that were not traced, for there was no room for a ring: osprofiler.ring_total, or the file system of the run directory';
COMMENT ON COLUMN @extschema@.stat.written IS
	'start and stop points that sessions have written';
COMMENT ON COLUMN @extschema@.stat.dropped IS
	'points lost because a ring was full';
COMMENT ON COLUMN @extschema@.stat.waiting_bytes IS
	'bytes in rings that the shipper has yet to fetch';
COMMENT ON COLUMN @extschema@.stat.lost IS
	'points that reach no collector: dropped, refused and spool_dropped together';
COMMENT ON COLUMN @extschema@.stat.shipped IS
	'points that the collector has confirmed';
COMMENT ON COLUMN @extschema@.stat.refused IS
	'points lost because the collector refused them for good';
COMMENT ON COLUMN @extschema@.stat.spooled IS
	'points that were kept in the spool for a while';
COMMENT ON COLUMN @extschema@.stat.spool_points IS
	'points in the spool now, for the collector does not take them';
COMMENT ON COLUMN @extschema@.stat.spool_bytes IS
	'size of the spool now';
COMMENT ON COLUMN @extschema@.stat.spool_dropped IS
	'points lost because the spool was full or could not be written';
COMMENT ON COLUMN @extschema@.stat.corrupt_bytes IS
	'bytes of rings and spool that were damaged and skipped';
COMMENT ON COLUMN @extschema@.stat.driver_errors IS
	'attempts to store points that failed';
COMMENT ON COLUMN @extschema@.stat.last_error IS
	'what went wrong last when points were to be stored';
COMMENT ON COLUMN @extschema@.stat.last_error_time IS
	'when that was';
COMMENT ON COLUMN @extschema@.stat.last_loss_time IS
	'when the last point was lost, session not traced, or byte found damaged';

-- The function and the view show all sessions of the cluster.
REVOKE ALL ON FUNCTION @extschema@.stat() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.stat() TO pg_read_all_stats;
GRANT SELECT ON @extschema@.stat TO pg_read_all_stats;

CREATE FUNCTION @extschema@.show(base_id pg_catalog.text,
	width pg_catalog.int4 DEFAULT 0)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_show'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4) IS
	'draws a trace, cutting lines at a width if there is one';

CREATE FUNCTION @extschema@.explain(base_id pg_catalog.text,
	width pg_catalog.int4 DEFAULT 0)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_explain'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 20;

COMMENT ON FUNCTION @extschema@.explain(pg_catalog.text, pg_catalog.int4) IS
	'why a trace took so long, in lines of a width if there is one';

CREATE FUNCTION @extschema@.points(base_id pg_catalog.text)
RETURNS TABLE (
	depth pg_catalog.int4,
	name pg_catalog.text,
	trace_id pg_catalog.text,
	parent_id pg_catalog.text,
	started pg_catalog.timestamptz,
	finished pg_catalog.timestamptz,
	duration_ms pg_catalog.float8,
	project pg_catalog.text,
	service pg_catalog.text,
	host pg_catalog.text,
	info pg_catalog.jsonb,
	result pg_catalog.jsonb)
AS 'MODULE_PATHNAME', 'pgosp_points_of_trace'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION @extschema@.points(pg_catalog.text) IS
	'the points of a trace, as they are drawn';

CREATE FUNCTION @extschema@.traces(
	since pg_catalog.timestamptz DEFAULT NULL,
	until pg_catalog.timestamptz DEFAULT NULL,
	max pg_catalog.int4 DEFAULT 1000)
RETURNS TABLE (
	base_id pg_catalog.text,
	first pg_catalog.timestamptz,
	last pg_catalog.timestamptz,
	operations pg_catalog.int8,
	errors pg_catalog.int8,
	service pg_catalog.text,
	name pg_catalog.text,
	statement pg_catalog.text)
AS 'MODULE_PATHNAME', 'pgosp_traces'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION @extschema@.traces(pg_catalog.timestamptz,
	pg_catalog.timestamptz, pg_catalog.int4) IS
	'the newest traces of the collector, at most so many';

-- The next two functions check by themselves who may read which trace.
CREATE FUNCTION @extschema@.challenge()
RETURNS pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_challenge'
LANGUAGE C STABLE PARALLEL RESTRICTED;

COMMENT ON FUNCTION @extschema@.challenge() IS
	'what a context must have as its parent_id to let this session read a trace';

CREATE FUNCTION @extschema@.notifications(base_id pg_catalog.text,
	trace_info pg_catalog.text DEFAULT NULL,
	trace_hmac pg_catalog.text DEFAULT NULL)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_notifications'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION @extschema@.notifications(pg_catalog.text,
	pg_catalog.text, pg_catalog.text) IS
	'the notifications of a trace, for those who may read all, and for who made it';

-- A trace shows what other users have run.
REVOKE ALL ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4)
	FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.explain(pg_catalog.text, pg_catalog.int4)
	FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.points(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.traces(pg_catalog.timestamptz,
	pg_catalog.timestamptz, pg_catalog.int4) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.traces(pg_catalog.timestamptz,
	pg_catalog.timestamptz, pg_catalog.int4) TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4)
	TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION @extschema@.explain(pg_catalog.text, pg_catalog.int4)
	TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION @extschema@.points(pg_catalog.text)
	TO pg_read_all_stats;
