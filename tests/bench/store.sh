#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sqlite driver by itself: traces of 4 and of 26 notifications, in batches of
# two sizes; then a store of BENCH_TRACES (1,000,000) traces: lists, traces, and
# half of them removed beside a writer.
set -euo pipefail
cd "$(dirname "$0")"

: "${BUILD:?run me by: make bench-store}"
traces=${BENCH_TRACES:-1000000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bench=$BUILD/tests/bench/bench_store
uri="sqlite:///$dir/traces.db?keep=0&max_size=0"

echo "== store: a batch is one transaction"
for per_trace in 4 26; do
	for batch in 100 400; do
		rm -f "$dir"/traces.db*
		echo -n "$per_trace in a trace: "
		"$bench" write "$uri" $((400000 / per_trace)) $per_trace $batch
	done
done

echo "== store: $traces traces"
rm -f "$dir"/traces.db*
"$bench" write "$uri" "$traces" 4 400
"$bench" read "$uri"
echo "half of the traces removed beside a writer:"
middle=$(sqlite3 "$dir/traces.db" "SELECT first_us * 1000 FROM trace
	ORDER BY first_us LIMIT 1 OFFSET $((traces / 2))")
BENCH_OLDER_THAN_NS=$middle "$bench" prune "$uri"
