#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The default path at the rate of a busy server, for SECONDS (480) each into
# sqlite and redis: TPC-B with 8 clients, every statement sampled, while client,
# server, agent and collector share the processors, and `trace list` and `trace
# show` run in a loop beside it. See soak.py for what is printed. BENCH_FSYNC=on has the
# server wait for its disk, as servers do.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/pg_cluster.sh
. ./pg_cluster.sh

: "${BUILD:?run me by: make bench-soak}"
seconds=${SECONDS_EACH:-480}
redis=$(mktemp -d)
clean_up() {
	pg_cleanup
	../drivers/redis_server.sh stop "$redis"
	rm -rf "$redis"
}
trap clean_up EXIT
pg_setup "$BUILD"
as_server mkdir "$PG_WORK/store"
port=$(../drivers/redis_server.sh start "$redis")
as_server cp "$PG_WORK/traced/postgresql.conf" "$PG_WORK/traced.conf"

for collector in sqlite redis; do
	case $collector in
	sqlite) uri="sqlite:///$PG_WORK/store/traces.db?keep=0&max_size=0" ;;
	redis) uri="redis://127.0.0.1:$port" ;;
	esac
	as_server cp "$PG_WORK/traced.conf" "$PG_WORK/traced/postgresql.conf"
	as_server tee -a "$PG_WORK/traced/postgresql.conf" >/dev/null <<-EOT
		osprofiler.connection_string = '$uri'
		osprofiler.points = '$PG_DEFAULT_POINTS'
	EOT
	pg_start traced
	echo "== soak: TPC-B into $collector for $seconds s"
	# As the server's user, who alone may read its counters.
	as_server env OSPROFILER_DRIVER_PATH="$PG_WORK/drivers" /usr/bin/python3 - \
		"$PG_WORK" "$PG_BIN" "$PG_WORK/osprofiler" "$uri" "$seconds" <soak.py
	pg_stop traced
done
