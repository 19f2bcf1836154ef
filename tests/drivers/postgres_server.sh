#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# postgres_server.sh
#	  A PostgreSQL of the tests' own, on loopback, with all of its files in DIR.
#
#   postgres_server.sh start DIR [options of postgres]
#       starts it and prints its port: the one it had in DIR before, else a free
#       one. Exit 77: there is no PostgreSQL.
#   postgres_server.sh stop DIR     ends it
#   postgres_server.sh kill DIR     ends it with SIGKILL
#   postgres_server.sh pause DIR    stops its sessions in their tracks; resume goes on
#
# Users: postgres; locked, whose password is "pass word", without any rights. It
# runs as whoever calls this, or as the user postgres for root.
set -u

bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null)

as_owner() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
	else
		"$@"
	fi
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

make_cluster() {
	local dir=$1
	[ "$(id -u)" -ne 0 ] || chown postgres "$dir"
	as_owner "$bindir/initdb" -D "$dir/data" -U postgres -A trust --no-sync -E UTF8 \
		--no-locale >"$dir/initdb.log" 2>&1 || return 1
	sed -i '1i host all locked 127.0.0.1/32 scram-sha-256' "$dir/data/pg_hba.conf"
}

start_server() {
	local dir=$1 port=$2
	shift 2
	(cd / && as_owner "$bindir/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 -s \
		-o "-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off $*" start) \
		>/dev/null 2>&1 </dev/null
}

start() {
	local dir=$1 port new=no
	shift
	[ -n "$bindir" ] && [ -x "$bindir/postgres" ] || exit 77
	if [ ! -d "$dir/data" ]; then
		make_cluster "$dir" || exit 1
		free_port >"$dir/port"
		new=yes
	fi
	port=$(cat "$dir/port")
	start_server "$dir" "$port" "$@" || exit 1
	if [ $new = yes ]; then
		"$bindir/psql" -X -q -h 127.0.0.1 -p "$port" -U postgres -d postgres -c \
			"CREATE ROLE locked LOGIN PASSWORD 'pass word'" >&2 || exit 1
	fi
	echo "$port"
}

server_pid() {
	head -n 1 "$1/data/postmaster.pid" 2>/dev/null
}

# Ends every process of the server, which cannot say anything then.
kill_server() {
	local pid
	pid=$(server_pid "$1") || return 0
	kill -STOP "$pid"
	# shellcheck disable=SC2046
	kill -KILL $(ps -o pid= --ppid "$pid") "$pid" 2>/dev/null
	for _ in $(seq 200); do
		[ -e "/proc/$pid/exe" ] || break # gone, or a zombie
		sleep 0.02
	done
	rm -f "$1/data/postmaster.pid" "$1"/.s.PGSQL.*
}

signal_sessions() {
	local pid
	pid=$(server_pid "$2")
	# shellcheck disable=SC2046
	kill "-$1" "$pid" $(ps -o pid= --ppid "$pid")
}

command=$1
shift
case $command in
start) start "$@" ;;
stop) (cd / && as_owner "$bindir/pg_ctl" -D "$1/data" -m fast -w -s stop) ;;
kill) kill_server "$1" ;;
pause) signal_sessions STOP "$1" ;;
resume) signal_sessions CONT "$1" ;;
*)
	echo "unknown command $command" >&2
	exit 2
	;;
esac
