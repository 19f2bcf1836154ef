#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# later_debian.sh DIR PACKAGE...
#	  Unpacks Python packages of Debian 13 into DIR, for tests with later versions of
#	  libraries; they are in plain Python. Prints the directory to put in front of
#	  PYTHONPATH. Nothing is installed, and what is in DIR already is kept.

set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=scripts/debian.sh
. "$top/scripts/debian.sh"

release=trixie
dir=$1
shift
modules=$dir/usr/lib/python3/dist-packages
if ! [ -e "$dir/unpacked" ]; then
	mkdir -p "$dir"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
	debian_sources deb "$release" >"$work/sources.list"
	source_apt "$work" apt-get update >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	(cd "$work" && source_apt . apt-get download "$@" >>log 2>&1) || { cat "$work/log" >&2; exit 1; }
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$dir"
	done
	touch "$dir/unpacked"
fi
echo "$modules"
