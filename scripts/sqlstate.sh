#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sqlstate.sh
#	  Writes common/notify/sqlstate.def, PostgreSQL's SQLSTATEs and condition names,
#	  from the errcodes.txt of an installed PostgreSQL.
#
# usage: scripts/sqlstate.sh [ERRCODES.TXT...] >common/notify/sqlstate.def
#
# The names are those that PL/pgSQL accepts: errors that have a name. Names of
# newer servers than the installed one stand below; several files may be given,
# to make one table of several servers.
set -eu

if [ $# -eq 0 ]; then
    set -- "$("${PG_CONFIG:-pg_config}" --sharedir)/errcodes.txt"
fi

cat <<'HEAD'
/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlstate.def
 *	  PostgreSQL's SQLSTATEs and condition names, sorted by SQLSTATE. Made by
 *	  scripts/sqlstate.sh; do not edit.
 */
HEAD

{
    awk '$2 == "E" && NF == 4 { print $1, $4 }' "$@"
    # PostgreSQL 17 and 18
    echo 25P04 transaction_timeout
    echo 58P03 file_name_too_long
} | LC_ALL=C sort -u -k1,1 |
    awk '{ printf "SQLSTATE(\"%s\", \"%s\")\n", $1, $2 }'
