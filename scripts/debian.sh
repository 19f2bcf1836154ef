# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# debian.sh
#	  Debian as this machine gets it: where packages of its releases come from,
#	  and chroots that are made of them. To be sourced.
#
# No host is named here: a release is taken from where this machine's own apt
# takes Debian's archive, checked by the same keys.

# The entries of Debian's own archive for a release, as one-line sources; the
# kind is deb or deb-src. The unstable release has neither updates nor security;
# DEBIAN_ONLY_RELEASE=1 leaves them out for the others, too.
debian_sources()
{
	local kind=$1 suite=$2 own

	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u |
		awk -v kind="$kind" -v own="$own" -v suite="$suite" \
			-v only="${DEBIAN_ONLY_RELEASE:-0}" '
			$2 !~ "^" own "(-(updates|security))?$" { next }
			{ sub("^" own, suite, $2) }
			(suite != "sid" && !only) || $2 == suite { print kind, $0 }'
}

# An apt that knows only Debian's sources, with everything it writes in $1. It
# runs as whoever runs it.
source_apt()
{
	local dir=$1 command=$2
	shift 2

	"$command" -q -o Dir::Etc::SourceList="$dir/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null -o Dir::State="$dir/state" \
		-o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)" \
		-o Acquire::Check-Valid-Until=false "$@"
}

# Makes it ready, in a directory that is there, for the sources of a release.
source_apt_begin()
{
	local dir=$1 release=$2

	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	debian_sources deb-src "$release" >"$dir/sources.list"
	source_apt "$dir" apt-get update
}

# How this machine gets at it: proxies, mirrors that are snapshots, retries.
apt_settings()
{
	apt-config dump Acquire |
		grep -E '^Acquire::(Check-Valid-Until|Retries|https?(::|\s))' || true
}

# Scripts that make chroots begin with this: with their path in the tree and their
# arguments. It installs what is missing and runs them again in mounts of their own,
# which are gone with the last process.
in_own_mounts()
{
	[ -z "${OSPROFILER_OWN_MOUNTS:-}" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "${1##*/}: run me as root" >&2
		exit 1
	fi
	scripts/setup.sh --chroots
	export OSPROFILER_OWN_MOUNTS=1
	exec unshare --mount --propagation private -- "$@"
}

# Makes a minimal release in a directory; what follows are options of mmdebstrap.
# A mirror may hold a release that is no longer refreshed.
make_debian()
{
	local suite=$1 root=$2 settings status=0
	shift 2

	settings=$(mktemp)
	apt_settings >"$settings"
	debian_sources deb "$suite" |
		mmdebstrap --quiet --variant=minbase --mode=root \
			--aptopt='Acquire::Check-Valid-Until "false"' \
			--aptopt="$settings" --dpkgopt=force-unsafe-io \
			--include=ca-certificates "$@" "$suite" "$root" - || status=$?
	rm -f "$settings"
	[ $status -eq 0 ] || return $status
	cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
}

# A /dev of its own. The nodes are those of this machine; whoever is root in the chroot
# can use them, and can neither remove them nor change their rights.
mount_chroot()
{
	local root=$1 node

	mount -t proc proc "$root/proc"
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for node in null zero full random urandom tty; do
		: >"$root/dev/$node"
		mount --bind "/dev/$node" "$root/dev/$node"
		mount -o remount,bind,ro "$root/dev/$node"
	done
	mkdir "$root/dev/shm" "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
}

unmount_chroot()
{
	local root=$1

	umount -R "$root/dev" 2>/dev/null || true
	umount "$root/proc" 2>/dev/null || true
}

# Processes whose root directory is the chroot: pid and command, one a line.
chroot_processes()
{
	local root=$1 proc

	for proc in /proc/[0-9]*; do
		if [ "$(readlink "$proc/root" 2>/dev/null)" = "$root" ]; then
			echo "${proc#/proc/} $(tr '\0' ' ' <"$proc/cmdline" 2>/dev/null)"
		fi
	done
}

end_chroot_processes()
{
	local pid

	chroot_processes "$1" | while read -r pid _; do
		kill -KILL "$pid" 2>/dev/null || true
	done
}

# Runs a command line of bash in the chroot, as its root, in a clean environment.
in_chroot()
{
	local root=$1
	shift

	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
		${http_proxy:+http_proxy="$http_proxy"} \
		${https_proxy:+https_proxy="$https_proxy"} \
		chroot "$root" bash -c "$*"
}
