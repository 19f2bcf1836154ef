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
