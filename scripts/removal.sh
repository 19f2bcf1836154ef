#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# removal.sh prerm|postrm DESTDIR
#	  Before and after `make uninstall` of the extension: what Debian's packages do when
#	  they are removed, by their own scripts. A server of Debian's that may still load the
#	  library lets nobody in without it, so it stays, with what to type; and the shippers of
#	  such servers end with the library. PG_CONFIG in the environment names the PostgreSQL.
#	  Others than root cannot look into the servers, and only root removes from there.
set -eu

cd "$(dirname "$0")/.."
config=${PG_CONFIG:-pg_config}
if [ -n "$2" ] || [ "$(id -u)" -ne 0 ] || ! command -v "$config" >/dev/null ||
	! command -v pg_conftool >/dev/null; then
	exit 0
fi
version=$("$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
[ -d "/etc/postgresql/$version" ] || exit 0

# Without the library nothing is lost any more, and with it nothing has to end.
now=postrm
[ ! -e "$("$config" --pkglibdir)/osprofiler.so" ] || now=prerm
[ "$1" = "$now" ] || exit 0
exec sh -c "$(sed "s/@PGVERSION@/$version/g" "debian/postgresql.$1.in")" "$1" remove
