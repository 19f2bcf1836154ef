#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [SUITE ...]
#	  Runs the test suites of other projects, once as they are and once with
#	  client and server traced with all kinds of points, and compares: every test
#	  has the same verdict, the files that a suite leaves are the same, the server's
#	  log has no new FATAL or PANIC and nothing of ours, and the trace passes
#	  `osprofiler trace check`. Prints TAP; exit status 1 if anything differs.
#
# A suite is a file *.suite here, which sets
#	  packages   Debian packages that it needs installed
#	  source     the source package that has its tests, and
#	  paths      which of its files
#	  modules    of Python, as packages of Debian 13, that a source newer than this
#	             machine needs; they are unpacked in .modules beside the source
#	  minimum    how many tests must have run for the comparison to count
#	  settings   of the server, if it needs any
# and defines
#	  run_suite     runs it in the current directory, a fresh copy of the sources
#	  verdicts      reads what run_suite printed, prints a line for each test
#	  left_files    prints the files, below the current directory, to be compared
#
# Sources come from Debian's archive and are kept in OSP_SUITES, outside the
# tree. KEEP=1 keeps the working directory, with what each suite printed.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
# shellcheck source=tests/pg/core_source.sh
. tests/pg/core_source.sh

: "${OSP_SUITES:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/osprofiler/suites}"

suite_timeout_s=1800
key='suite key'
number=0
failures=0

finish()
{
	if [ -n "${KEEP:-}" ]; then
		end_work_processes
		echo "# kept $WORK"
	else
		remove_work_dir
	fi
}

result()
{
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failures=$((failures + 1))
	fi
}

# same NAME FILE FILE: the two are equal; else how they differ.
same()
{
	local status=0

	diff -u "$2" "$3" >"$WORK/log/diff" || status=1
	result $status "$1"
	head -n 60 "$WORK/log/diff" | sed 's/^/# /'
}

user_env()
{
	as_user env PATH="$WORK/prefix/bin:$PG_BIN:/usr/bin:/bin" \
		LD_LIBRARY_PATH="$WORK/prefix/lib" PGHOST="$WORK/tmp" PGUSER=suite \
		PGDATABASE=suite HOME="$WORK/home" \
		OSPROFILER_HMAC_KEYS="$key" OSPROFILER_RUN_DIR="$WORK/run/client" \
		OSPROFILER_CONNECTION_STRING="sqlite:///$WORK/traces.db" "$@"
}

# --- what a suite needs ---------------------------------------------------------

install_packages()
{
	local package
	local -a missing=()

	for package in "${packages[@]}"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
			grep -q 'install ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "# installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
		--no-install-recommends "${missing[@]}" >"$WORK/log/apt" 2>&1
}

# A mirror may not have all that its lists name: then another release's version
# will do, and its orig archive is enough.
fetch_source()
{
	local target=$OSP_SUITES/$1 apt=$WORK/apt version release

	[ ! -e "$target/.complete" ] || return 0
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
	rm -rf "$apt/got"
	mkdir -p "$apt/got"
	for release in bullseye bookworm trixie sid; do
		debian_sources deb-src "$release"
	done >"$apt/sources.list"
	source_apt "$apt" apt-get update >>"$WORK/log/apt" 2>&1 || true
	# shellcheck disable=SC2154
	for version in $(source_versions "$apt" "$source" \
		"$(dpkg-query -W -f '${Version}' "${packages[0]}" 2>/dev/null || echo none)"); do
		(cd "$apt/got" && source_apt "$apt" apt-get source --download-only \
			"$source=$version") >>"$WORK/log/apt" 2>&1 || true
		archive=$(find "$apt/got" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)
		[ -z "$archive" ] || break
	done
	if [ -z "${archive:-}" ]; then
		echo "# no source of $source: $(tail -n 1 "$WORK/log/apt")"
		return 1
	fi
	rm -rf "$target"
	mkdir -p "$target"
	# shellcheck disable=SC2154
	tar -C "$target" --strip-components=1 --no-same-owner --wildcards \
		-xf "$archive" "${paths[@]}"
	echo "${archive##*/}" >"$target/.complete"
}

fetch_modules()
{
	local target=$OSP_SUITES/$1/.modules apt=$WORK/apt module

	mkdir -p "$target" "$apt/state/lists/partial" "$apt/cache/archives/partial"
	for module in "${modules[@]}"; do
		[ ! -e "$target/$module" ] || continue
		debian_sources deb trixie >"$apt/sources.list"
		source_apt "$apt" apt-get update >>"$WORK/log/apt" 2>&1 || true
		(cd "$apt" && source_apt "$apt" apt-get download "$module" &&
			dpkg -x "$module"_*.deb "$target" && touch "$target/$module") \
			>>"$WORK/log/apt" 2>&1 ||
			echo "# no module $module: $(tail -n 1 "$WORK/log/apt")"
	done
}

# --- the server --------------------------------------------------------------------

start_server()
{
	local mode=$1

	user_env initdb -D "$WORK/data" -U suite -A trust --no-sync \
		>"$WORK/log/initdb" 2>&1
	as_user tee -a "$WORK/data/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		unix_socket_directories = '$WORK/tmp'
		fsync = off
		log_line_prefix = '%m [%p] %q%a '
		max_prepared_transactions = 10
		${settings:-}
	END
	if [ "$mode" = traced ]; then
		as_user tee -a "$WORK/data/postgresql.conf" >/dev/null <<-END
			session_preload_libraries = 'osprofiler'
			osprofiler.hmac_keys_file = '$WORK/keys'
			osprofiler.run_directory = '$WORK/run'
			osprofiler.connection_string = 'sqlite:///$WORK/traces.db'
			osprofiler.points = 'statement,nested,parse,plan,commit,trigger,worker,function,node,wait'
			osprofiler.on_full = 'wait'
			osprofiler.spool_limit = '4GB'
		END
	fi
	: >"$WORK/log/server"
	chmod 666 "$WORK/log/server"
	user_env pg_ctl -D "$WORK/data" -l "$WORK/log/server" -w start >/dev/null
	user_env createdb suite
}

stop_server()
{
	local status=0

	user_env pg_ctl -D "$WORK/data" -w -t 60 -m fast stop >/dev/null || status=1
	result $status "$1: the server stops"
	rm -rf "$WORK/data"
}

# What no test should bring about, and all that names us, with numbers masked.
severe()
{
	sed -nE -e 's/^.*(FATAL|PANIC):  /\1: /p' -e '/terminated by signal/p' \
		-e '/(LOG|WARNING|ERROR):.*osprofiler/p' "$1" |
		sed -E -e 's/^[0-9: .-]+UTC //' -e 's/[0-9]+/N/g' | sort -u
}

# --- one suite ------------------------------------------------------------------------

run_mode()
{
	local name=$1 mode=$2 kept=$WORK/log/$1-$2 dir=$WORK/suite
	local -a command=(bash "$WORK/tmp/suite.sh")

	rm -rf "$dir"
	cp -r "$OSP_SUITES/$source" "$dir"
	{
		echo "set -u; cd '$dir'; PG_BIN='$PG_BIN'; PG_CONFIG='$PG_CONFIG'"
		cat "tests/suites/$name.suite"
		echo run_suite
	} >"$WORK/tmp/suite.sh"
	hand_over
	start_server "$mode"
	[ "$mode" = untraced ] || command=(osprofiler run -- "${command[@]}")
	user_env timeout --kill-after=10 "$suite_timeout_s" "${command[@]}" \
		>"$kept.out" 2>&1 </dev/null || true
	stop_server "$name, $mode"
	severe "$WORK/log/server" >"$kept.severe"
	verdicts <"$kept.out" | sort >"$kept.verdicts"
	(cd "$dir" && left_files | sort | while read -r file; do
		sha256sum "$file"
	done) >"$kept.files"
}

# The trace that `osprofiler run` announced, client and server.
check_trace()
{
	local name=$1 id status=0 run

	for run in "$WORK"/run/pg-* "$WORK/run/client"; do
		[ ! -d "$run" ] || user_env timeout 600 osprofiler agent --once \
			--run-directory "$run" >>"$WORK/log/agent" 2>&1 || status=1
	done
	result $status "$name: everything is shipped"
	status=0
	id=$(sed -n 's/^Trace ID: //p' "$WORK/log/$name-traced.out" | tail -n 1)
	user_env osprofiler trace check "$id" >"$WORK/log/check" 2>&1 || status=1
	result $status "$name: the trace passes the check"
	tail -n 20 "$WORK/log/check" | sed 's/^/# /'
}

suite()
{
	local name=$1 log=$WORK/log/$1 count
	local -a packages=() modules=() paths=('*')
	local source='' minimum=1 settings=''

	left_files() { :; }
	# shellcheck disable=SC1090
	. "tests/suites/$name.suite"
	fetch_source "$source"
	fetch_modules "$source"
	echo "# $name: $(cat "$OSP_SUITES/$source/.complete")"
	rm -rf "$WORK/run" "$WORK"/traces.db*
	mkdir -m 700 "$WORK/run" "$WORK/run/client"
	run_mode "$name" untraced
	run_mode "$name" traced
	count=$(wc -l <"$log-untraced.verdicts")
	echo "# $name: $count tests"
	[ "$count" -ge "$minimum" ]
	result $? "$name: at least $minimum tests were run"
	same "$name: the same verdicts" "$log-untraced.verdicts" "$log-traced.verdicts"
	same "$name: the same files" "$log-untraced.files" "$log-traced.files"
	same "$name: the same in the server's log" "$log-untraced.severe" \
		"$log-traced.severe"
	check_trace "$name"
}

if [ $# -eq 0 ]; then
	for file in tests/suites/*.suite; do
		file=${file##*/}
		set -- "$@" "${file%.suite}"
	done
fi
make_work_dir suites
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$OSP_SUITES"
copy_source .
for name in "$@"; do
	# shellcheck disable=SC1090
	(. "tests/suites/$name.suite" && install_packages)
done
make_private_postgres
(umask 077 && echo "$key" >"$WORK/keys")
hand_over
as_user make -s -j"$(nproc)" -C "$WORK/src" install PREFIX="$WORK/prefix" \
	PG_CONFIG="$PG_CONFIG" >"$WORK/log/build" 2>&1 ||
	{
		tail -n 40 "$WORK/log/build"
		exit 1
	}
set +e
for name in "$@"; do
	suite "$name"
done
echo "1..$number"
[ $failures -eq 0 ]
