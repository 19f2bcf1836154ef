#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the PostgreSQL extension costs.
#
# Instructions of one prepared SELECT in the backend, by callgrind: of a session that
# does not load the extension, of one that does with nothing traced, and with every
# statement traced: statements alone, without nodes of slow ones; what is recorded by
# default, under a context, sampled, and sampled where all are too short to be recorded;
# plan nodes. Then the time that is added to it, and to a transaction
# like TPC-B's, by these and by pg_stat_statements; then transactions per second of
# pgbench on one core, the same in turn.
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
	local count=$1
	rm -rf "$PG_WORK/vg"
	as_server mkdir "$PG_WORK/vg"
	pg_start traced valgrind --tool=callgrind --trace-children=yes \
		--trace-children-skip='*/osprofiler' --callgrind-out-file=/dev/null \
		--log-file="$PG_WORK/vg/%p.log"
	# The same accounts in the same order each time.
	pg_client traced pgbench -n -S -M prepared -c 1 -t "$count" --random-seed=1 \
		bench >/dev/null 2>&1
	# The backend writes its log when it has ended.
	sleep 2
	sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$PG_WORK"/vg/*.log |
		sort -n | tail -n 1
	pg_stop traced
}

# By the difference of two runs, for what comes once is not of interest. All are of one
# cluster: two differ by some 170 instructions.
instructions_of() {
	local few many
	few=$(PG_OPTIONS=$1 run_instructions 1000)
	many=$(PG_OPTIONS=$1 run_instructions 3000)
	echo $(((many - few) / 2000))
}

instructions() {
	local label=$1 options=$2 aim=${3:-} count
	count=$(instructions_of "$options")
	printf '%-28s %7d  (%+d)%s\n' "$label" "$count" $((count - bare)) "${aim:+  aim $aim}"
}

echo "== PostgreSQL: instructions of a prepared SELECT (pgbench -S -M prepared)"
bare=$(instructions_of "-c session_preload_libraries=")
printf '%-28s %7d\n' "without the extension" "$bare"
instructions "loaded, nothing traced" "" +150
instructions "every statement traced" "$context -c osprofiler.node_min_duration=-1" +1600
instructions "default points" "$context -c osprofiler.points=$PG_DEFAULT_POINTS"
instructions "the same, sampled" "-c osprofiler.sample_rate=1 -c osprofiler.points=$PG_DEFAULT_POINTS"
instructions "sampled, with min_duration" "-c osprofiler.sample_rate=1 -c osprofiler.min_duration=100 -c osprofiler.points=$PG_DEFAULT_POINTS"
instructions "with plan nodes" "$context -c osprofiler.points=statement,node" +10000

# On one core, with the shipper on another, as it has one in production: each of
# its threads.
start_on_one_core() {
	pg_start traced taskset -c 0
	PG_OPTIONS=$context pg_client traced psql -qAtc 'SELECT 1' bench >/dev/null
	sleep 2
	for pid in $(pgrep -f "$PG_WORK/osprofiler agent"); do
		taskset -acp 1 "$pid" >/dev/null
	done
}

# Settings of a session that turn tracing on, for these kinds of points, and what
# turns it and the peer off. pg_stat_statements sums up times where we record
# each.
sql_off="RESET osprofiler.trace_info; RESET osprofiler.trace_hmac; RESET osprofiler.node_min_duration; SET pg_stat_statements.track = 'none'"
sql_on() {
	printf "%s; SET osprofiler.points = '%s'" "$sql_off" "$1"
	printf '%s' "$context" |
		sed "s/-c \([a-z_.]*\)=\([^ ]*\) */; SET \1 = '\2'/g"
}

as_server cp "$PG_WORK/traced/postgresql.conf" "$PG_WORK/traced.conf"
as_server tee -a "$PG_WORK/traced/postgresql.conf" >/dev/null <<-EOF
	shared_preload_libraries = 'pg_stat_statements'
	pg_stat_statements.track = none
EOF
start_on_one_core
while sleep 1 && [ -f "$PG_WORK/traced/postmaster.pid" ]; do
	truncate -s 0 "$PG_WORK/points"
done &
for work in select tpcb; do
	echo "== PostgreSQL: what is added to pgbench's $work, prepared, in turns of one session on one core"
	pg_client traced env PGDATABASE=bench taskset -c 0 "$BUILD/tests/bench/bench_pg" "$work" \
		"nothing traced" "$sql_off" \
		"the same (the noise)" "$sql_off" \
		"every statement traced" "$(sql_on statement); SET osprofiler.node_min_duration = -1" \
		"default points" "$(sql_on "$PG_DEFAULT_POINTS")" \
		"with plan nodes" "$(sql_on statement,node)" \
		"pg_stat_statements" "$sql_off; SET pg_stat_statements.track = 'top'"
done
pg_stop traced
as_server cp "$PG_WORK/traced.conf" "$PG_WORK/traced/postgresql.conf"

# The other core is busy all the time. Where two cores share a processor's units,
# as those of virtual machines may, one that is busy takes some 2 % from the other,
# and only traced sessions would be charged for it, by the shipper's work.
start_on_one_core
taskset -c 1 chrt --idle 0 sh -c 'while :; do :; done' &
busy=$!
trap 'kill "$busy"; pg_cleanup' EXIT
./pg_tps.py "$PG_WORK" "$PG_BIN" "$context" "$PG_DEFAULT_POINTS"
