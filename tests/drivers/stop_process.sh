#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# stop_process.sh PID
#	  Stops a process in its tracks, and waits until each of its threads stands: on
#	  a busy machine some of them go on for a moment.
set -u

kill -STOP "$1" || exit 1
for _ in $(seq 500); do
	grep -L '^State:[[:space:]]*[TZX]' /proc/"$1"/task/*/status 2>/dev/null |
		grep -q . || exit 0
	sleep 0.01
done
exit 1
