#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# workload.sh [plain | valgrind | sanitizers] [SECONDS]
#	  The randomised workload of t/300_workload.pl for as long as one likes, by
#	  default 600 seconds: as it is; with every process of the server under
#	  valgrind; or with the extension and the core in it built with UBSan.
#
# AddressSanitizer and a PostgreSQL that was built without it do not go together:
# preloaded, it hangs in the constructor of a library that PostgreSQL links with;
# loaded with the module, it ends the process, for its options stand where
# PostgreSQL writes its title. What it would find is valgrind's part.
#
# What was built must be there, but for the sanitizers, which get a build of
# their own in a temporary directory. WORKLOAD_SEED and WORKLOAD_SESSIONS as in
# the test. Exit status 1 if an invariant is broken, or a tool has found anything.

set -euo pipefail
cd "$(dirname "$0")/../.."

how=${1:-plain}
export WORKLOAD_SECONDS=${2:-600} PROVE_FLAGS="${PROVE_FLAGS:---verbose}"
found=$(mktemp -d "${TMPDIR:-/tmp}/osprofiler-found.XXXXXX")
tree=
trap 'rm -rf "$tree"' EXIT
chmod 1777 "$found"

# Reports lie in $found, one file for each process that has something to say.
judge()
{
	find "$found" -empty -type f -delete
	if [ -n "$(ls "$found")" ]; then
		head -n 60 "$found"/*
		echo "workload.sh: reports are in $found" >&2
		return 1
	fi
	rmdir "$found"
}

under_valgrind()
{
	local rules=$found.supp

	# Where the server's user can read it.
	cp tests/pg/valgrind.supp "$rules"
	chmod 644 "$rules"
	export PGWIRE_TIMEOUT=600 WORKLOAD_SESSIONS="${WORKLOAD_SESSIONS:-2}"
	export PGCTLTIMEOUT=300
	export WRAPPER="valgrind -q --trace-children=yes \
--trace-children-skip=*/osprofiler,/bin/*,/usr/bin/* --leak-check=no \
--suppressions=$rules --log-file=$found/%p"
	tests/pg/run 300_workload.pl
	rm -f "$rules"
}

with_sanitizers()
{
	tree=$(mktemp -d "${TMPDIR:-/tmp}/osprofiler-sanitized.XXXXXX")
	chmod 755 "$tree"
	tar --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.so' \
		--exclude='*.d' -cf - . | tar -C "$tree" --no-same-owner -xf -
	make -s -C "$tree" SANITIZE=undefined OPTIMIZE=-O1 \
		common drivers cli pg_osprofiler
	SANITIZE=undefined BUILD=$tree/build "$tree/tests/pg/run" \
		300_workload.pl
}

status=0
case $how in
	plain) tests/pg/run 300_workload.pl || status=1 ;;
	valgrind) under_valgrind || status=1 ;;
	sanitizers) with_sanitizers || status=1 ;;
	*) echo "workload.sh: what is '$how'?" >&2; exit 2 ;;
esac
judge || status=1
exit $status
