#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What libpq's hooks cost the client: instructions of one statement by callgrind
# (which counts SHA-1 without the processor's own instructions for it), the least
# time of one, and transactions of pgbench under `osprofiler run` to plain ones.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/instructions.sh
. ./instructions.sh
# shellcheck source=tests/bench/pg_cluster.sh
. ./pg_cluster.sh

: "${BUILD:?run me by: make bench-libpq}"
prog=$BUILD/tests/bench/bench_libpq
trap pg_cleanup EXIT
pg_setup "$BUILD"
pg_start bare taskset -c 0
export PGHOST=$PG_WORK PGPORT=5432 PGUSER=postgres PGDATABASE=bench

eval "$("$BUILD/bin/osprofiler" context new --hmac-key "$PG_KEY" --format env)"
run_dir=$(mktemp -d "${TMPDIR:-/tmp}/osprofiler-bench-run.XXXXXX")
# A ring that holds it all: no shipper takes part.
traced=(env LD_LIBRARY_PATH="$BUILD/client_hooks/shadow" OSPROFILER_RING_SIZE=64MB
	OSPROFILER_HMAC_KEYS="$PG_KEY" OSPROFILER_RUN_DIR="$run_dir")
unset_context=(env -u OSPROFILER_TRACE_INFO -u OSPROFILER_TRACE_HMAC)

count() {
	# shellcheck disable=SC2016
	"${@:2}" bash -c '. ./instructions.sh; instructions "$0" "$1"' "$prog" "$1"
	rm -f "$run_dir"/ring.*
}

least() {
	"${@:2}" taskset -c 0 "$prog" "$1"
	rm -f "$run_dir"/ring.*
}

row() {
	printf '%-44s %6d  (%+d)\n' "$1" "$2" $(($2 - bare))
}

for kind in exec prepared; do
	echo "== libpq, $kind: instructions of a statement in the client"
	bare=$(count $kind "${unset_context[@]}")
	row "without hooks" "$bare"
	n=$(count $kind "${unset_context[@]}" "${traced[@]}")
	row "with hooks, nothing traced" "$n"
	n=$(count $kind "${traced[@]}" OSPROFILER_PROPAGATE=none)
	row "traced, the server not told" "$n"
	if [ $kind = exec ]; then
		n=$(count $kind "${traced[@]}")
		row "traced, told by a signed comment" "$n"
	fi
done

echo "== libpq: least ns of a statement, client and server on one core"
for kind in exec prepared; do
	printf '%-10s without hooks %s, traced %s, and told %s\n' $kind \
		"$(least $kind "${unset_context[@]}")" \
		"$(least $kind "${traced[@]}" OSPROFILER_PROPAGATE=none)" \
		"$(least $kind "${traced[@]}")"
done

echo "== pgbench -S under osprofiler run, TPS to plain (shipper on the other core)"
export OSPROFILER_HOOK_PATH=$BUILD/client_hooks OSPROFILER_RUN_DIR=$run_dir
export OSPROFILER_CONNECTION_STRING=file://$run_dir/points.jsonl
tps() {
	"${@:2}" taskset -c 0 "$PG_BIN/pgbench" -n -S -M "$1" -T 1 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\) .*/\1/p'
	rm -f "$run_dir/points.jsonl"
}
for mode in simple prepared; do
	for _ in $(seq "${BENCH_ROUNDS:-15}"); do
		echo "$(tps $mode "${unset_context[@]}")" \
			"$(tps $mode "$BUILD/bin/osprofiler" run --hmac-key "$PG_KEY")"
	done | awk '{ print $2 / $1 }' | sort -n |
		awk -v mode=$mode '{ r[NR] = $1 }
			END { printf "%-10s %.3f  [%.3f .. %.3f]  median and quartiles of %d\n",
				mode, r[int((NR + 1) / 2)], r[int((NR + 3) / 4)], r[int((3 * NR + 1) / 4)], NR }'
done
rm -rf "$run_dir"
