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

# A part that takes longer hangs. What only computes may have to wait long on a busy machine.
part_timeout_s=2400

# For programs of which only the tests have any use: links in half of the time.
quick_link=-fuse-ld=gold

# The first parts run one after the other, for the others need what they make.
first_parts=(build install)

# The others run side by side, one of each kind: the tests of the extension, which mostly
# wait; those of programs and servers that are not ours; and what mostly computes. They
# begin in this order. None writes where one of another kind does.
extension_parts=(server)
program_parts=(drivers client faults python)
compute_parts=(
	lint unit-sanitizers page cli unit fuzz unit-threads unit-valgrind clang sqlite attack
)

# Run last, each alone: what root runs, programs that wait for each other, which are slow
# under valgrind, and a page that has to be drawn in a given time.
last_parts=(users waits-valgrind page-speed)
all_parts=(
	"${first_parts[@]}" "${extension_parts[@]}" "${program_parts[@]}"
	"${compute_parts[@]}" "${last_parts[@]}"
)

# Run by root, who alone can be several users: what they do to the machine is seen in a
# mount namespace of their own.
root_parts=(users)

# --- the parts; each runs in the copy, as the user, under `set -e` -----------
#
# What only computes is nice to what is tested at the same time: there bounds of time
# are kept.

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
		jobs=$(nproc) quick_link=$quick_link
	END
}

part_build()
{
	make -s -j"$jobs" all
	make -s install

	# For tests of upgrades, from a version that never was.
	echo '-- Nothing has changed.' >"$("$PG_CONFIG" --sharedir)/extension/osprofiler--0.0.1--$(
		sed -n 's/^VERSION *:= *//p' config.mk
	).sql"
}

# What clang says of the extension; all else it builds for unit-sanitizers. PGXS builds
# beside the sources: on a copy, or gcc's objects would be lost. Tests of the server make
# and remove files there at the same time.
part_clang()
{
	mkdir -p build/clang
	tar --exclude='*.o' --exclude='*.so' --exclude='tmp_*' --exclude=results \
		--exclude='regression.*' -cf - pg_osprofiler |
		tar -C build/clang -xf -
	ln -sf ../../config.mk ../../sql build/clang/
	nice make -s -C build/clang/pg_osprofiler -j"$jobs" CC=clang TOP="$PWD" \
		BUILD="$PWD/build/clang" PG_CONFIG="$PG_CONFIG" objects
	echo "ok - clang says nothing"
}

part_lint()
{
	nice tests/lint.sh
}

part_unit()
{
	make -s check LDFLAGS="$quick_link"
}

part_unit_sanitizers()
{
	local -a build=(
		CC=clang BUILD="$PWD/build/asan" OPTIMIZE=-O1 "SANITIZE=address,undefined"
		LDFLAGS="$quick_link"
	)

	nice make -s -j"$jobs" "${build[@]}" unit cli
	make -s "${build[@]}" check
}

# ThreadSanitizer wants the addresses where it expects them: no randomisation.
part_unit_threads()
{
	local name
	local -a programs=() build=(
		BUILD="$PWD/build/tsan" OPTIMIZE=-O1 SANITIZE=thread LDFLAGS="$quick_link"
	)

	for name in ids profiler ring shipper shipper_directory shipper_faults shipper_rings; do
		[ ! -e "tests/unit/test_$name.c" ] ||
			programs+=("$PWD/build/tsan/tests/unit/test_$name")
	done
	nice make -s -j"$jobs" "${build[@]}" common drivers sqlite_osprofiler
	nice make -s -C tests/unit -j"$jobs" "${build[@]}" TESTS="${programs[*]}" all
	nice make -s -C tests/sqlite -j"$jobs" "${build[@]}" all
	make -s -C tests/unit "${build[@]}" TESTS="${programs[*]}" \
		PROVE_EXEC="setarch -R" check
	COLLECT_RINGS=1 TEST_CONNECTIONS=100 CMOCKA_MESSAGE_OUTPUT=TAP \
		prove --exec "setarch -R" build/tsan/tests/sqlite/test_program \
		build/tsan/tests/sqlite/test_threads_hook
}

# Runs unit tests under valgrind: first how many at a time, then their programs.
# Without fair scheduling a thread that spins can keep all others from running.
under_valgrind()
{
	local at_once=$1
	shift

	make -s check TESTS="$*" PROVE_FLAGS="-j$at_once" \
		PROVE_EXEC="valgrind -q --error-exitcode=99 --leak-check=full \
--errors-for-leak-kinds=definite,possible --trace-children=no --fair-sched=try"
}

# Prints the programs of unit tests that wait neither for time nor for others and take
# long under valgrind ("yes"), or all others ("no").
unit_tests_that_compute()
{
	local source name verdict

	for source in tests/unit/test_*.c; do
		name=$(basename "$source" .c)
		case $name in
			test_context | test_findings | test_json* | test_report* | test_sql_message | test_sql_record) verdict=yes ;;
			*) verdict=no ;;
		esac
		[ $verdict != "$1" ] || echo "$PWD/build/tests/unit/$name"
	done
}

part_unit_valgrind()
{
	# shellcheck disable=SC2046 # words
	under_valgrind 1 $(unit_tests_that_compute yes)
}

part_waits_valgrind()
{
	# shellcheck disable=SC2046 # words
	under_valgrind "$jobs" $(unit_tests_that_compute no)
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

	# PREFIX is in some of the files: as the other parts want them.
	make -s all
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

part_page_speed()
{
	make -s -C tests/page check-speed
}

# Both kinds of tests in any case; what differed is said last, where it is seen.
# Most of the time of the second kind is waiting, so they run side by side; incidents do
# not, for what share of a trace each has is checked. One of the second kind needs an
# OpenTelemetry Collector, which Debian does not have (make check-otel).
part_server()
{
	local failed=0

	make -s installcheck TAP_TESTS= || failed=1
	make -s installcheck REGRESS= PROVE_FLAGS="-j$jobs --timer" \
		PROVE_TESTS="$(find tests/pg/t -name '*.pl' ! -name '218_otel.pl' -printf '../%p ' | xargs -n 1 | sort | xargs)" ||
		failed=1
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

part_users()
{
	make -s check-users
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

# Runs one part, as the user or as root; its output goes to the log.
run_part()
{
	local part=$1 function=part_${1//-/_} run=as_user

	! is_among "$part" "${root_parts[@]}" || run=as_root

	{
		part_environment
		declare -f under_valgrind unit_tests_that_compute "$function"
		echo "$function"
	} >"$WORK/tmp/$part.sh"
	"$run" "$WORK/src/tests/processor_time.py" "$WORK/log/$part.used" \
		timeout --kill-after=10 "$part_timeout_s" bash "$WORK/tmp/$part.sh" \
		>"$WORK/log/$part" 2>&1 </dev/null
}

# Lets the private PostgreSQL copy clusters where tests make them.
share_clusters()
{
	mkdir -m 1777 "$WORK/tmp/clusters"
	mv "$PG_BIN/initdb" "$PG_BIN/initdb-itself"
	cat >"$PG_BIN/initdb" <<-END
		#!/bin/sh
		exec "$WORK/src/tests/pg/initdb_copy.sh" "$PG_BIN/initdb-itself" "$WORK/tmp/clusters" "\$@"
	END
	chmod 755 "$PG_BIN/initdb"
}

# How many lines of the log are results that match.
count()
{
	grep -Eic "$1" "$2" || true
}

# Prints a part's line, and what went wrong; leaves its counts in the log directory.
report_part()
{
	local part=$1 status=$2 seconds=$3 log=$WORK/log/$1 tests skips used word=FAIL

	tests=$(count '^ *(not )?ok ?[0-9]* ?(-|test )' "$log")
	tests=$((tests + $(count '^test[^ ]* .* \.\.\. ok' "$log")))
	skips=$(count '^ *(not )?ok .*# *skip|^1\.\.0 # *skip|^(\[[0-9:]+\] )?[^ ]+ \.+ skipped: ' "$log")
	used=$(cat "$log.used" 2>/dev/null || echo 0)
	[ "$status" -ne 0 ] || [ "$skips" -ne 0 ] || word=pass
	echo "$word $tests $skips $used $part" >"$log.result"
	printf '%s  %-16s %5d tests %5d s, %5d s of a processor' "$word" "$part" "$tests" \
		"$seconds" "$used"
	if [ $word = pass ]; then
		echo
		return
	fi
	printf ', %d skipped, exit status %d\n' "$skips" "$status"
	grep -Ei -A8 '^ *not ok|^ *# +Failed test|# *skip|^test .* FAILED|^@@ |# Tests were run but|# Looks like|^Bail out' "$log" |
		head -n 200 || true
	sed -n '/^Test Summary Report/,/^Result:/p' "$log"
	tail -n 60 "$log"
}

# Parts that have not begun; which part a process runs; and when that began.
waiting=()
declare -A part_of=() started=()

# Is the word, "$1", among the others?
is_among()
{
	local word=$1
	shift
	[[ " $* " == *" $word "* ]]
}

# Which kind the part is of.
kind_of()
{
	if is_among "$1" "${extension_parts[@]}"; then
		echo extension
	elif is_among "$1" "${program_parts[@]}"; then
		echo program
	else
		echo compute
	fi
}

# May the part begin, beside those that run?
may_begin()
{
	local other

	for other in "${part_of[@]}"; do
		[ "$(kind_of "$other")" != "$(kind_of "$1")" ] || return 1
	done
}

# Begins the first of the waiting parts that may begin. Fails if none may.
begin_part()
{
	local index part

	for index in "${!waiting[@]}"; do
		part=${waiting[index]}
		if may_begin "$part"; then
			unset "waiting[index]"
			run_part "$part" &
			part_of[$!]=$part
			started[$part]=$SECONDS
			return
		fi
	done
	return 1
}

# Waits until a part ends, and reports it.
end_part()
{
	local pid part status=0

	wait -n -p pid "${!part_of[@]}" || status=$?
	part=${part_of[$pid]}
	unset "part_of[$pid]"
	report_part "$part" "$status" $((SECONDS - started[$part]))
}

# Runs those of the parts "$2" and on that are among the wanted, "$1".
run_parts()
{
	local wanted=$1 part
	shift

	for part in "$@"; do
		# shellcheck disable=SC2086 # words
		! is_among "$part" $wanted || waiting+=("$part")
	done
	while [ ${#waiting[@]} -gt 0 ] || [ ${#part_of[@]} -gt 0 ]; do
		begin_part || end_part
	done
}

end_check()
{
	jobs -p | xargs -r kill 2>/dev/null || true
	remove_work_dir
}

# Says how it went. Fails if a part did.
sum_up()
{
	local word tests skips used part passed=0 total_tests=0 total_skips=0 total_used=0
	local -a failed=()

	while read -r word tests skips used part; do
		total_tests=$((total_tests + tests))
		total_skips=$((total_skips + skips))
		total_used=$((total_used + used))
		if [ "$word" = pass ]; then passed=$((passed + 1)); else failed+=("$part"); fi
	done < <(cat "$WORK"/log/*.result)
	printf '%d parts: %d passed, %d failed%s; %d tests, %d skipped, %d s, %d s of a processor\n' $# \
		"$passed" "${#failed[@]}" "${failed[*]:+ (${failed[*]})}" "$total_tests" \
		"$total_skips" "$SECONDS" "$total_used"
	[ "$passed" -eq $# ]
}

main()
{
	local part

	scripts/setup.sh --check
	make_work_dir check
	trap end_check EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	copy_source .

	# The person's configuration of npm may name another registry.
	[[ " $*" != *" page"* ]] || make -s -C "$WORK/src/tests/page" modules
	make_private_postgres
	share_clusters

	# prove says what each test did, so that skips can be counted.
	echo '--verbose' >"$WORK/home/.proverc"
	hand_over

	for part in "${first_parts[@]}"; do
		run_parts "$*" "$part"
	done
	run_parts "$*" "${extension_parts[@]}" "${program_parts[@]}" "${compute_parts[@]}"
	for part in "${last_parts[@]}"; do
		run_parts "$*" "$part"
	done
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
