#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# suite.sh [FILE ...]
#	  SQLite's own tests, the set that its authors call very quick, without
#	  tracing, traced by the hook and traced by the wrappers: the same tests must
#	  pass and fail, and every trace must be whole. Also Python's tests of its
#	  sqlite3 module, by the wrappers. Takes long; `make check-sqlite-suite`.
#
# The source package comes from the archives that this machine's apt knows. The
# test program is built once as a shared library with a main, so that calls
# within SQLite can be wrapped as in Debian's library. $SUITE_DIR keeps what was
# fetched and built (default: a temporary directory, removed at the end). With
# FILEs (paths below SQLite's source) only these are run.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh
# shellcheck source=scripts/debian.sh
. ../../scripts/debian.sh

fetch_sources()
{
	mkdir -p "$SUITE/apt"
	(
		source_apt_begin "$SUITE/apt" "$(. /etc/os-release && echo "$VERSION_CODENAME")" &&
			cd "$SUITE" &&
			source_apt "$SUITE/apt" apt-get source sqlite3 &&
			source_apt "$SUITE/apt" apt-get source --tar-only --download-only python3.11 &&
			tar -xzf python3.11_*.orig.tar.gz --wildcards '*/Lib/test/test_sqlite3'
	) >"$SUITE/fetch.log" 2>&1
}

# libtool would make a program of it; what it is told is right otherwise.
build_fixture()
{
	mkdir -p "$SUITE/build" && cd "$SUITE/build" || return 1
	cat >./link <<-'END'
		#!/bin/sh
		shift
		case "$*" in *"-o testfixture "*) set -- "$@" -shared -fPIC ;; esac
		exec "$@"
	END
	chmod +x ./link
	"$(echo "$SUITE"/sqlite3-*/)configure" --disable-readline --enable-fts3 --enable-fts5 \
		--enable-rtree --enable-session --enable-load-extension \
		>configure.log 2>&1 &&
		make LIBTOOL="$PWD/link" testfixture >make.log 2>&1 &&
		mv testfixture libtestfixture.so &&
		gcc -o fixture -L. -Wl,-rpath,"$PWD" -ltestfixture
}

# The files of the very quick set, as SQLite's permutations.test has it.
list_files()
{
	cat >"$SUITE/list.tcl" <<-'END'
		set argv0 [file join $env(SOURCE) test none]
		set argv {}
		source [file join $env(SOURCE) test permutations.test]
		foreach f [lsort [test_set $allquicktests -exclude *malloc* *ioerr* \
				*fault* *bigfile* *_err* *fts5corrupt* *fts5big* *fts5aj*]] {
			puts "FILE [file tail $f]"
		}
	END
	(cd "$SUITE/scratch" && "$SUITE/build/fixture" "$SUITE/list.tcl") |
		sed -n 's/^FILE //p' | while read -r name; do
			find "$SUITE/source/test" "$SUITE/source/ext" -name "$name" | head -n 1
		done
}

# Before a test: the run-time extension for all connections to come. SQLite is
# shut down and set up again as the test begins, after which only the extensions
# of autoinstall_test_functions are there.
write_prelude()
{
	cat >"$SUITE/hook.tcl" <<-END
		rename autoinstall_test_functions osp_autoinstall
		proc autoinstall_test_functions {} {
			osp_autoinstall
			sqlite3 osp :memory:
			osp enable_load_extension 1
			osp eval {SELECT load_extension('$SQLITE_LIBRARY/osprofiler')}
			osp close
		}
		set argv0 [lindex \$argv 0]
		set argv [lrange \$argv 1 end]
		source \$argv0
	END
}

# What is compared: failures and their number, without times and addresses. How
# many tests there are is not: some fail every allocation in turn, and a
# connection that is traced makes more of them.
outcome()
{
	grep -aE '^! |errors out of|^Failures on|Error:|Segmentation|Aborted' "$1" |
		sed 's/0x[0-9a-f]*//g; s/ errors out of .*/ errors/'
}

# run_file MODE FILE: the test file, its outcome in $SUITE/MODE.
run_file()
{
	local mode=$1 file=$2
	local -a command=(timeout 300 "$SUITE/build/fixture")

	rm -rf "$SUITE/scratch" && mkdir "$SUITE/scratch"
	(
		cd "$SUITE/scratch" || exit 1
		case $mode in
			bare) "${command[@]}" "$file" ;;
			hook) with_context "${command[@]}" "$SUITE/hook.tcl" "$file" ;;
			wrapper) preloaded "${command[@]}" "$file" ;;
		esac
	) >"$SUITE/output" 2>&1 </dev/null
	outcome "$SUITE/output" >"$SUITE/$mode"
}

# The same with the rings emptied all the while, and the trace checked.
run_traced()
{
	rm -rf "$WORK/run" "$POINTS"
	exec 7> >(exec "$BUILD/tests/sqlite/drain" -f "$WORK/run" "$POINTS" \
		2>"$WORK/drain.err")
	local drainer=$!

	run_file "$@"
	exec 7>&-
	wait "$drainer"
	points[$1]=$((${points[$1]:-0} + $(wc -l <"$POINTS")))
	check_points
}

# One test may make trace ids of its own by fork: all that is there is one trace.
check_points()
{
	if [ -s "$POINTS" ]; then
		"$OSPROFILER" trace check --connection-string "file://$POINTS" \
			"$BASE" >"$WORK/check" 2>&1
	else
		: >"$WORK/check"
	fi
	[ ! -s "$WORK/check" ] && [ ! -s "$WORK/drain.err" ]
}

# For one file: the outcomes are the same, the traces are whole.
compare_file()
{
	local mode

	# Expects that SQLite has no memory left when all is closed, but it keeps a
	# list of who is to be told of new connections.
	[ "${1##*/}" != memsubsys2.test ] || return
	run_file bare "$1"
	if ! grep -q ' errors$' "$SUITE/bare"; then
		not_run+=("${1##*/}")
		return
	fi
	for mode in hook wrapper; do
		run_traced "$mode" "$1"
		local whole=$?

		if cmp -s "$SUITE/bare" "$SUITE/$mode"; then
			same[$mode]=$((${same[$mode]:-0} + 1))
		else
			differ+=("${1##*/} by the $mode")
			diff "$SUITE/bare" "$SUITE/$mode" | head -n 10 | sed 's/^/# /'
		fi
		if [ $whole -ne 0 ]; then
			broken+=("${1##*/} by the $mode")
			head -n 3 "$WORK/check" "$WORK/drain.err" | sed 's/^/# /'
		fi
	done
}

# Python's own tests of the module, of the source package; what they need of
# Python's other tests is installed.
run_python_tests()
{
	(cd "$WORK" && "$@" /usr/bin/python3 -c '
import sys, test, unittest
test.__path__.append(sys.argv[1])
names = "dbapi hooks regression transactions types factory userfunctions"
unittest.main(module=None, argv=["python3"] + [
    "test.test_sqlite3.test_" + name for name in names.split()])
' "$(echo "$SUITE"/Python-3*/Lib/test)")
}

check_python()
{
	run_python_tests env >"$SUITE/python.bare" 2>&1
	rm -rf "$WORK/run" "$POINTS"
	run_python_tests preloaded >"$SUITE/python.traced" 2>&1
	is "$(python_outcome traced)" "$(python_outcome bare)" \
		"Python's tests of sqlite3: $(python_outcome bare)"
	whole_trace "Python's tests of sqlite3: the trace is whole"
	echo "# $(statements) statements"
}

python_outcome()
{
	grep -E '^(FAIL|ERROR|Ran|OK|FAILED)' "$SUITE/python.$1" |
		sed 's/ in [0-9.]*s//' | tr '\n' ' '
}

begin_tests
SUITE=${SUITE_DIR:-$WORK/suite}
mkdir -p "$SUITE/scratch"
export OSPROFILER_ON_FULL=wait OSPROFILER_RING_SIZE=64MB
if [ ! -x "$SUITE/build/fixture" ]; then
	fetch_sources && (build_fixture)
	ok $? "SQLite's tests: fetched and built"
fi
SOURCE=$(echo "$SUITE"/sqlite3-*/)
export SOURCE
ln -sfn "$SOURCE" "$SUITE/source"
write_prelude
if [ $# -eq 0 ]; then
	mapfile -t files < <(list_files)
else
	files=("${@/#/$SUITE/source/}")
fi
differ=()
broken=()
not_run=()
declare -A same points
for file in "${files[@]}"; do
	compare_file "$file"
	echo "# ${file##*/}: $(grep -h ' errors$' "$SUITE/bare")"
done
echo "# not made to be run alone: ${not_run[*]}"
echo "# ${#files[@]} files, the same by the hook ${same[hook]:-0}, by the wrapper ${same[wrapper]:-0}"
echo "# points by the hook ${points[hook]:-0}, by the wrapper ${points[wrapper]:-0}"
[ "${#files[@]}" -gt 0 ] && [ ${#differ[@]} -eq 0 ]
ok $? "SQLite's tests: the same pass and fail${differ[*]:+, but for ${differ[*]}}"
[ ${#broken[@]} -eq 0 ]
ok $? "SQLite's tests: every trace is whole${broken[*]:+, but for ${broken[*]}}"
[ "${points[hook]:-0}" -gt 0 ] && [ "${points[wrapper]:-0}" -gt 0 ]
ok $? "SQLite's tests: traced both ways"
check_python
end_tests
