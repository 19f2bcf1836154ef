#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh
#	  One traced request: an unmodified program, its statements in SQLite and in
#	  PostgreSQL, and what the server made of them, as one drawn tree.
#
# Works on a bare Debian 12, as root or with sudo: scripts/setup.sh installs what
# is missing. Everything else happens in a temporary directory, with a PostgreSQL
# of its own on a Unix socket there, and is gone at the end, also after Ctrl-C.

set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

step()
{
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Runs "$@" as the user, silently unless it fails.
quietly()
{
	if ! as_user "$@" >"$WORK/log/step" 2>&1; then
		tail -n 40 "$WORK/log/step" >&2
		return 1
	fi
}

build()
{
	step "Building osprofiler, and installing it into $WORK/prefix"
	quietly make -s -C "$WORK/src" -j"$(nproc)" install \
		PREFIX="$WORK/prefix" PG_CONFIG="$PG_CONFIG"
	# shellcheck disable=SC2046
	quietly gcc -o "$WORK/cart" "$WORK/src/docs/examples/cart.c" \
		$(pkg-config --cflags --libs sqlite3 libpq)
}

# A server whose sessions load the extension; the key is in a file that only the
# server's user can read.
start_server()
{
	step "Starting PostgreSQL with session_preload_libraries = 'osprofiler'"
	quietly "$PG_BIN/initdb" -D "$WORK/data" -U demo -A trust --no-sync
	key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	(umask 077 && echo "$key" >"$WORK/keys")
	hand_over
	cat >>"$WORK/data/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$WORK'
		session_preload_libraries = 'osprofiler'
		osprofiler.hmac_keys_file = '$WORK/keys'
		osprofiler.connection_string = '$traces'
		osprofiler.run_directory = '$WORK/run-server'
		osprofiler.service = 'database'
	END
	quietly "$PG_BIN/pg_ctl" -D "$WORK/data" -l "$WORK/log/server" -w start
	quietly "$PG_BIN/psql" -h "$WORK" -U demo -d postgres -v ON_ERROR_STOP=1 -q \
		-c 'CREATE EXTENSION osprofiler' -f "$WORK/src/docs/examples/orders.sql"
}

# A program that knows nothing of tracing. The key comes by the environment, where
# others do not see it.
run_program()
{
	step "\$ osprofiler run ./cart cart.db 'host=...'    # docs/examples/cart.c"
	as_user env OSPROFILER_HMAC_KEYS="$key" OSPROFILER_RUN_DIR="$WORK/run" \
		OSPROFILER_SERVICE=shop "$osprofiler" run --connection-string "$traces" \
		"$WORK/cart" "$WORK/tmp/cart.db" "host=$WORK user=demo dbname=postgres" \
		2>"$WORK/log/run" || { cat "$WORK/log/run" >&2 && return 1; }
	trace=$(sed -n 's/^Trace ID: //p' "$WORK/log/run")
	sed -n 1p "$WORK/log/run"
}

# The server ships by itself, a moment later. Its points come in order: when the
# last statement is there and the trace is whole, everything is.
wait_for_points()
{
	local tries

	for tries in $(seq 100); do
		if as_user "$osprofiler" trace check --connection-string "$traces" \
			"$trace" >"$WORK/log/check" 2>&1 &&
			as_user "$osprofiler" trace show --connection-string "$traces" \
				"$trace" | grep -q 'pg .*SELECT sum(price)'; then
			return 0
		fi
		sleep 0.1
	done
	echo "demo.sh: the trace is not whole after $tries tries:" >&2
	cat "$WORK/log/check" "$WORK/log/server" >&2
	return 1
}

show()
{
	step "\$ osprofiler trace show $trace"
	as_user "$osprofiler" trace show --connection-string "$traces" "$trace"
	step "\$ osprofiler trace check $trace && echo whole"
	as_user "$osprofiler" trace check --connection-string "$traces" "$trace"
	echo whole
}

scripts/setup.sh --demo
make_work_dir demo
trap remove_work_dir EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
copy_source .
make_private_postgres
hand_over
traces=sqlite:///$WORK/traces.db
osprofiler=$WORK/prefix/bin/osprofiler
build
start_server
run_program
wait_for_points
show
