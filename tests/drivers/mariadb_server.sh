#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mariadb_server.sh
#	  A MariaDB of the tests' own, on loopback, with all of its files in DIR.
#
#   mariadb_server.sh start DIR [options of mariadbd]
#       starts it and prints its port: the one it had in DIR before, else a free
#       one. With TLS, if DIR holds server.pem, server.key and ca.pem. Exit 77: there
#       is no MariaDB.
#   mariadb_server.sh stop DIR     ends it
#   mariadb_server.sh kill DIR     ends it with SIGKILL
#   mariadb_server.sh pause DIR    stops it in its tracks; resume goes on
#
# Users: osp, without a password, who may do everything; locked, whose password is
# "pass word", without any rights. The database is test. It runs as whoever calls
# this.
set -u

server=/usr/sbin/mariadbd
installer=/usr/bin/mariadb-install-db

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

write_users() {
	cat >"$1/users.sql" <<-'END'
		CREATE DATABASE IF NOT EXISTS test;
		CREATE USER IF NOT EXISTS osp@'%';
		GRANT ALL ON *.* TO osp@'%' WITH GRANT OPTION;
		CREATE USER IF NOT EXISTS locked@'%' IDENTIFIED BY 'pass word';
	END
}

make_data() {
	local dir=$1
	"$installer" --no-defaults --auth-root-authentication-method=normal --user="$(id -un)" \
		--skip-test-db --skip-name-resolve --innodb-log-file-size=8M \
		--datadir="$dir/data" >"$dir/install.log" 2>&1
}

is_up() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start_on() {
	local dir=$1 port=$2
	shift 2
	if [ -e "$dir/server.pem" ]; then
		set -- "--ssl-cert=$dir/server.pem" "--ssl-key=$dir/server.key" "--ssl-ca=$dir/ca.pem" "$@"
	fi
	write_users "$dir"
	setsid "$server" --no-defaults --user="$(id -un)" --datadir="$dir/data" --bind-address=127.0.0.1 \
		--port="$port" --socket="$dir/socket" --pid-file="$dir/pid" --init-file="$dir/users.sql" \
		--skip-name-resolve --innodb-log-file-size=8M --innodb-buffer-pool-size=64M \
		--innodb-flush-log-at-trx-commit=2 --skip-log-bin "$@" </dev/null >>"$dir/log" 2>&1 &
	echo $! >"$dir/server"
	for _ in $(seq 600); do
		[ -e "/proc/$!" ] || return 1
		is_up "$port" && [ -s "$dir/pid" ] && return 0
		sleep 0.05
	done
	return 1
}

start() {
	local dir=$1 port
	shift
	[ -x "$server" ] && [ -x "$installer" ] || exit 77
	if [ ! -d "$dir/data" ]; then
		make_data "$dir" || exit 1
		free_port >"$dir/port"
	fi
	port=$(cat "$dir/port")
	start_on "$dir" "$port" "$@" || exit 1
	echo "$port"
}

# The server's own file of its pid is not there before it is up.
finish() {
	local pid
	pid=$(cat "$1/server" 2>/dev/null) || return 0
	kill "-$2" "$pid" 2>/dev/null
	for _ in $(seq 1000); do
		[ -e "/proc/$pid/exe" ] || break # gone, or a zombie
		sleep 0.02
	done
	[ ! -e "/proc/$pid/exe" ] || kill -KILL "$pid"
	rm -f "$1/pid" "$1/server"
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
