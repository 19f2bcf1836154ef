#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# initdb_copy.sh INITDB TEMPLATES [OPTION...]
#	  In the place of INITDB: calls it once for each set of options, and copies the
#	  cluster that it made, which takes a tenth of the time. TEMPLATES is a directory
#	  for these clusters.
#
# The copies have one system identifier, as with PostgreSQL 16's INITDB_TEMPLATE. Tests
# that need clusters with different ones give them different options. With an
# option that is not known to be the same for every cluster, INITDB itself is called.

set -euo pipefail

initdb=$1
templates=$2
shift 2

# Sets data, and options: all others, in one line.
read_options()
{
	data=
	options=
	while [ $# -gt 0 ]; do
		case $1 in
			-D | -A | -U | -E | --locale)
				[ $# -gt 1 ] || return 1
				if [ "$1" = -D ]; then data=$2; else options+="$1 $2 "; fi
				shift
				;;
			-N | --no-sync | --no-clean | --no-locale | --locale=* | --data-checksums)
				options+="$1 "
				;;
			*) return 1 ;;
		esac
		shift
	done
	[ -n "$data" ] && [ ! -e "$data" ]
}

# What else a cluster depends on.
environment()
{
	id -un
	env | grep -E '^(LANG|LC_[A-Z]*|TZ)=' | sort
}

read_options "$@" || exec "$initdb" "$@"

mkdir -p "$templates"
template=$templates/$({ echo "$options"; environment; } | sha1sum | cut -d ' ' -f 1)
exec 9>"$template.lock"
flock 9
if [ ! -e "$template" ]; then
	# shellcheck disable=SC2086 # options, with spaces between them
	"$initdb" -D "$template.new" $options
	mv "$template.new" "$template"
fi
cp -a "$template" "$data"
