#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# after_install.sh DESTDIR PREFIX LIBDIR EXTENSION
#	  The end of `make install`: tells the dynamic loader of new libraries, and says
#	  what to do next. Silent with DESTDIR, which is for packages, and in a silent make.
#	  EXTENSION is empty if the extension was not built.

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
