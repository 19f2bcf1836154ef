#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the PostgreSQL extension costs.
#
# Instructions of one prepared SELECT in the backend, by callgrind: without the
# extension, with it and nothing traced, with every statement traced: statements
# alone, the kinds of points that are the default, plan nodes. Then transactions
# per second of pgbench on one core, the same in turn.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/pg_cluster.sh
. ./pg_cluster.sh

: "${BUILD:?run me by: make bench-pg}"
trap pg_cleanup EXIT
pg_setup "$BUILD"
context=$(pg_context_options)

# The backend of a run is the process that executed most.
run_instructions() {
	local name=$1 count=$2
	rm -rf "$PG_WORK/vg"
	as_server mkdir "$PG_WORK/vg"
	pg_start "$name" valgrind --tool=callgrind --trace-children=yes \
		--trace-children-skip='*/osprofiler' --callgrind-out-file=/dev/null \
		--log-file="$PG_WORK/vg/%p.log"
	pg_client "$name" pgbench -n -S -M prepared -c 1 -t "$count" bench \
		>/dev/null 2>&1
	# The backend writes its log when it has ended.
	sleep 2
	sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$PG_WORK"/vg/*.log |
		sort -n | tail -n 1
	pg_stop "$name"
}

instructions_of() {
	local few many
	few=$(PG_OPTIONS=$2 run_instructions "$1" 1000)
	many=$(PG_OPTIONS=$2 run_instructions "$1" 3000)
	echo $(((many - few) / 2000))
}

echo "== PostgreSQL: instructions of a prepared SELECT (pgbench -S -M prepared)"
bare=$(instructions_of bare "")
printf '%-28s %7d\n' "without the extension" "$bare"
loaded=$(instructions_of traced "")
printf '%-28s %7d  (%+d)  aim +150\n' "loaded, nothing traced" "$loaded" $((loaded - bare))
traced=$(instructions_of traced "$context")
printf '%-28s %7d  (%+d)  aim +2500\n' "every statement traced" "$traced" $((traced - bare))
default=$(instructions_of traced "$context -c osprofiler.points=$PG_DEFAULT_POINTS")
printf '%-28s %7d  (%+d)\n' "default points" "$default" $((default - bare))
nodes=$(instructions_of traced "$context -c osprofiler.points=statement,node")
printf '%-28s %7d  (%+d)  aim +10000\n' "with plan nodes" "$nodes" $((nodes - bare))

pg_start traced taskset -c 0
# The shipper belongs on another core, as it has one in production: each of its
# threads.
PG_OPTIONS=$context pg_client traced psql -qAtc 'SELECT 1' bench >/dev/null
sleep 2
for pid in $(pgrep -f "$PG_WORK/osprofiler agent"); do
	taskset -acp 1 "$pid" >/dev/null
done
./pg_tps.py "$PG_WORK" "$PG_BIN" "$context" "$PG_DEFAULT_POINTS"
