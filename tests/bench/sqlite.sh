#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What tracing costs a SQLite statement: ns (least of several runs, all ways in
# turn) and instructions, each also as the difference to the same program with
# nothing attached. Statistics are off but where they are named.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/bench/instructions.sh
. ./instructions.sh

dir=${BUILD:?run me by: make bench-sqlite}/tests/bench
export BENCH_EXTENSION=$BUILD/sqlite_osprofiler/osprofiler
export OSPROFILER_SQLITE_POINTS=nested,triggers,rows
rounds=${ROUNDS:-15}
modes=(off wrapper-idle wrapper wrapper-stats hook-off hook-idle hook)

# mode ARGUMENTS...: the program that this mode is of.
run_mode() {
	case $1 in
		hook-off) shift && "$dir/bench_sqlite_hook" off "$@" ;;
		hook*) "$dir/bench_sqlite_hook" "$@" ;;
		*) "$dir/bench_sqlite" "$@" ;;
	esac
}

program_of() {
	case $1 in
		hook-off) echo "$dir/bench_sqlite_hook" off ;;
		hook*) echo "$dir/bench_sqlite_hook" "$1" ;;
		*) echo "$dir/bench_sqlite" "$1" ;;
	esac
}

declare -A ns
for ((round = 0; round < rounds; round++)); do
	for mode in "${modes[@]}"; do
		# shellcheck disable=SC2034
		read -r select insert < <(run_mode "$mode")
		for work in select insert; do
			key=$mode.$work
			if [ -z "${ns[$key]:-}" ] ||
				awk "BEGIN { exit !(${!work} < ${ns[$key]}) }"; then
				ns[$key]=${!work}
			fi
		done
	done
done

declare -A count
echo "== sqlite: one statement (prepared: step and reset)"
for work in select insert; do
	for mode in "${modes[@]}"; do
		base=off
		[[ $mode != hook* ]] || base=hook-off
		# shellcheck disable=SC2046
		count[$mode.$work]=$(instructions $(program_of "$mode") "$work")
		awk -v mode="$mode" -v work="$work" -v ns="${ns[$mode.$work]}" \
			-v base="${ns[$base.$work]}" -v n="${count[$mode.$work]}" \
			-v nbase="${count[$base.$work]}" 'BEGIN {
			printf "%-14s %-7s %8.1f ns  %+7.1f ns  %5.2f times  [%d instructions, %+d]\n",
				mode, work, ns, ns - base, ns / base, n, n - nbase }'
	done
done
