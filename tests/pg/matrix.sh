#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# matrix.sh [SUITE...]
#	  Builds the core, the drivers, the command and the extension, and runs the
#	  SQL and TAP tests of the extension, with the PostgreSQL and the compiler of
#	  each of Debian's releases, or of those that are named.
#
# Needs root and overlayfs. The chroots are made once and kept in
# OSP_CHROOTS, outside the tree; what a run writes lies over them and is gone at
# its end. Prints a line for each release, and the output of one that failed; all
# output stays in OSP_CHROOTS as <suite>.log, and what the failed tests and their
# servers wrote in <suite>.logs. MATRIX_TESTS names some tests, as tests/pg/run has
# them.

set -euo pipefail

cd "$(dirname "$0")/../.."
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
in_own_mounts tests/pg/matrix.sh "$@"

: "${OSP_CHROOTS:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/osprofiler/chroots}"

# A release that takes longer hangs.
: "${OSP_SUITE_TIMEOUT_S:=1200}"

# The releases, and the version of PostgreSQL that each of them is here for.
all_suites=(bullseye bookworm trixie sid)
declare -A versions=([bullseye]=13 [bookworm]=15 [trixie]=17 [sid]=18)

packages_for()
{
	printf '%s,' gcc libc6-dev make pkg-config libssl-dev \
		libsqlite3-dev libcurl4-openssl-dev libhiredis-dev libmariadb-dev \
		libmicrohttpd-dev librabbitmq-dev libzstd-dev zlib1g-dev \
		libpq-dev libdbd-pg-perl libipc-run-perl perl procps \
		"postgresql-$1"
	echo "postgresql-server-dev-$1"
}

# Makes the release in a directory that is not there yet.
make_root()
{
	local suite=$1 root=$2 packages=$3

	rm -rf --one-file-system "$root"
	make_debian "$suite" "$root" --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*'
}

# The release with the packages; made again when other packages are needed. A
# mirror may have lost some of the updates of an old release: then without them.
make_suite()
{
	local suite=$1 base=$OSP_CHROOTS/$1 packages

	packages=$(packages_for "${versions[$suite]}")
	if [ "$(cat "$base.packages" 2>/dev/null)" = "$packages" ]; then
		return 0
	fi
	rm -rf --one-file-system "$base"
	make_root "$suite" "$base.new" "$packages" ||
		DEBIAN_ONLY_RELEASE=1 make_root "$suite" "$base.new" "$packages" ||
		return 1
	mv "$base.new" "$base" && echo "$packages" >"$base.packages"
}

# Sets root to the release with an empty layer over it, and the tree in that.
open_suite()
{
	local suite=$1

	layer=$(mktemp -d "$OSP_CHROOTS/run.XXXXXX")
	chmod 755 "$layer"
	root=$layer/root
	mkdir "$layer/upper" "$layer/work" "$root"
	mount -t overlay overlay "$root" \
		-o "lowerdir=$OSP_CHROOTS/$suite,upperdir=$layer/upper,workdir=$layer/work"
	mount_chroot "$root"
	mkdir -p "$root/src"
	tar --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.so' \
		--exclude='*.bc' --exclude='*.d' --exclude=tmp_check --exclude=results \
		-cf - . | tar -C "$root/src" --no-same-owner -xf -
}

close_suite()
{
	[ -n "$layer" ] || return 0
	end_chroot_processes "$root"
	unmount_chroot "$root"
	umount "$root" 2>/dev/null || umount -l "$root" 2>/dev/null || true
	rm -rf --one-file-system "$layer"
	layer=
}

build_and_test()
{
	local version=$1

	cat <<-END
		set -e
		cd /src
		export PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
		export TMPDIR=/tmp LC_ALL=C.UTF-8 IN_PLACE=1
		gcc --version | head -n 1
		\$PG_CONFIG --version
		make -s common drivers cli client_hooks sqlite_osprofiler pg_osprofiler
		exec timeout --kill-after=10 $OSP_SUITE_TIMEOUT_S tests/pg/run ${MATRIX_TESTS:-}
	END
}

count()
{
	grep -Ec "$1" "$2" || true
}

run_suite()
{
	local suite=$1 version=${versions[$1]} log=$OSP_CHROOTS/$1.log started=$SECONDS
	local status=0 tests

	make_suite "$suite" >"$log" 2>&1 || status=$?
	if [ $status -eq 0 ]; then
		open_suite "$suite"
		in_chroot "$root" "$(build_and_test "$version")" >"$log" 2>&1 </dev/null ||
			status=$?
		rm -rf "${log%.log}.logs"
		[ $status -eq 0 ] ||
			cp -r "$root"/tmp/osprofiler-pg.*/src/pg_osprofiler/tmp_check/log \
				"${log%.log}.logs" 2>/dev/null || true
		close_suite
	fi

	# pg_regress up to 15 says "test x ... ok", from 16 on TAP; prove says less. With
	# MATRIX_TESTS there may be no SQL tests.
	tests=$(count '^test .*ok |^ok ' "$log")
	if [ $status -eq 0 ] && grep -Eq '^test .*ok |^ok |^Files=' "$log"; then
		printf 'pass  %-10s PostgreSQL %s  %s SQL tests, %s\n' "$suite" \
			"$version" "$tests" "$(grep '^Files=' "$log" || echo 'no TAP')"
		return 0
	fi
	printf 'FAIL  %-10s PostgreSQL %s, exit status %d, %d s\n' "$suite" \
		"$version" "$status" $((SECONDS - started))
	tail -n 100 "$log"
	return 1
}

mkdir -p "$OSP_CHROOTS"
layer=
root=
failed=0
trap close_suite EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ $# -eq 0 ]; then
	set -- "${all_suites[@]}"
fi
for suite in "$@"; do
	if [ -z "${versions[$suite]:-}" ]; then
		echo "matrix.sh: no release '$suite'; there are: ${all_suites[*]}" >&2
		exit 2
	fi
done
for suite in "$@"; do
	run_suite "$suite" || failed=1
done
[ $failed -eq 0 ]
