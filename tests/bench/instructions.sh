# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: counts the instructions of one operation.
#
# instructions COMMAND...: runs COMMAND with two counts appended in turn, under
# callgrind, and prints the difference of one operation. Start-up and shut-down
# fall out, and the result is the same whatever else the machine does.

instructions() {
	local few=1000 many=3000 a b
	a=$(instructions_total "$@" "$few") || return 1
	b=$(instructions_total "$@" "$many") || return 1
	echo $(((b - a) / (many - few)))
}

instructions_total() {
	local log
	log=$(mktemp)
	if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" \
		>/dev/null 2>"$log"; then
		cat "$log" >&2
		rm -f "$log"
		return 1
	fi
	sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$log"
	rm -f "$log"
}
