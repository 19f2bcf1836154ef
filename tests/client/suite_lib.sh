# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# suite_lib.sh
#	  What the suites of other projects share: a server, sources, TAP. To be
#	  sourced.
#
# suite_setup SETTINGS        a directory and a server of our own; $PG_BIN
# suite_source PKG PATTERN    unpacks PATTERN of Debian's source package PKG, of
#                             whichever release has it, into $SUITE_WORK/source
# suite_plain NAME COMMAND... it succeeds without us
# suite_traced NAME COMMAND.. it succeeds traced, and its trace is whole
# suite_whole NAME FILE       the trace that `osprofiler run` told in FILE is whole
# suite_is NAME COMMAND...    the command succeeds
# suite_done                  the plan, and the exit status

# shellcheck source=scripts/debian.sh
. ../../scripts/debian.sh
# shellcheck source=tests/pg/core_source.sh
. ../pg/core_source.sh

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
		$*
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

# A mirror may not have all that its lists name, so any release's version will do,
# newest first behind the installed one, and its orig archive is enough.
suite_source() {
	local package=$1 pattern=$2 apt=$SUITE_WORK/apt version release archive=

	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/got"
	for release in bullseye bookworm trixie sid; do
		debian_sources deb-src "$release"
	done >"$apt/sources.list"
	source_apt "$apt" apt-get update >"$apt/log" 2>&1 || true
	for version in $(source_versions "$apt" "$package" \
		"$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)"); do
		(cd "$apt/got" && source_apt "$apt" apt-get source --download-only \
			"$package=$version") >>"$apt/log" 2>&1 || true
		archive=$(find "$apt/got" -name '*.orig.tar.*' ! -name '*.asc' | head -n 1)
		[ -z "$archive" ] || break
	done
	if [ -z "$archive" ]; then
		echo "Bail out! no source of $package: $(tail -n 1 "$apt/log")"
		exit 1
	fi
	echo "# $package: ${archive##*/}"
	mkdir -p "$SUITE_WORK/source"
	tar -C "$SUITE_WORK/source" --strip-components=1 --no-same-owner \
		-xf "$archive" --wildcards "$pattern"
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
	local name=$1
	shift
	suite_is "$name" "$BUILD/bin/osprofiler" run -- "$@"
	suite_whole "$name" "$SUITE_WORK/out"
}

suite_whole() {
	suite_is "$1: the trace is whole" "$BUILD/bin/osprofiler" trace check \
		"$(sed -n 's/^Trace ID: //p' "$2")"
}

suite_done() {
	echo "1..$suite_number"
	[ $suite_failures -eq 0 ]
}
