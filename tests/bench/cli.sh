#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The osprofiler command beside the Python original, on the same Redis: one
# trace of 100,000 points shown as JSON, and a list of 10,000 traces. Wall
# seconds (least of five) and the largest resident memory. Then that a deep trace costs
# no more for each operation than a flat one: instructions, by callgrind.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/instructions.sh
. ./instructions.sh
ours=${BUILD:?run me by: make bench-cli}/bin/osprofiler
dir=$(mktemp -d)
trap '../drivers/redis_server.sh stop "$dir"; rm -rf "$dir"' EXIT

port=$(../drivers/redis_server.sh start "$dir")
/usr/bin/python3 ./cli_load.py | redis-cli -p "$port" --pipe >/dev/null
uri=redis://127.0.0.1:$port
trace=11111111-2222-4333-8444-555555555555

echo "== command: trace show --json of 100,000 points in Redis"
/usr/bin/python3 ./cli_run.py 5 "osprofiler (C)" \
	"$ours" trace show --json --connection-string "$uri" "$trace"
if [ -x /usr/bin/osprofiler ]; then
	/usr/bin/python3 ./cli_run.py 2 "osprofiler (Python)" \
		/usr/bin/osprofiler trace show --json --connection-string "$uri" "$trace"
fi
echo "== command: the tree of 100,000 points, and why it took so long"
"$ours" trace show --json --connection-string "$uri" "$trace" >"$dir/trace.json"
/usr/bin/python3 ./cli_run.py 5 "read, JSON" "$ours" trace show --json "$dir/trace.json"
/usr/bin/python3 ./cli_run.py 5 "read, findings" "$ours" trace explain "$dir/trace.json"
/usr/bin/python3 ./cli_run.py 5 "read, tree, findings" "$ours" trace show "$dir/trace.json"
/usr/bin/python3 ./cli_run.py 5 "the same, --all" "$ours" trace show --all "$dir/trace.json"
redis-cli -p "$port" del "osprofiler_opt:$trace" >/dev/null
/usr/bin/python3 ./cli_load.py traces | redis-cli -p "$port" --pipe >/dev/null
echo "== command: trace list of 10,000 traces in Redis"
/usr/bin/python3 ./cli_run.py 5 "osprofiler (C)" \
	"$ours" trace list --connection-string "$uri"
if [ -x /usr/bin/osprofiler ]; then
	/usr/bin/python3 ./cli_run.py 2 "osprofiler (Python)" \
		/usr/bin/osprofiler trace list --connection-string "$uri"
fi

echo "== command: why a trace took so long, of connections within each other"
for levels in 2000 8000; do
	/usr/bin/python3 ./cli_deep.py $levels >"$dir/deep.json"
	total=$(instructions_total "$ours" trace explain "$dir/deep.json")
	printf '%6d levels  %7d instructions of each\n' $levels $((total / levels))
done
