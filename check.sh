#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh [PART ...]
#	  Builds everything and runs all tests, or the named parts of them.
#
# Works on a bare Debian 12, as root or with sudo: scripts/setup.sh installs what
# is missing. All is done on a copy in a temporary directory, by an unprivileged
# user, with servers of its own; nothing of it is left at the end. Prints a line
# for each part, and how many tests it ran; a part fails if a test fails, or is
# skipped. The output of a part that failed is shown. Exit status 1 if one did.

set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# A part that takes longer hangs.
part_timeout_s=1200

# The first parts run alone, for the others need what they make. The others run in
# two lanes, side by side: in the one what waits for servers most of its time, in
# the other what computes. No two parts of different lanes write the same files.
first_parts=(build install)
lane_servers=(server drivers client cli page python faults)
lane_compute=(
	lint build-clang unit unit-clang unit-sanitizers unit-threads sqlite attack fuzz
)

# Runs last and alone: programs that wait for each other are slow under valgrind.
last_parts=(unit-valgrind)
all_parts=(
	"${first_parts[@]}" "${lane_servers[@]}" "${lane_compute[@]}" "${last_parts[@]}"
)

# --- the parts; each runs in the copy, as the user, under `set -e` -----------

# What every part knows: the tree, where it is installed, which PostgreSQL.
part_environment()
{
	cat <<-END
		set -euo pipefail
		cd "$WORK/src"
		export PREFIX="$WORK/prefix" PG_CONFIG="$PG_CONFIG"
		export PATH="$WORK/prefix/bin:$PG_BIN:\$PATH"
		export PKG_CONFIG_PATH="$WORK/prefix/lib/pkgconfig"
		export LD_LIBRARY_PATH="$WORK/prefix/lib"
		export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
		export UBSAN_OPTIONS=print_stacktrace=1
		export TSAN_OPTIONS=halt_on_error=1 OSP_REQUIRE_ALL=1 WERROR=1
		jobs=$(nproc)
	END
}

part_build()
{
	make -s -j"$jobs" all
	make -s install
}

part_build_clang()
{
	make -s -j"$jobs" CC=clang BUILD="$PWD/build/clang" common drivers cli unit

	# PGXS builds beside the sources: on a copy, or gcc's objects would be lost.
	cp -a pg_osprofiler build/clang/
	ln -sf ../../config.mk ../../sql build/clang/
	find build/clang/pg_osprofiler -name '*.o' -delete
	make -s -C build/clang/pg_osprofiler CC=clang TOP="$PWD" \
		BUILD="$PWD/build/clang" PG_CONFIG="$PG_CONFIG" all
}

part_lint()
{
	tests/lint.sh
}

part_unit()
{
	make -s check
}

part_unit_clang()
{
	make -s check CC=clang BUILD="$PWD/build/clang"
}

part_unit_sanitizers()
{
	make -s -j"$jobs" check BUILD="$PWD/build/asan" OPTIMIZE=-O1 \
		SANITIZE=address,undefined
}

# ThreadSanitizer wants the addresses where it expects them: no randomisation.
part_unit_threads()
{
	local out="$PWD/build/tsan/tests/unit" name
	local -a programs=()

	for name in ids profiler ring shipper shipper_faults; do
		[ ! -e "tests/unit/test_$name.c" ] || programs+=("$out/test_$name")
	done
	make -s -j"$jobs" BUILD="$PWD/build/tsan" OPTIMIZE=-O1 SANITIZE=thread \
		common drivers
	make -s -C tests/unit -j"$jobs" BUILD="$PWD/build/tsan" OPTIMIZE=-O1 \
		SANITIZE=thread TESTS="${programs[*]}" \
		PROVE_EXEC="setarch -R" check
	make -s -C sqlite_osprofiler -j"$jobs" BUILD="$PWD/build/tsan" \
		OPTIMIZE=-O1 SANITIZE=thread
	make -s -C tests/sqlite -j"$jobs" BUILD="$PWD/build/tsan" OPTIMIZE=-O1 \
		SANITIZE=thread
	COLLECT_RINGS=1 TEST_CONNECTIONS=100 CMOCKA_MESSAGE_OUTPUT=TAP \
		prove --exec "setarch -R" build/tsan/tests/sqlite/test_program \
		build/tsan/tests/sqlite/test_threads_hook
}

# Without fair scheduling a thread that spins can keep all others from running.
part_unit_valgrind()
{
	make -s check PROVE_FLAGS="-j$jobs" \
		PROVE_EXEC="valgrind -q --error-exitcode=99 --leak-check=full \
--errors-for-leak-kinds=definite,possible --trace-children=no --fair-sched=try"
}

# The headers, alone and together, as a program that is not ours sees them.
part_install()
{
	local header

	make -s install DESTDIR="$PWD/build/package" PREFIX=/usr
	[ -x build/package/usr/bin/osprofiler ]
	[ -e build/package/usr/share/man/man1/osprofiler.1 ]
	for header in "$PREFIX"/include/osprofiler/*.h; do
		echo "#include <osprofiler/${header##*/}>"
	done >build/headers.c
	echo 'int main(void) { osp_clean(); return 0; }' >>build/headers.c
	# shellcheck disable=SC2046
	gcc -std=gnu99 -Wall -Wextra -Werror -o build/headers-c \
		build/headers.c $(pkg-config --cflags --libs osprofiler)
	# shellcheck disable=SC2046
	g++ -std=c++11 -Wall -Wextra -Werror -x c++ -o build/headers-c++ \
		build/headers.c $(pkg-config --cflags --libs osprofiler)
	build/headers-c
	build/headers-c++

	# The one that applications include asks for no extension of the language.
	gcc -std=c99 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only \
		-I"$PREFIX/include" -include osprofiler/profiler.h -x c /dev/null
	make -s uninstall DESTDIR="$PWD/build/package" PREFIX=/usr
	if [ -n "$(find build/package ! -type d)" ]; then
		echo "make uninstall left:"
		find build/package ! -type d
		return 1
	fi
	echo "ok - installed, compiled in C and C++, uninstalled"
}

part_drivers()
{
	make -s -C tests/drivers check
}

part_cli()
{
	prove --timer tests/cli/*.t
}

part_page()
{
	make -s -C tests/page check
}

# Both kinds of tests in any case; what differed is said last, where it is seen.
# Most of the time of the second kind is waiting, so they run side by side.
part_server()
{
	local failed=0

	make -s installcheck TAP_TESTS= || failed=1
	make -s installcheck REGRESS= PROVE_FLAGS="-j$jobs --timer" || failed=1
	make -s installcheck REGRESS= PROVE_TESTS="../tests/incidents/*.pl" || failed=1
	[ ! -e pg_osprofiler/regression.diffs ] || cat pg_osprofiler/regression.diffs
	return "$failed"
}

part_sqlite()
{
	make -s check-sqlite
}

part_client()
{
	make -s -C tests/client check
}

part_python()
{
	make -s -C tests/python check
}

part_attack()
{
	make -s -C tests/attack check
}

# What kills and is killed, for a while.
part_faults()
{
	make -s -C tests/faults check ROUNDS=20
}

part_fuzz()
{
	make -s -j"$jobs" fuzz FUZZ_SECONDS=10
}

# --- running them ------------------------------------------------------------

# Runs one part as the user; its output goes to the log.
run_part()
{
	local part=$1 function=part_${1//-/_}

	{
		part_environment
		declare -f "$function"
		echo "$function"
	} >"$WORK/tmp/$part.sh"
	as_user timeout --kill-after=10 "$part_timeout_s" bash "$WORK/tmp/$part.sh" >"$WORK/log/$part" 2>&1 </dev/null
}

# How many lines of the log are results that match.
count()
{
	grep -Eic "$1" "$2" || true
}

# Prints a part's line, and what went wrong; leaves its counts in the log directory.
report_part()
{
	local part=$1 status=$2 seconds=$3 log=$WORK/log/$1 tests skips word=FAIL

	tests=$(count '^ *(not )?ok ?[0-9]* ?(-|test )' "$log")
	tests=$((tests + $(count '^test[^ ]* .* \.\.\. ok' "$log")))
	skips=$(count '^ *(not )?ok .*# *skip|^1\.\.0 # *skip' "$log")
	[ "$status" -ne 0 ] || [ "$skips" -ne 0 ] || word=pass
	echo "$word $tests $skips $part" >"$log.result"
	if [ $word = pass ]; then
		printf 'pass  %-16s %5d tests %5d s\n' "$part" "$tests" "$seconds"
		return
	fi
	printf 'FAIL  %-16s %5d tests %5d s, %d skipped, exit status %d\n' \
		"$part" "$tests" "$seconds" "$skips" "$status"
	grep -Ei -A8 '^ *not ok|^ *# +Failed test|# *skip|^test .* FAILED|^@@ |# Tests were run but|# Looks like|^Bail out' "$log" |
		head -n 200 || true
	sed -n '/^Test Summary Report/,/^Result:/p' "$log"
	tail -n 60 "$log"
}

# Runs those of the lane's parts, "$2" and on, that are among the wanted, "$1".
run_lane()
{
	local wanted=" $1 " part status started
	shift

	for part in "$@"; do
		[[ $wanted == *" $part "* ]] || continue
		started=$SECONDS
		status=0
		run_part "$part" || status=$?
		report_part "$part" "$status" $((SECONDS - started)) >"$WORK/log/$part.report"
		flock "$WORK/log" cat "$WORK/log/$part.report"
	done
}

end_check()
{
	# The lanes, which would begin their next part.
	jobs -p | xargs -r kill 2>/dev/null || true
	remove_work_dir
}

# Says how it went. Fails if a part did.
sum_up()
{
	local word tests skips part passed=0 total_tests=0 total_skips=0
	local -a failed=()

	while read -r word tests skips part; do
		total_tests=$((total_tests + tests))
		total_skips=$((total_skips + skips))
		if [ "$word" = pass ]; then passed=$((passed + 1)); else failed+=("$part"); fi
	done < <(cat "$WORK"/log/*.result)
	printf '%d parts: %d passed, %d failed%s; %d tests, %d skipped, %d s\n' $# \
		"$passed" "${#failed[@]}" "${failed[*]:+ (${failed[*]})}" "$total_tests" \
		"$total_skips" "$SECONDS"
	[ "$passed" -eq $# ]
}

main()
{
	scripts/setup.sh --check
	make_work_dir check
	trap end_check EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	copy_source .

	# The person's configuration of npm may name another registry.
	[[ " $* " != *" page "* ]] || make -s -C "$WORK/src/tests/page" modules
	make_private_postgres

	# prove says what each test did, so that skips can be counted.
	echo '--verbose' >"$WORK/home/.proverc"
	hand_over

	run_lane "$*" "${first_parts[@]}"
	run_lane "$*" "${lane_servers[@]}" &
	run_lane "$*" "${lane_compute[@]}" &
	wait
	run_lane "$*" "${last_parts[@]}"
	sum_up "$@"
}

jobs=$(nproc)
if [ $# -eq 0 ]; then
	set -- "${all_parts[@]}"
fi
for part in "$@"; do
	if ! declare -F "part_${part//-/_}" >/dev/null; then
		echo "check.sh: no part '$part'; there are: ${all_parts[*]}" >&2
		exit 2
	fi
done
main "$@"
