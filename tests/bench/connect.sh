#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the PostgreSQL extension adds to a new connection: loaded by
# session_preload_libraries, and by shared_preload_libraries. The ratios are within
# one run; each kind of connection is made once in each round. ROUNDS=500.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/pg_cluster.sh
. ./pg_cluster.sh

: "${BUILD:?run me by: make bench-connect}"
trap pg_cleanup EXIT
BENCH_SCALE=1
pg_setup "$BUILD"
as_server tee -a "$PG_WORK/bare/postgresql.conf" >/dev/null <<-EOF
	shared_preload_libraries = '$PG_WORK/osprofiler.so'
	osprofiler.hmac_keys_file = '$PG_WORK/keys'
	osprofiler.connection_string = 'file://$PG_WORK/points'
	osprofiler.run_directory = '$PG_WORK/run'
	osprofiler.agent = '$PG_WORK/osprofiler'
EOF
pg_start bare
pg_start traced

place() {
	echo "host=$PG_WORK port=$(pg_port "$1") dbname=bench ${2:-}"
}

none="options='-c session_preload_libraries='"
echo "== PostgreSQL: a new connection and SELECT 1"
as_server "$BUILD/tests/bench/bench_connect" "${ROUNDS:-500}" \
	"without the extension" "$(place traced "$none")" \
	"the same (the noise)" "$(place traced "$none")" \
	"session_preload_libraries" "$(place traced)" \
	"shared_preload_libraries" "$(place bare)"
