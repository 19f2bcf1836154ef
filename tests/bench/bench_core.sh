#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the core's hot paths cost: ns (least of several runs, in turn) and
# instructions of one operation.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/instructions.sh
. ./instructions.sh

prog=${BUILD:?run me by: make bench-core}/tests/bench/bench_core

echo "== core: one operation"
"$prog" | while read -r name rest; do
	printf '%-16s %s  [%s instructions]\n' "$name" "$rest" \
		"$(instructions "$prog" "$name")"
done
