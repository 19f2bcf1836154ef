#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fresh_chroot.sh [COMMAND]
#	  Runs ./demo.sh and ./check.sh, each twice, or COMMAND once, in a fresh
#	  minimal Debian 12 with nothing of ours, on what `git archive HEAD` gives.
#
# Needs root and git. The chroot gets Debian from where this machine
# gets it. A process that is left in the chroot, or a file of ours outside the
# exported tree, is a failure. Everything is removed at the end; KEEP=1 keeps the
# chroot.

set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
in_own_mounts tests/fresh_chroot.sh "$@"

suite=bookworm
tree=/srv/private/osprofiler # in the chroot
root=$(mktemp -d /var/tmp/osprofiler-chroot.XXXXXX)

say()
{
	printf '%s fresh_chroot: %s\n' "$(date +%T)" "$*"
}

make_chroot()
{
	make_debian $suite "$root"
	mkdir -p "$root$tree"
	git archive HEAD | tar -x -C "$root$tree"

	# Only root can go there, as in a checkout in root's home.
	chmod 700 "$root${tree%/*}"
}

clean_up()
{
	end_chroot_processes "$root"
	unmount_chroot "$root"
	if [ -z "${KEEP:-}" ]; then
		rm -rf --one-file-system "$root"
	else
		say "kept $root"
	fi
}

# What is there that the scripts may have left: servers, files, clusters.
left_behind()
{
	chroot_processes "$root"
	find "$root/tmp" "$root/dev/shm" -mindepth 1 -name '*osprofiler*'
	find "$root/usr" "$root/etc" "$root/var/lib/postgresql" \
		-name '*osprofiler*' ! -path '*/python3/*' ! -path '*/doc/*' \
		! -path "$root/usr/bin/osprofiler" ! -path '*/dpkg/*' 2>/dev/null || true
	find "$root/var/lib/postgresql" "$root/usr/sbin" -name PG_VERSION \
		-o -name policy-rc.d 2>/dev/null || true
}

run()
{
	local left

	say "$*"
	if ! in_chroot "$root" "cd $tree && $*"; then
		say "FAILED: $*"
		return 1
	fi
	left=$(left_behind)
	if [ -n "$left" ]; then
		say "left behind by $*:"
		echo "$left"
		return 1
	fi
}

trap clean_up EXIT
trap 'exit 130' INT TERM
say "making $root"
make_chroot
mount_chroot "$root"
if [ $# -gt 0 ]; then
	run "$*"
else
	for command in ./demo.sh ./demo.sh ./check.sh ./check.sh; do
		run "$command"
	done
fi
say "passed"
