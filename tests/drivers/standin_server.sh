#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# standin_server.sh
#	  A stand-in for a server that Debian has no package of, on loopback, with all of
#	  its files in DIR.
#
#   standin_server.sh start DIR PROGRAM [options of PROGRAM]
#       starts PROGRAM, which is in the directory of this, and prints its port: the
#       one it had in DIR before, else a free one
#   standin_server.sh stop DIR      ends it
#   standin_server.sh kill DIR      ends it with SIGKILL
#   standin_server.sh pause DIR     stops it in its tracks; resume goes on
set -u

start() {
	local dir=$1 port
	port=$(cat "$dir/port" 2>/dev/null || echo 0)
	rm -f "$dir/port"
	/usr/bin/python3 "$(dirname "$0")/$2" "$dir" "$port" \
		"${@:3}" >"$dir/log" 2>&1 </dev/null &
	echo $! >"$dir/pid"
	for _ in $(seq 400); do
		[ -s "$dir/port" ] && break
		sleep 0.05
	done
	cat "$dir/port"
	echo
}

# Ends the server and waits until it is gone.
finish() {
	local dir=$1 signal=$2 pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 0
	kill "-$signal" "$pid" 2>/dev/null
	for _ in $(seq 200); do
		[ -e "/proc/$pid/exe" ] || break # gone, or a zombie
		sleep 0.02
	done
	rm -f "$dir/pid"
}

command=$1
shift
case $command in
start) start "$@" ;;
stop) finish "$1" TERM ;;
kill) finish "$1" KILL ;;
pause) bash "$(dirname "$0")/stop_process.sh" "$(cat "$1/pid")" ;;
resume) kill -CONT "$(cat "$1/pid")" ;;
*)
	echo "unknown command $command" >&2
	exit 2
	;;
esac
