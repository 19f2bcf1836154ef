#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# core.sh [regress | isolation]...
#	  Runs PostgreSQL's own tests, once as they are and once with every session
#	  traced with all kinds of points, and compares: the same tests pass, those
#	  that do not differ in the same lines, the log has no new FATAL or PANIC and
#	  nothing of ours, and each trace passes `osprofiler trace check`.
#
# The tests come from Debian's source package and stay in OSP_CORE, outside the
# tree. Servers and everything else are in a temporary directory; KEEP=1 keeps
# it. OSP_POINTS are the kinds of points, all by default. Ends with exit status 1
# if anything differs.

set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/debian.sh
. scripts/debian.sh
# shellcheck source=tests/pg/core_source.sh
. tests/pg/core_source.sh

: "${OSP_CORE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/osprofiler/core}"
: "${OSP_POINTS:=statement,nested,parse,plan,commit,trigger,worker,function,node,wait}"

# A suite that takes longer hangs.
suite_timeout_s=1800
shipping_timeout_s=600
key=core-key

say()
{
	printf '%s core: %s\n' "$(date +%T)" "$*"
}

fail()
{
	printf 'not ok - %s\n' "$*"
	failed=1
}

finish()
{
	if [ -n "${KEEP:-}" ]; then
		end_work_processes
		echo "kept $WORK"
	else
		remove_work_dir
	fi
}

user_env()
{
	as_user env PATH="$WORK/prefix/bin:$PG_BIN:/usr/bin:/bin" \
		LD_LIBRARY_PATH="$WORK/prefix/lib" "$@"
}

build()
{
	say "building"
	user_env make -s -C "$WORK/src" install PREFIX="$WORK/prefix" \
		PG_CONFIG="$PG_CONFIG" >"$WORK/log/build" 2>&1 ||
		{
			tail -n 40 "$WORK/log/build"
			return 1
		}
}

# The module with PostgreSQL's test functions, and two of contrib's beside it.
build_test_module()
{
	mkdir "$WORK/lib"
	gcc -O2 -w -fPIC -shared -I"$("$PG_CONFIG" --includedir-server)" \
		-o "$WORK/lib/regress.so" "$WORK/core/src/test/regress/regress.c"
	cp "$("$PG_CONFIG" --pkglibdir)"/{autoinc,refint}.so "$WORK/lib/"
}

# A server as pg_regress would set it up.
start_server()
{
	local mode=$1

	user_env initdb -D "$WORK/data" -A trust --no-sync >"$WORK/log/initdb" 2>&1
	as_user tee -a "$WORK/data/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		unix_socket_directories = '$WORK/tmp'
		fsync = off
		log_line_prefix = '%m %b[%p] %q%a '
		log_lock_waits = on
		max_prepared_transactions = 2
		max_connections = 60
	END
	if [ "$mode" = traced ]; then
		(umask 077 && echo "$key" >"$WORK/keys")
		hand_over
		as_user tee -a "$WORK/data/postgresql.conf" >/dev/null <<-END
			session_preload_libraries = 'osprofiler'
			osprofiler.hmac_keys_file = '$WORK/keys'
			osprofiler.run_directory = '$WORK/run'
			osprofiler.connection_string = 'sqlite:///$WORK/traces.db'
			osprofiler.points = '$OSP_POINTS'
			osprofiler.on_full = 'wait'
			osprofiler.ring_size = '8MB'
			osprofiler.spool_limit = '4GB'
		END
	fi
	user_env pg_ctl -D "$WORK/data" -l "$WORK/log/server" -w start >/dev/null
}

stop_server()
{
	user_env pg_ctl -D "$WORK/data" -w -t 60 -m fast stop >/dev/null ||
		fail "the server does not stop"
}

# Runs a suite; what it says goes to $WORK/out.
run_tests()
{
	local suite=$1 mode=$2 program dir=$WORK/core/src/test/$1
	local -a command options=()

	program=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")/test
	case $suite in
		regress)
			program+=/regress/pg_regress
			options=(--schedule="$dir/parallel_schedule" --dlpath="$WORK/lib"
				--max-concurrent-tests=20 --max-connections=20)
			;;
		isolation)
			program+=/isolation/pg_isolation_regress
			options=(--schedule="$dir/isolation_schedule")
			;;
	esac
	[ "$mode" = untraced ] || options+=(--launcher="$WORK/src/tests/pg/core_launch.sh")
	command=("$program" --inputdir="$dir" --outputdir="$WORK/out"
		--bindir="$PG_BIN" --host="$WORK/tmp" --dbname="$suite" "${options[@]}")
	user_env timeout --kill-after=10 "$suite_timeout_s" \
		env CORE_TRACES="$WORK/traces" CORE_KEY="$key" "${command[@]}" \
		>"$WORK/out/said" 2>&1 </dev/null || true
}

# Prints how many points were written, while the server is there. It has a directory of
# its own below the run directory.
count_points()
{
	local -a run=("$WORK"/run/pg-*)

	# Exit status 3: some were lost, as where rings are small.
	user_env osprofiler status --run-directory "${run[0]}" >"$WORK/log/status" ||
		[ $? -eq 3 ] || fail "no status"
	grep -E 'points (written|dropped|shipped)|lost|corrupt' "$WORK/log/status"
	grep -q 'points written  *[1-9]' "$WORK/log/status" ||
		fail "nothing was traced"
}

# Delivers what the server's own shipper left behind. The directory is gone if that has
# delivered everything.
ship_the_rest()
{
	local -a run=("$WORK"/run/pg-*)

	[ -e "${run[0]}" ] || return 0
	user_env timeout "$shipping_timeout_s" osprofiler agent --once \
		--run-directory "${run[0]}" \
		--connection-string "sqlite:///$WORK/traces.db" \
		>"$WORK/log/agent" 2>&1 || fail "not everything was shipped"
}

run_suite()
{
	local suite=$1 mode=$2 started=$SECONDS kept=$WORK/log/$1-$2

	mkdir -p "$WORK/out"
	rm -rf "$WORK/data"
	: >"$WORK/log/server"
	hand_over
	start_server "$mode"
	run_tests "$suite" "$mode"
	[ "$mode" = untraced ] || count_points
	stop_server
	mv "$WORK/out" "$kept"
	cp "$WORK/log/server" "$kept/server.log"
	results "$kept" >"$kept/tests"
	differences "$kept" >"$kept/differences"
	severe "$kept" >"$kept/severe"
	say "$suite, $mode: $(grep -c 'ok$' "$kept/tests" || true) of" \
		"$(wc -l <"$kept/tests") tests pass, $((SECONDS - started)) s"
}

# A line for each test: its name, ok or not. Both forms that pg_regress has had.
results()
{
	sed -nE -e 's/^(test|    ) +([^ ]+) +\.\.\. (ok|FAILED).*/\2 \3/p' \
		-e 's/^(not ok|ok) [0-9]+ +[-+] ([^ ]+).*/\2 \1/p' "$1/said" | sort
}

# How the failed tests differ, without times and line numbers.
differences()
{
	[ -e "$1/regression.diffs" ] || return 0
	sed -E -e '/^(---|\+\+\+) /s/\t.*//' -e 's/^@@ .*/@@/' "$1/regression.diffs"
}

# Messages that no test should bring about and all that name us, with numbers
# masked, and how often they came. A worker for logical replication that is
# stopped while it starts says so or not, as it happens, and so does a parallel
# worker that its leader stops; and the tests look at the memory contexts, of which
# one is ours.
severe()
{
	sed -nE -e "s,$WORK,,g" \
		-e '/ parallel worker\[.*terminating connection due to administrator/d' \
		-e 's/^.*(FATAL|PANIC):  /\1: /p' \
		-e '/terminated by signal/p' -e '/(LOG|WARNING|ERROR):.*osprofiler/p' \
		"$1/server.log" |
		sed -E -e 's/^[0-9: .-]+UTC //' -e 's/[0-9]+/N/g' |
		{ grep -vE 'FATAL: terminating logical replication worker|LOG:  level: N;' ||
			true; } | sort | uniq -c
}

compare()
{
	local suite=$1 what=$2 untraced=$WORK/log/$1-untraced traced=$WORK/log/$1-traced

	if diff -u "$untraced/$what" "$traced/$what" >"$WORK/log/$suite-$what.diff"; then
		printf 'ok - %s: the same %s\n' "$suite" "$what"
	else
		fail "$suite: other $what"
		head -n 200 "$WORK/log/$suite-$what.diff"
	fi
}

check_traces()
{
	local suite=$1 base name checked=0 broken=0

	while read -r base name; do
		checked=$((checked + 1))
		if ! user_env osprofiler trace check \
			--connection-string "sqlite:///$WORK/traces.db" "$base" \
			>"$WORK/log/check" 2>&1; then
			broken=$((broken + 1))
			printf '%s %s: %s lines\n' "$base" "$name" "$(wc -l <"$WORK/log/check")"
			head -n 5 "$WORK/log/check"
		fi
	done <"$WORK/traces"
	if [ $broken -eq 0 ] && [ $checked -gt 0 ]; then
		printf 'ok - %s: %d traces pass the check\n' "$suite" $checked
	else
		fail "$suite: $broken of $checked traces do not pass the check"
	fi
}

core()
{
	local suite=$1

	rm -f "$WORK/traces" "$WORK/traces.db"
	rm -rf "$WORK/run"
	mkdir -m 700 "$WORK/run"
	: >"$WORK/traces"
	run_suite "$suite" untraced
	run_suite "$suite" traced
	ship_the_rest
	compare "$suite" tests
	compare "$suite" differences
	compare "$suite" severe
	check_traces "$suite"
}

failed=0
[ $# -gt 0 ] || set -- regress isolation
major=$("${PG_CONFIG:-pg_config}" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
mkdir -p "$OSP_CORE"
say "PostgreSQL's tests, $(fetch_core_tests "$major" "$OSP_CORE/$major")"
make_work_dir core
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
copy_source .
cp -r "$OSP_CORE/$major" "$WORK/core"
make_private_postgres
build_test_module
hand_over
build
for suite in "$@"; do
	core "$suite"
done
[ $failed -eq 0 ]
