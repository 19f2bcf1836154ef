#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# after_install.sh DESTDIR PREFIX LIBDIR EXTENSION WITHOUT
#	  The end of `make install`: tells the dynamic loader of new libraries, and says
#	  what to do next. Silent with DESTDIR, which is for packages, and in a silent make.
#	  EXTENSION is empty if the extension was not built. Of the parts that WITHOUT
#	  names it says which were installed before, and so are still there.

if [ -n "$1" ]; then
	exit 0
fi
if [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
	case $3 in
		/usr/*) ldconfig ;;
	esac
fi
case ${MAKEFLAGS%% *} in
	*=*) ;;
	*s*) exit 0 ;;
esac

command=osprofiler
case :$PATH: in
	*:"$2/bin":*) ;;
	*) command=$2/bin/osprofiler ;;
esac
cat <<END

Installed into $2. Next:

  1. $command run -- YOUR-PROGRAM       traces it, and ends with the id of the trace
  2. $command trace show ID
  3. $command doctor                    says what is missing
END
if [ -n "$4" ]; then
	cat <<END

What a PostgreSQL server does with the statements is in the trace once it is set up:

  $command doctor --fix 'dbname=...'
END
fi

# Prints a file of the part, where it is installed.
file_of_part()
{
	case $1 in
		postgresql) set -- "$2/osprofiler/shadow/libpq.so.5" "$2/osprofiler/drivers/postgresql.so" "$3" ;;
		extension) set -- "$3" ;;
		hooks) set -- "$2/osprofiler/shadow/libpq.so.5" "$2/osprofiler/sqlite_preload.so" ;;
		*) set -- "$2/osprofiler/drivers/$1.so" ;;
	esac
	for file in "$@"; do
		[ ! -e "$file" ] || echo "$file"
	done
}

extension=$("${PG_CONFIG:-pg_config}" --pkglibdir 2>/dev/null)/osprofiler.so
for part in $5; do
	files=$(file_of_part "$part" "$3" "$extension" | head -n 1)
	[ -z "$files" ] || cat <<-END

	The part '$part' was installed before, and is still there ($files).
	'make uninstall' removes all parts; then install again without it.
	END
done
