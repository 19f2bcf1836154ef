# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# sqlite_lib.sh
#	  What the scripts of this directory share. To be sourced.
#
# Needs BUILD (make gives it). Every test gets a run directory of its own, whose
# rings are emptied into $POINTS by `drain`.

BUILD=${BUILD:?run me by: make check}
SQLITE_LIBRARY=$BUILD/sqlite_osprofiler
PRELOAD=$SQLITE_LIBRARY/sqlite_preload.so
OSPROFILER=$BUILD/bin/osprofiler
KEY=SECRET_KEY
tests=0
failures=0

begin_tests()
{
	WORK=$(mktemp -d /tmp/osprofiler-sqlite-XXXXXX)
	trap 'rm -rf "$WORK"' EXIT
	POINTS=$WORK/points
	export OSPROFILER_DRIVER_PATH=$BUILD/drivers
	unset OSPROFILER_CONF OSPROFILER_TRACE_INFO OSPROFILER_TRACE_HMAC
	eval "$("$OSPROFILER" context new --hmac-key "$KEY" --format env |
		sed 's/^export OSPROFILER_/CONTEXT_/')"
	BASE=$(base64 -d <<<"$CONTEXT_TRACE_INFO" |
		sed 's/.*"base_id": "\([^"]*\)".*/\1/')
}

end_tests()
{
	echo "1..$tests"
	[ "$failures" -eq 0 ]
}

# ok STATUS NAME
ok()
{
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
		return 0
	fi
	failures=$((failures + 1))
	echo "not ok $tests - $2"
	return 0
}

# is GOT EXPECTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
		return
	fi
	ok 1 "$3"
	diff <(echo "$2") <(echo "$1") | sed 's/^/# /'
}

# Runs a command with a context in the environment.
with_context()
{
	OSPROFILER_HMAC_KEYS=${OSPROFILER_HMAC_KEYS-$KEY} \
		OSPROFILER_RUN_DIR=${OSPROFILER_RUN_DIR-$WORK/run} \
		OSPROFILER_TRACE_INFO=$CONTEXT_TRACE_INFO \
		OSPROFILER_TRACE_HMAC=${OSPROFILER_TRACE_HMAC-$CONTEXT_TRACE_HMAC} "$@"
}

# The same, preloaded. (env: a function cannot have LD_PRELOAD for itself only.)
preloaded()
{
	with_context env LD_PRELOAD="${ASAN_LIBRARY:+$ASAN_LIBRARY:}$PRELOAD" "$@"
}

# Empties the rings into $POINTS, which is new.
drain()
{
	rm -f "$POINTS"
	"$BUILD/tests/sqlite/drain" "$WORK/run" "$POINTS" 2>"$WORK/drain.err" ||
		touch "$POINTS"
}

# How many statements ended, in what was drained last.
statements()
{
	grep -c '"name": "sqlite-stop"' "$POINTS" || true
}

# Drains; is the trace whole?
whole_trace()
{
	drain
	"$OSPROFILER" trace check --connection-string "file://$POINTS" "$BASE" \
		>"$WORK/check" 2>&1 && [ ! -s "$WORK/drain.err" ]
	ok $? "$1"
	sed 's/^/# /' "$WORK/check" "$WORK/drain.err"
}

# The tree of what was drained last, without times. On a busy machine even a program that
# does nothing between two rows may pause there.
tree()
{
	"$BUILD/tests/sqlite/tree" "$POINTS" |
		sed -E 's/  \([0-9.]+ [a-z]+ between its rows\)$//'
}

# tree_is NAME <expected
tree_is()
{
	is "$(tree)" "$(cat)" "$1"
}

# tree_has NAME LINE
tree_has()
{
	tree | grep -qxF -e "$2"
	ok $? "$1"
}
