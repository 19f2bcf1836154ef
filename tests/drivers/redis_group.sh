#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# redis_group.sh
#	  Several redis-servers of the tests' own, each in a directory of DIR, by
#	  redis_server.sh.
#
#   redis_group.sh start DIR tls [options]       a server with TLS, with the
#       certificates of DIR/crt, which are made
#   redis_group.sh start DIR cluster [options]   1, 2, 3: a cluster
#   redis_group.sh start DIR sentinel [options]  a, its replica b, and s, which
#       watches over them as "mymaster"
#       prints the port of the first server, or of the sentinel
#   redis_group.sh stop DIR                      ends all
set -u

here=$(dirname "$0")
server=$here/redis_server.sh

start_tls() {
	local dir=$1
	shift
	mkdir -p "$dir/crt" "$dir/a"
	[ -f "$dir/crt/ca.crt" ] || bash "$here/redis_certificates.sh" "$dir/crt" || exit 1
	REDIS_TLS=$dir/crt bash "$server" start "$dir/a" "$@"
}

start_cluster() {
	local dir=$1 i ports=() addresses=()
	shift
	for i in 1 2 3; do
		mkdir -p "$dir/$i"
		ports+=("$(bash "$server" start "$dir/$i" --cluster-enabled yes \
			--cluster-node-timeout 1000 "$@")") || exit 1
		addresses+=("127.0.0.1:${ports[-1]}")
	done
	redis-cli --cluster create "${addresses[@]}" --cluster-yes >"$dir/create" ||
		exit 1
	for i in 1 2 3; do
		for _ in $(seq 200); do
			redis-cli -s "$dir/$i/sock" cluster info |
				grep -q '^cluster_state:ok' && break
			sleep 0.05
		done
	done
	echo "${ports[0]}"
}

start_sentinel() {
	local dir=$1 master replica port
	shift
	mkdir -p "$dir/a" "$dir/b" "$dir/s"
	master=$(bash "$server" start "$dir/a" --repl-diskless-sync-delay 0 "$@") ||
		exit 1
	replica=$(bash "$server" start "$dir/b" --replicaof 127.0.0.1 "$master" \
		--repl-diskless-sync-delay 0 "$@") || exit 1
	port=$((replica + 1))
	cat >"$dir/s/conf" <<-END
		port $port
		bind 127.0.0.1
		dir $dir/s
		pidfile $dir/s/pid
		logfile $dir/s/log
		daemonize yes
		sentinel monitor mymaster 127.0.0.1 $master 1
		sentinel down-after-milliseconds mymaster 500
		sentinel failover-timeout mymaster 3000
		${REDIS_SENTINEL:-}
	END
	redis-server "$dir/s/conf" --sentinel >/dev/null || exit 1
	for _ in $(seq 200); do
		redis-cli -s "$dir/a/sock" info replication 2>/dev/null |
			grep -q 'state=online' && redis-cli -p "$port" ping >/dev/null 2>&1 && break
		sleep 0.05
	done
	echo "$port" | tee "$dir/s/port"
}

command=$1 dir=$2
shift 2
case $command in
start)
	kind=$1
	shift
	"start_$kind" "$dir" "$@"
	;;
stop)
	for pid in "$dir"/*/pid; do
		[ ! -f "$pid" ] || bash "$server" stop "${pid%/pid}"
	done
	;;
*)
	echo "unknown command $command" >&2
	exit 2
	;;
esac
