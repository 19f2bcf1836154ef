#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# exports.sh NAMES...
#	  Makes libpq_plain.def: the functions of libpq that are handed on as they
#	  are. NAMES are the export lists of all supported versions of libpq, in the
#	  form of PostgreSQL's src/interfaces/libpq/exports.txt; what is wrapped or
#	  used, and the one export that is no function, are left out.

set -eu
dir=$(dirname "$0")
cat <<'END'
/* SPDX-License-Identifier: Apache-2.0
 *
 * libpq_plain.def
 *	  The functions of libpq 13 to 18 that are handed on as they are, made by
 *	  exports.sh. WRAPPED and USED ones stand in libpq_wrapped.def.
 */
END
sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)[[:space:]].*/\1/p' "$@" | LC_ALL=C sort -u |
	while read -r name; do
		case $name in
			pgresStatus) continue ;;
			PQcancelPoll | PQcancelStatus | PQcancelSocket | PQsocketPoll) other=MINUS_ONE ;;
			*) other=NOTHING ;;
		esac
		grep -Eq "(WRAPPED|USED)\([^,]*, $name,\$|(WRAPPED|USED)\([^,]*, $name, " \
			"$dir/libpq_wrapped.def" || echo "PLAIN($name, $other)"
	done
