#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# suite_pipeline.sh [DIR]
#	  libpq's own test of pipelines, with and without tracing.
#
# Takes libpq_pipeline.c from PostgreSQL's source package, or from DIR if it was
# unpacked there. Each of its tests must pass traced, its trace must be whole, and
# the messages it sent (PQtrace) must be the same where the server is not told.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/client/suite_lib.sh
. ./suite_lib.sh

suite_setup 'fsync = off'
source=${1:-}
if [ -z "$source" ]; then
	suite_source "postgresql-$("$PG_BIN/postgres" -V | sed 's/.* \([0-9]*\)\..*/\1/')" \
		'*/src/test/modules/libpq_pipeline/*'
	source=$SUITE_WORK/source
fi
program=$SUITE_WORK/libpq_pipeline
file=$(find "$source" -name libpq_pipeline.c | head -n 1)
server=$(pg_config --includedir-server)
cc -O1 -I"$server" -I"$(pg_config --includedir)" -o "$program" "$file" \
	-L"$(pg_config --pkglibdir)" -L"$(pg_config --libdir)" -lpgcommon -lpgport -lpq -lm

# Which messages these two send depends on how fast the server answers.
unsteady=' pipelined_insert uniqviol '

for name in $("$program" tests); do
	suite_traced "$name, traced" "$program" "$name"
	suite_plain "$name" "$program" -t "$SUITE_WORK/plain" "$name"
	OSPROFILER_PROPAGATE=none suite_traced "$name, the server not told" \
		"$program" -t "$SUITE_WORK/traced" "$name"
	[[ $unsteady == *" $name "* ]] || suite_is "$name: the same messages" \
		cmp "$SUITE_WORK/plain" "$SUITE_WORK/traced"
done
suite_done
