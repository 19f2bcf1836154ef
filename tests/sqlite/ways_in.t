#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# ways_in.t
#	  The examples of docs/sqlite.md, "Ways in", as they stand there.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh

# The n-th block of that section.
block()
{
	awk -v n="$1" '/^## / { inside = $0 == "## Ways in" }
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

# With the compiler's line, too.
block 1 >"$WORK/app.c"
commands 2 | sed "s|^gcc|${CC:-gcc} -Wall -Werror ${SANITIZE:+-fsanitize=$SANITIZE}|" >"$WORK/commands"
libraries=$SQLITE_LIBRARY:$BUILD/common
top=$(cd ../.. && pwd)
(cd "$WORK" && C_INCLUDE_PATH=$top/common/include:$top/sqlite_osprofiler/include \
	LIBRARY_PATH=$libraries LD_LIBRARY_PATH=$libraries \
	OSPROFILER_RUN_DIR=$WORK/run bash -eu "$WORK/commands") >"$WORK/out" 2>&1
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

end_tests
