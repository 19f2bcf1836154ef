#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# redis_server.sh
#	  A redis-server of the tests' own, on loopback and on a socket in DIR.
#
#   redis_server.sh start DIR [options of redis-server]
#       starts it and prints its port: the one it had in DIR before, else a free
#       one. Nothing is kept on disk. Exit 77: there is no redis-server.
#       With REDIS_TLS=DIRECTORY the port speaks TLS, with the certificates that
#       redis_certificates.sh has made there; options may name others.
#   redis_server.sh stop DIR     ends it
#   redis_server.sh kill DIR     ends it with SIGKILL
set -u

is_up() {
	case $(redis-cli -s "$1/sock" ping 2>/dev/null) in
	PONG | *NOAUTH* | *LOADING* | *MASTERDOWN*) return 0 ;;
	*) return 1 ;;
	esac
}

start_on() {
	local dir=$1 port=$2
	shift 2
	local -a listen=(--port "$port")
	rm -f "$dir/sock" "$dir/pid"
	if [ -n "${REDIS_TLS:-}" ]; then
		listen=(--port 0 --tls-port "$port" --tls-auth-clients no
			--tls-ca-cert-file "$REDIS_TLS/ca.crt"
			--tls-cert-file "$REDIS_TLS/server.crt"
			--tls-key-file "$REDIS_TLS/server.key")
	fi
	redis-server "${listen[@]}" --bind 127.0.0.1 --unixsocket "$dir/sock" \
		--save '' --appendonly no --dir "$dir" --pidfile "$dir/pid" \
		--logfile "$dir/log" --daemonize yes "$@" >/dev/null || return 1
	for _ in $(seq 100); do
		is_up "$dir" && return 0
		sleep 0.05
	done
	return 1
}

start() {
	local dir=$1 port
	shift
	command -v redis-server >/dev/null && command -v redis-cli >/dev/null ||
		exit 77
	if [ -f "$dir/port" ]; then
		port=$(cat "$dir/port")
		start_on "$dir" "$port" "$@" || exit 1
	else
		for _ in 1 2 3 4 5; do
			port=$((20000 + RANDOM % 12000))
			start_on "$dir" "$port" "$@" && break
			port=
		done
		[ -n "$port" ] || exit 1
		echo "$port" >"$dir/port"
	fi
	echo "$port"
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
*)
	echo "unknown command $command" >&2
	exit 2
	;;
esac
