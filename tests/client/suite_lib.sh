# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# suite_lib.sh
#	  What the suites of other projects share: a server, sources, TAP. To be
#	  sourced.
#
# suite_setup                 a directory and a server of our own; $PG_BIN
# suite_source PKG PATTERN    unpacks PATTERN of Debian's source package PKG, as
#                             the machine's own apt is configured, into
#                             $SUITE_WORK/source
# suite_plain NAME COMMAND... it succeeds without us
# suite_traced NAME COMMAND.. it succeeds traced, and its trace is whole
# suite_is NAME COMMAND...    the command succeeds
# suite_done                  the plan, and the exit status

: "${BUILD:?run me by: make suite-...}"
PG_BIN=$(${PG_CONFIG:-pg_config} --bindir)
suite_number=0
suite_failures=0

suite_setup() {
	SUITE_WORK=$(mktemp -d "${TMPDIR:-/tmp}/osprofiler-suite.XXXXXX")
	chmod 755 "$SUITE_WORK"
	trap suite_cleanup EXIT
	mkdir -p "$SUITE_WORK/server"
	[ "$(id -u)" -ne 0 ] || chown postgres: "$SUITE_WORK/server"
	as_server "$PG_BIN/initdb" -D "$SUITE_WORK/server/data" -U demo -A trust \
		--no-sync >/dev/null
	as_server tee -a "$SUITE_WORK/server/data/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		unix_socket_directories = '$SUITE_WORK/server'
		fsync = off
	END
	as_server "$PG_BIN/pg_ctl" -D "$SUITE_WORK/server/data" -w \
		-l "$SUITE_WORK/server/log" start >/dev/null
	export PGHOST=$SUITE_WORK/server PGUSER=demo PGDATABASE=postgres
	export OSPROFILER_DRIVER_PATH=$BUILD/drivers
	export OSPROFILER_HOOK_PATH=$BUILD/client_hooks
	export OSPROFILER_RUN_DIR=$SUITE_WORK/run
	export OSPROFILER_CONNECTION_STRING=sqlite:///$SUITE_WORK/traces.db
}

as_server() {
	if [ "$(id -u)" -eq 0 ]; then
		(cd / && setpriv --reuid postgres --regid postgres --clear-groups -- "$@")
	else
		"$@"
	fi
}

suite_cleanup() {
	as_server "$PG_BIN/pg_ctl" -D "$SUITE_WORK/server/data" -m immediate stop \
		>/dev/null 2>&1 || true
	rm -rf "$SUITE_WORK"
}

# Only the kind of entry changes: the archives are those of the machine.
suite_source() {
	local package=$1 pattern=$2 apt=$SUITE_WORK/apt file
	local -a options

	mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/list"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -e "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >>"$apt/list"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$file" ] ||
			sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
	done
	options=(-q -o Dir::Etc::sourcelist="$apt/list"
		-o Dir::Etc::sourceparts="$apt/parts" -o Dir::State::lists="$apt/lists"
		-o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
	apt-get "${options[@]}" update >/dev/null 2>&1 || true
	(cd "$apt" && apt-get "${options[@]}" source --download-only "$package") \
		>"$apt/log" 2>&1 || {
		echo "Bail out! no source of $package: $(tail -n 1 "$apt/log")"
		exit 1
	}
	mkdir -p "$SUITE_WORK/source"
	tar -C "$SUITE_WORK/source" -xf "$(find "$apt" -name '*.orig.tar.*' | head -n 1)" \
		--wildcards "$pattern"
}

suite_result() {
	suite_number=$((suite_number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $suite_number - $2"
	else
		echo "not ok $suite_number - $2"
		suite_failures=$((suite_failures + 1))
	fi
}

suite_is() {
	local name=$1 status=0
	shift
	"$@" >"$SUITE_WORK/out" 2>&1 </dev/null || status=$?
	[ $status -eq 0 ] || sed 's/^/# /' "$SUITE_WORK/out" | tail -n 40
	suite_result $status "$name"
}

suite_plain() {
	suite_is "$@"
}

suite_traced() {
	local name=$1 id
	shift
	suite_is "$name" "$BUILD/bin/osprofiler" run -- "$@"
	id=$(sed -n 's/^Trace ID: //p' "$SUITE_WORK/out")
	suite_is "$name: the trace is whole" "$BUILD/bin/osprofiler" trace check "$id"
}

suite_done() {
	echo "1..$suite_number"
	[ $suite_failures -eq 0 ]
}
