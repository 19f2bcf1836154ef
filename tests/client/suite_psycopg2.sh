#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# suite_psycopg2.sh
#	  psycopg2's own tests, with and without tracing.
#
# Takes them from Debian's source package, of any release, and runs them with the
# installed psycopg2: its blocking way, and its "green" one, where every statement
# is an asynchronous one. What passes, fails and is skipped must be the same, test
# by test, and the trace must be whole.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/client/suite_lib.sh
. ./suite_lib.sh

suite_setup $'fsync = off\nwal_level = logical\nmax_prepared_transactions = 10'
export PSYCOPG2_TESTDB=$PGDATABASE PSYCOPG2_TEST_REPL_DSN=
suite_source psycopg2 '*/tests'
"$PG_BIN/psql" -Xq -c 'CREATE EXTENSION hstore' || true

run_suite() {
	local out=$1
	shift
	(cd "$SUITE_WORK/source" && "$@" /usr/bin/python3 -c \
		"import tests; tests.unittest.main(defaultTest='tests.test_suite')" \
		--verbose) >"$out" 2>&1 </dev/null || true
	grep -E '^test.* \.\.\. ' "$out" | sort >"$out.verdicts"
}

compare() {
	local name=$1 plain=$SUITE_WORK/$1.plain traced=$SUITE_WORK/$1.traced

	run_suite "$plain"
	run_suite "$traced" "$BUILD/bin/osprofiler" run --
	echo "# $name: $(grep -c 'ok$' "$plain.verdicts") of" \
		"$(wc -l <"$plain.verdicts") tests pass untraced," \
		"$(grep -c 'ok$' "$traced.verdicts") traced"
	suite_is "$name: tests were run" test "$(wc -l <"$plain.verdicts")" -gt 500
	suite_is "$name: the same verdicts" diff "$plain.verdicts" "$traced.verdicts"
	suite_whole "$name" "$traced"
}

compare blocking
PSYCOPG2_TEST_GREEN=1 compare green
suite_done
