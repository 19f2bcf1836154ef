#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ways_in.t
#	  The examples of docs/sqlite.md, "Ways in", as they stand there.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh

# The n-th block of a section.
section="Ways in"
block()
{
	awk -v n="$1" -v section="## $section" '/^## / { inside = $0 == section }
		inside && /^```/ { open = !open; if (open) count++; next }
		inside && open && count == n' ../../docs/sqlite.md
}

# The commands of a block: what is typed into the shell of SQLite is its input.
commands()
{
	block "$1" | sed "s|/usr/local/lib/osprofiler|$SQLITE_LIBRARY|" | awk '
		/^\$ / { if (held != "") print held; held = substr($0, 3); next }
		/^sqlite> / { if (held != "") print held " <<\\END"; held = ""
			print substr($0, 9); typed = 1 }
		END { if (typed) print "END"; else if (held != "") print held }'
}

run_commands()
{
	for number in "$@"; do commands "$number"; done >"$WORK/commands"
	(cd "$WORK" && PATH="$BUILD/bin:$PATH" OSPROFILER_RUN_DIR="$WORK/run" \
		XDG_STATE_HOME="$WORK/state" \
		bash -eu "$WORK/commands") >"$WORK/out" 2>&1
}

begin_tests

# compile_and_run: the program of block 1 by the commands of block 2, with the compiler's
# line, too.
compile_and_run()
{
	block 1 >"$WORK/app.c"
	commands 2 | sed "s|^gcc|${CC:-gcc} -Wall -Werror ${SANITIZE:+-fsanitize=$SANITIZE}|" >"$WORK/commands"
	libraries=$SQLITE_LIBRARY:$BUILD/common
	top=$(cd ../.. && pwd)
	(cd "$WORK" && C_INCLUDE_PATH=$top/common/include:$top/sqlite_osprofiler/include \
		LIBRARY_PATH=$libraries LD_LIBRARY_PATH=$libraries PATH="$BUILD/bin:$PATH" \
		OSPROFILER_HOOK_PATH=$SQLITE_LIBRARY:$BUILD/client_hooks XDG_STATE_HOME="$WORK/state" \
		OSPROFILER_DRIVER_PATH=$BUILD/drivers \
		OSPROFILER_RUN_DIR=$WORK/run bash -eu "$WORK/commands") >"$WORK/out" 2>&1
}

compile_and_run
ok $? "the application: compiles and runs"
is "$(cat "$WORK/out")" "" "the application: says nothing"
drain
is "$(tree)" "sqlite  SELECT 1  1 row" "the application: is traced"

run_commands 3
is "$(cat "$WORK/out")" 0 ".load: runs"
drain
is "$(tree)" "sqlite  SELECT count(*) FROM sqlite_schema;  1 row" \
	".load: is traced"

run_commands 4
is "$(cat "$WORK/out")" 0 "preload: runs"
drain
is "$(tree)" "sqlite  SELECT count(*) FROM sqlite_schema  1 row
sqlite  SELECT 1  1 row" "preload: is traced"

# As a reader types it, to the end.
run_commands 4 5
grep -q 'sqlite .*SELECT count' "$WORK/out"
ok $? "preload and agent: the trace is shown"
grep -q 'sqlite .*SELECT 1' "$WORK/out"
ok $? "preload and agent: to its end"
run_commands 3 5
grep -q 'sqlite .*SELECT count' "$WORK/out"
ok $? ".load and agent: the trace is shown"

# What is asked for now and then: the program alone is not traced, under run it is.
section="For good, at no cost until asked"
# The tree of the trace that run has made, without times.
run_tree()
{
	base=$(sed -n 's/^Trace ID: //p' "$WORK/out")
	XDG_STATE_HOME="$WORK/state" OSPROFILER_RUN_DIR=$WORK/run OSPROFILER_DRIVER_PATH=$BUILD/drivers \
		"$BUILD/bin/osprofiler" trace show "$base" | sed -n 's/^.*\(import\|SELECT 1\).*$/\1/p'
}

compile_and_run
ok $? "for good: compiles and runs"
is "$(grep -c '^Trace ID: ' "$WORK/out")" 1 "for good: is traced once"
is "$(run_tree)" "import
SELECT 1" "for good: with its operation"

block 3 >"$WORK/app.py"
is "$(cd "$WORK" && /usr/bin/python3 app.py 2>&1)" "" "for good, Python: runs without the library"
echo "\$ osprofiler run --hmac-key SECRET_KEY -- /usr/bin/python3 app.py" |
	sed 's/^\$ //' >"$WORK/commands"
(cd "$WORK" && PATH="$BUILD/bin:$PATH" OSPROFILER_RUN_DIR="$WORK/run" XDG_STATE_HOME="$WORK/state" \
	OSPROFILER_HOOK_PATH=$SQLITE_LIBRARY:$BUILD/client_hooks OSPROFILER_DRIVER_PATH=$BUILD/drivers \
	bash -eu "$WORK/commands") >"$WORK/out" 2>&1
ok $? "for good, Python: runs under run"
is "$(run_tree)" "import
SELECT 1" "for good, Python: with its operation, and nothing of the probe"

end_tests
