#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# rabbit_server.sh
#	  A RabbitMQ of the tests' own, on loopback, with all of its files in DIR.
#
#   rabbit_server.sh start DIR [lines of rabbitmq.conf]
#       starts it and prints its port: the one it had in DIR before, else a free
#       one. The next port is one with TLS, if DIR holds server.pem, server.key
#       and ca.pem. What was stored durably before is there again. Exit 77: there
#       is no RabbitMQ.
#   rabbit_server.sh stop DIR     ends it
#   rabbit_server.sh kill DIR     ends it with SIGKILL
#   rabbit_server.sh pause DIR    stops it in its tracks; resume goes on
#
# Users (password as the name): guest; writer, who may only write; nobody, who may
# do nothing. Virtual hosts: /, and "other/one". It runs as whoever calls this,
# with an epmd and a node name of its own. DIR must not be long: it becomes part of
# a node's name.
set -u

server=/usr/lib/rabbitmq/bin/rabbitmq-server

free_ports() {
	python3 -c '
import socket
while True:
    first = socket.socket()
    first.bind(("127.0.0.1", 0))
    port = first.getsockname()[1]
    others = [socket.socket() for _ in range(3)]
    try:
        for i, other in enumerate(others):
            other.bind(("127.0.0.1", port + 1 + i))
        print(port)
        break
    except (OSError, OverflowError):
        pass
'
}

write_definitions() {
	cat >"$1/definitions.json" <<-'END'
		{"vhosts": [{"name": "/"}, {"name": "other/one"}],
		 "users": [
		  {"name": "guest", "password": "guest", "tags": "administrator"},
		  {"name": "writer", "password": "writer", "tags": ""},
		  {"name": "nobody", "password": "nobody", "tags": ""},
		  {"name": "u@:/", "password": "p@:/%,", "tags": ""}],
		 "permissions": [
		  {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
		  {"user": "guest", "vhost": "other/one", "configure": ".*", "write": ".*", "read": ".*"},
		  {"user": "u@:/", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
		  {"user": "writer", "vhost": "/", "configure": "", "write": "openstack", "read": ""},
		  {"user": "nobody", "vhost": "/", "configure": "", "write": "", "read": ""}]}
	END
}

write_configuration() {
	local dir=$1 port=$2
	shift 2
	{
		echo "listeners.tcp.1 = 127.0.0.1:$port"
		echo "load_definitions = $dir/definitions.json"
		echo 'loopback_users = none'
		echo 'log.console = false'
		if [ -e "$dir/server.pem" ]; then
			echo "listeners.ssl.1 = 127.0.0.1:$((port + 1))"
			echo "ssl_options.cacertfile = $dir/ca.pem"
			echo "ssl_options.certfile = $dir/server.pem"
			echo "ssl_options.keyfile = $dir/server.key"
			echo 'ssl_options.verify = verify_none'
		fi
		printf '%s\n' "$@"
	} >"$dir/rabbitmq.conf"
}

is_up() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start_on() {
	local dir=$1 port=$2
	shift 2
	write_definitions "$dir"
	write_configuration "$dir" "$port" "$@"
	export HOME=$dir ERL_EPMD_PORT=$((port + 2)) ERL_EPMD_ADDRESS=127.0.0.1
	export RABBITMQ_NODENAME="osp$port@localhost" RABBITMQ_DIST_PORT=$((port + 3))
	export RABBITMQ_CONF_ENV_FILE=/nonexistent RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
	export RABBITMQ_ADVANCED_CONFIG_FILE=$dir/advanced.config
	export RABBITMQ_MNESIA_BASE=$dir/mnesia RABBITMQ_LOG_BASE=$dir/log
	export RABBITMQ_PID_FILE=$dir/pid RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins
	export RABBITMQ_FEATURE_FLAGS_FILE=$dir/feature_flags
	export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
	rm -f "$dir/pid"
	setsid epmd -port "$ERL_EPMD_PORT" </dev/null >/dev/null 2>&1 &
	echo $! >"$dir/epmd.pid"
	setsid "$server" </dev/null >>"$dir/console" 2>&1 &
	echo $! >"$dir/wrapper.pid"
	for _ in $(seq 600); do
		[ -e "/proc/$!" ] || return 1
		is_up "$port" && [ -s "$dir/pid" ] && return 0
		sleep 0.1
	done
	return 1
}

start() {
	local dir=$1 port
	shift
	[ -x "$server" ] && command -v epmd >/dev/null || exit 77
	if [ -f "$dir/port" ]; then
		port=$(cat "$dir/port")
		start_on "$dir" "$port" "$@" || exit 1
	else
		for _ in 1 2 3; do
			port=$(free_ports)
			start_on "$dir" "$port" "$@" && break
			finish "$dir" KILL
			port=
		done
		[ -n "$port" ] || exit 1
		echo "$port" >"$dir/port"
	fi
	echo "$port"
}

# Sends a signal to the process of a file, and waits until it is gone.
end_process() {
	local file=$1 signal=$2 pid
	pid=$(tr -d '[:space:]' <"$file" 2>/dev/null) && [ -n "$pid" ] || return 0
	kill "-$signal" "$pid" 2>/dev/null
	for _ in $(seq 500); do
		[ -e "/proc/$pid/exe" ] || break # gone, or a zombie
		sleep 0.02
	done
	rm -f "$file"
}

# The server itself, then the shell that waits for it, and epmd.
finish() {
	end_process "$1/pid" "$2"
	end_process "$1/wrapper.pid" KILL
	end_process "$1/epmd.pid" KILL
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
