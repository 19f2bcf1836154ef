#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh [VARIABLE=VALUE...]
#	  Installs what building needs, builds, and installs: all that lies between a
#	  checkout and the command osprofiler.
#
# The variables are those of `make help`: PREFIX=~/.local, WITHOUT=postgresql. Works on
# a Debian 12, as root or with sudo. sudo is asked for packages that are missing, and
# for directories that this user may not write to.

set -euo pipefail
cd "$(dirname "$0")"

usage()
{
	printf 'Usage: ./'
	sed -n '4,11s/^#[[:blank:]]*//p' install.sh
	echo
	sed -n '/^Variables/,/^$/p' scripts/help.txt
}

say()
{
	printf 'install: %s\n' "$*" >&2
}

for setting in "$@"; do
	case $setting in
		-h | --help)
			usage
			exit
			;;
		[A-Za-z]*=*)
			scripts/known.sh variable "${setting%%=*}" >&2 || exit 2
			export "${setting?}"
			;;
		*)
			say "'$setting' is no VARIABLE=VALUE (see ./install.sh --help)"
			exit 2
			;;
	esac
done
# shellcheck disable=SC2086 # names, with spaces between them
scripts/known.sh part ${WITHOUT:-} >&2 || exit 2

# What is built lies in this tree, before it is installed. Said before packages are.
if [ ! -w . ]; then
	say "$PWD is not writable for you, and what is built lies in it: copy it, and call the copy's install.sh"
	exit 1
fi

# The first directory of a path that is there.
existing()
{
	local path=$1

	while [ ! -d "$path" ]; do
		path=$(dirname "$path")
	done
	echo "$path"
}

as_root=
if [ ! -w "$(existing "${DESTDIR:-}${PREFIX:-/usr/local}")" ]; then
	as_root=sudo
fi

say "1 of 3: packages that building needs, from Debian's archive (a minute if they are missing)"
scripts/setup.sh --build

# A processor compiles some two files a second.
files=$(make -k -n "$@" 2>/dev/null | grep -c -e ' -c ' || true)
say "2 of 3: building $files files (up to $((files / (100 * $(nproc)) + 1)) min on $(nproc) processors)"
make -s -j"$(nproc)" "$@"

# What make says of each file is of no interest if it works.
say "3 of 3: installing into ${DESTDIR:-}${PREFIX:-/usr/local}${as_root:+, with sudo}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! $as_root make install "$@" >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	exit 1
fi
grep -A 1 '^The extension was left out' "$log" || true
sed -n '/^Installed into/,$p' "$log"
