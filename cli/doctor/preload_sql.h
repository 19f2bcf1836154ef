/* SPDX-License-Identifier: Apache-2.0
 *
 * preload_sql.h
 *	  SQL expressions about the libraries that settings name, and about settings of
 *	  roles and databases.
 */
#ifndef OSPROFILER_CLI_PRELOAD_SQL_H
#define OSPROFILER_CLI_PRELOAD_SQL_H

#define TRIMMED "pg_catalog.btrim(n, ' \"')"
#define IS_OURS TRIMMED " ~ '(^|/)osprofiler([.]so)?$'"

/*
 * A list of the libraries in the column "setting" that meet a condition, quoted
 * as in an ALTER statement; null: there are none.
 */
#define LIBRARIES(condition)                                               \
	"(SELECT string_agg(pg_catalog.quote_literal(" TRIMMED "), ', ') "     \
	"FROM pg_catalog.regexp_split_to_table(setting, ',') n WHERE " TRIMMED \
	" <> '' AND " condition ")"
#define LISTED   LIBRARIES("true")
#define OTHERS   LIBRARIES("NOT " IS_OURS)
#define HAS_OURS LIBRARIES(IS_OURS) " IS NOT NULL"

/*
 * The owner of a row of pg_db_role_setting as an ALTER statement names it:
 * role, database or both. The row is joined with the names of its role and
 * database.
 */
#define SETTING_OWNER                                                      \
	"CASE WHEN setrole <> 0 THEN 'ROLE ' || pg_catalog.quote_ident("       \
	"rolname) WHEN setdatabase = 0 THEN 'ROLE ALL' ELSE '' END || "        \
	"CASE WHEN setrole <> 0 AND setdatabase <> 0 THEN ' IN ' ELSE '' END " \
	"|| CASE WHEN setdatabase <> 0 THEN 'DATABASE ' || "                   \
	"pg_catalog.quote_ident(datname) ELSE '' END"
#define ROLE_SETTINGS                                                       \
	"(SELECT " SETTING_OWNER " AS who, setrole, setdatabase, rolname, "     \
	"datname, pg_catalog.split_part(c, '=', 1) AS "                         \
	"name, pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) AS setting " \
	"FROM pg_catalog.pg_db_role_setting "                                   \
	"LEFT JOIN pg_catalog.pg_roles r ON r.oid = setrole "                   \
	"LEFT JOIN pg_catalog.pg_database b ON b.oid = setdatabase, "           \
	"pg_catalog.unnest(setconfig) c)"

#endif /* OSPROFILER_CLI_PRELOAD_SQL_H */
