#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# fresh_chroot.sh [COMMAND]
#	  Runs ./demo.sh and ./check.sh, each twice, or COMMAND once, in a fresh
#	  minimal Debian 12 with nothing of ours, on what `git archive HEAD` gives.
#
# Needs root, git and mmdebstrap. The chroot gets Debian from where this machine
# gets it. A process that is left in the chroot, or a file of ours outside the
# exported tree, is a failure. Everything is removed at the end; KEEP=1 keeps the
# chroot.

set -euo pipefail

# In mounts of its own, which are gone with the last process.
if [ -z "${OSPROFILER_OWN_MOUNTS:-}" ]; then
	export OSPROFILER_OWN_MOUNTS=1
	exec unshare --mount --propagation private -- "$0" "$@"
fi
cd "$(dirname "$0")/.."

suite=bookworm
root=$(mktemp -d /var/tmp/osprofiler-chroot.XXXXXX)

say()
{
	printf '%s fresh_chroot: %s\n' "$(date +%T)" "$*"
}

# This machine's entries of Debian's own archive, as one-line sources.
sources()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u |
		awk -v suite=$suite '$2 ~ "^" suite "(-|$)" { print "deb", $0 }'
}

# How this machine gets at it: proxies, mirrors that are snapshots, retries.
apt_settings()
{
	apt-config dump Acquire | grep -E '^Acquire::(Check-Valid-Until|Retries|https?(::|\s))'
}

make_chroot()
{
	local settings

	settings=$(mktemp)
	apt_settings >"$settings" || true
	sources | mmdebstrap --quiet --variant=minbase --mode=root \
		--aptopt="$settings" --include=ca-certificates $suite "$root" -
	rm -f "$settings"
	cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
	mkdir "$root/root/osprofiler"
	git archive HEAD | tar -x -C "$root/root/osprofiler"

	# Only root can go there, as in a checkout in root's home.
	chmod 700 "$root/root"
}

mount_all()
{
	mount -t proc proc "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
}

# Processes whose root directory is the chroot.
processes()
{
	local proc

	for proc in /proc/[0-9]*; do
		if [ "$(readlink "$proc/root" 2>/dev/null)" = "$root" ]; then
			echo "${proc#/proc/} $(tr '\0' ' ' <"$proc/cmdline" 2>/dev/null)"
		fi
	done
}

clean_up()
{
	local dir pid

	processes | while read -r pid _; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for dir in dev/pts dev/shm dev proc; do
		umount "$root/$dir" 2>/dev/null || true
	done
	if [ -z "${KEEP:-}" ]; then
		rm -rf --one-file-system "$root"
	else
		say "kept $root"
	fi
}

# What is there that the scripts may have left: servers, files, clusters.
left_behind()
{
	processes
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
	if ! env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		chroot "$root" bash -c "cd /root/osprofiler && $*"; then
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
mount_all
if [ $# -gt 0 ]; then
	run "$*"
else
	for command in ./demo.sh ./demo.sh ./check.sh ./check.sh; do
		run "$command"
	done
fi
say "passed"
