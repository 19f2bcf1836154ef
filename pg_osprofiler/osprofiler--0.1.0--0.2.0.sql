/* SPDX-License-Identifier: Apache-2.0
 *
 * osprofiler--0.1.0--0.2.0.sql
 *	  What version 0.2.0 has more. A new installation runs 0.1.0 and then this.
 */

\echo Use "ALTER EXTENSION osprofiler UPDATE" to load this file. \quit

CREATE FUNCTION @extschema@.set_context(context pg_catalog.text)
RETURNS pg_catalog.bool
AS 'MODULE_PATHNAME', 'pgosp_set_context'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION @extschema@.set_context(pg_catalog.text) IS
	'sets the trace context of the next statement only; is it accepted?';

CREATE FUNCTION @extschema@.show(base_id pg_catalog.text,
	width pg_catalog.int4 DEFAULT 0)
RETURNS SETOF pg_catalog.text
AS 'MODULE_PATHNAME', 'pgosp_show'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4) IS
	'draws a trace, cutting lines at a width if there is one';

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

-- A trace tells what others have run.
REVOKE ALL ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4)
	FROM PUBLIC;
REVOKE ALL ON FUNCTION @extschema@.points(pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.show(pg_catalog.text, pg_catalog.int4)
	TO pg_read_all_stats;
GRANT EXECUTE ON FUNCTION @extschema@.points(pg_catalog.text)
	TO pg_read_all_stats;
