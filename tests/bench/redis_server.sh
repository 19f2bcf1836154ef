# shellcheck shell=bash
# Sourced: a redis-server of our own, on a free port of loopback.
#
# redis_start DIR: starts one that keeps nothing on disk; sets REDIS_PORT.
# redis_stop DIR: stops it.

redis_start() {
	local dir=$1 try
	for try in 1 2 3 4 5; do
		REDIS_PORT=$((20000 + RANDOM % 20000))
		redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' \
			--appendonly no --daemonize yes --dir "$dir" \
			--pidfile "$dir/redis.pid" --logfile "$dir/redis.log" >/dev/null
		for _ in $(seq 50); do
			redis-cli -p "$REDIS_PORT" ping >/dev/null 2>&1 && return 0
			sleep 0.1
		done
		echo "redis-server did not start (try $try)" >&2
	done
	return 1
}

redis_stop() {
	[ -f "$1/redis.pid" ] && kill "$(cat "$1/redis.pid")" 2>/dev/null
	return 0
}
