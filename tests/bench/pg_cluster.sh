# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced: two PostgreSQL clusters of our own for benchmarks, one bare and one
# with the extension loaded into every session, under an unprivileged user.
#
# pg_setup BUILD      makes $PG_WORK with both clusters, pgbench's tables in them
# pg_start NAME [WRAPPER...]   starts bare or traced, through WRAPPER
# pg_stop NAME        stops it
# pg_client NAME COMMAND...    runs a client program against it
# pg_cleanup          stops and removes everything

PG_BIN=$(${PG_CONFIG:-pg_config} --bindir)
PG_KEY=bench-key
# shellcheck disable=SC2034 # read by pg.sh
PG_DEFAULT_POINTS=statement,nested,parse,plan,commit,trigger,worker,wait

# Servers refuse root.
as_server() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid postgres --regid postgres --clear-groups \
			env HOME="$PG_WORK" "$@"
	else
		"$@"
	fi
}

pg_setup() {
	local build=$1 top name
	top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	PG_WORK=$(mktemp -d /tmp/osprofiler-bench-XXXXXX)
	mkdir "$PG_WORK/drivers" "$PG_WORK/run"
	cp "$build/bin/osprofiler" "$top/pg_osprofiler/osprofiler.so" "$PG_WORK/"
	cp "$build"/drivers/*.so "$PG_WORK/drivers/"
	echo "$PG_KEY" >"$PG_WORK/keys"
	chmod 600 "$PG_WORK/keys"
	chmod 700 "$PG_WORK/run"
	[ "$(id -u)" != 0 ] || chown -R postgres:postgres "$PG_WORK"
	for name in bare traced; do
		as_server "$PG_BIN/initdb" -A trust -N -D "$PG_WORK/$name" >/dev/null
		as_server tee -a "$PG_WORK/$name/postgresql.conf" >/dev/null <<-EOF
			listen_addresses = ''
			unix_socket_directories = '$PG_WORK'
			port = $([ $name = bare ] && echo 5432 || echo 5433)
			fsync = ${BENCH_FSYNC:-off}
			shared_buffers = 2GB
			checkpoint_timeout = 1h
			autovacuum = off
			jit = off
			max_wal_size = 10GB
		EOF
	done
	as_server tee -a "$PG_WORK/traced/postgresql.conf" >/dev/null <<-EOF
		session_preload_libraries = '$PG_WORK/osprofiler.so'
		osprofiler.hmac_keys_file = '$PG_WORK/keys'
		osprofiler.connection_string = 'file://$PG_WORK/points'
		osprofiler.points = 'statement'
		osprofiler.run_directory = '$PG_WORK/run'
		osprofiler.agent = '$PG_WORK/osprofiler'
	EOF
	for name in bare traced; do
		pg_start "$name"
		pg_client "$name" createdb bench
		pg_client "$name" pgbench -q -i -s "${BENCH_SCALE:-10}" bench 2>/dev/null
		pg_stop "$name"
	done
}

pg_start() {
	local name=$1
	shift
	as_server env OSPROFILER_DRIVER_PATH="$PG_WORK/drivers" "$@" \
		"$PG_BIN/postgres" -D "$PG_WORK/$name" >"$PG_WORK/$name.log" 2>&1 &
	for _ in $(seq 300); do
		"$PG_BIN/pg_isready" -q -h "$PG_WORK" -p "$(pg_port "$name")" && return 0
		sleep 0.2
	done
	cat "$PG_WORK/$name.log" >&2
	return 1
}

pg_stop() {
	as_server "$PG_BIN/pg_ctl" -D "$PG_WORK/$1" -s -m fast -w stop
}

pg_port() {
	[ "$1" = bare ] && echo 5432 || echo 5433
}

pg_client() {
	local name=$1
	shift
	as_server env PATH="$PG_BIN:$PATH" PGHOST="$PG_WORK" \
		PGPORT="$(pg_port "$name")" PGOPTIONS="${PG_OPTIONS:-}" "$@"
}

# Start-up options that give every statement of a session a signed context.
pg_context_options() {
	"$PG_WORK/osprofiler" context new --hmac-key "$PG_KEY" --format env |
		sed -n "s/.*OSPROFILER_TRACE_\(INFO\|HMAC\)=['\"]*\([^'\"]*\)['\"]*.*/\1 \2/p" |
		while read -r which value; do
			printf -- '-c osprofiler.trace_%s=%s ' "${which,,}" "$value"
		done
}

pg_cleanup() {
	local name
	[ -n "${PG_WORK:-}" ] || return 0
	for name in bare traced; do
		[ ! -f "$PG_WORK/$name/postmaster.pid" ] || pg_stop "$name" || true
	done
	wait
	rm -rf "$PG_WORK"
}
