#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# linked.t
#	  Programs that are linked with libosprofiler_sqlite and SQLite in all orders,
#	  SQLite dynamic and static, shown and hidden, one and two of them: none does
#	  anything else than without us, and osp_sqlite_enable says whether it is traced.
#	  Prints TAP; run by `make check`.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh

begin_tests

cat >"$WORK/program.c" <<'END'
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int osp_sqlite_enable(sqlite3 *db, const void *options);

static int
print_row(void *ctx, int n, char **values, char **names)
{
	int i;

	for (i = 0; i < n; i++)
		printf("%s=%s ", names[i], values[i] != NULL ? values[i] : "NULL");
	printf("\n");
	return ctx != NULL && strcmp(values[0], ctx) == 0;
}

static void
run(sqlite3 *db, const char *sql, void *ctx)
{
	char *message = NULL;
	int rc = sqlite3_exec(db, sql, print_row, ctx, &message);

	printf("%d %s\n", rc, message != NULL ? message : "");
	sqlite3_free(message);
}

static void
use(const char *path)
{
	sqlite3 *db;
	char **table = NULL;
	int rows = 0;
	int columns = 0;

	printf("open %d\n", sqlite3_open(path, &db));
#ifdef ENABLE
	fprintf(stderr, "enable %d\n", osp_sqlite_enable(db, NULL));
#endif
#ifdef LOAD
	{
		void *lib = dlopen("libosprofiler_sqlite.so", RTLD_NOW | RTLD_GLOBAL);
		int (*enable)(sqlite3 *, void *) =
			(int (*)(sqlite3 *, void *)) dlsym(lib, "osp_sqlite_enable");

		fprintf(stderr, "enable %d\n", enable(db, NULL));
	}
#endif
	run(db, "CREATE TABLE IF NOT EXISTS t(a, b); DELETE FROM t;"
			" INSERT INTO t VALUES (1, 'x'), (2, NULL) ;\n ", NULL);
	run(db, "SELECT * FROM t; SELECT count(*) AS n FROM t", NULL);
	run(db, "SELECT * FROM t", "1");
	run(db, "SELECT 1; SELEC", NULL);
	run(db, "", NULL);
	printf("table %d", sqlite3_get_table(db, "SELECT a FROM t", &table, &rows, &columns, NULL));
	printf(" %d %d\n", rows, columns);
	sqlite3_free_table(table);
	printf("close %d\n", sqlite3_close(db));
}

int
main(void)
{
#ifdef SECOND
	if (dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_GLOBAL) == NULL)
		return 1;
#endif
	use(":memory:");
#ifdef MODULE
	{
		void *lib = dlopen(MODULE, RTLD_NOW);

		if (((int (*)(void)) dlsym(lib, "use_module"))() != 0)
			return 1;
	}
#endif
	use("linked.db");
	use("linked.db"); /* reads a schema */
	return 0;
}
END
{
	echo 'open 0'
	echo '0 '
	printf 'a=1 b=x \na=2 b=NULL \nn=2 \n0 \n'
	printf 'a=1 b=x \n4 query aborted\n'
	printf '1=1 \n1 near "SELEC": syntax error\n0 \ntable 0 2 1\nclose 0\n'
} >"$WORK/once"
cat "$WORK/once" "$WORK/once" "$WORK/once" >"$WORK/expected"

# linked NAME ENABLED STATEMENTS LINK...: links and runs the program, untraced, traced
# and preloaded. ENABLED is what osp_sqlite_enable returns.
linked()
{
	local name=$1 enabled=$2 traced=$3
	local libraries="$SQLITE_LIBRARY:$BUILD/common"
	shift 3
	rm -f "$WORK/program" "$WORK"/linked.db
	${CC:-cc} -Wall -Wno-unused -o "$WORK/program" -DENABLE "$WORK/program.c" \
		-L"$SQLITE_LIBRARY" -L"$BUILD/common" "$@" -lm -ldl \
		-Wl,-rpath,"$libraries" -Wl,-rpath-link,"$libraries" \
		${SANITIZE:+-fsanitize="$SANITIZE"}
	ok $? "$name: links"
	is "$(cd "$WORK" && ./program 2>/dev/null)" "$(cat "$WORK/expected")" \
		"$name: works untraced"
	is "$(cd "$WORK" && with_context ./program 2>"$WORK/said")" \
		"$(cat "$WORK/expected")" "$name: works traced"
	is "$(grep -c "enable $enabled" "$WORK/said")" 3 \
		"$name: osp_sqlite_enable answers $enabled"
	! grep -q 'finds no SQLite' "$WORK/said"
	ok $? "$name: nothing is missing"
	drain
	is "$(statements)" "$traced" "$name: $traced statements"
	is "$(cd "$WORK" && preloaded ./program 2>/dev/null)" \
		"$(cat "$WORK/expected")" "$name: works preloaded"
	drain
	[ "$(statements)" -ge "$traced" ]
	ok $? "$name: is traced preloaded"
}

OURS="-losprofiler_sqlite -losprofiler"
# The hook does not see what cannot be prepared.
BY_WRAPPERS=27
BY_HOOK=24
# shellcheck disable=SC2086
{
	linked "SQLite dynamic, behind" 0 "$BY_WRAPPERS" $OURS -lsqlite3
	linked "SQLite dynamic, before" 0 "$BY_HOOK" -lsqlite3 $OURS
	linked "SQLite dynamic, --as-needed" 0 "$BY_WRAPPERS" \
		-Wl,--as-needed $OURS -lsqlite3
}
if ${CC:-cc} -print-file-name=libsqlite3.a | grep -q /; then
	static=-l:libsqlite3.a
	# shellcheck disable=SC2086
	{
		linked "SQLite static, behind" 0 "$BY_HOOK" $OURS $static
		linked "SQLite static, before" 0 "$BY_HOOK" $static $OURS
		linked "SQLite static, --as-needed" 0 "$BY_HOOK" \
			-Wl,--as-needed $OURS $static
		linked "SQLite static, -rdynamic" 0 "$BY_HOOK" -rdynamic $OURS $static
		linked "SQLite static and hidden" 1 0 \
			-Wl,--exclude-libs,ALL $static $OURS
		linked "SQLite static, and another one loaded" 0 "$BY_HOOK" \
			-DSECOND $OURS $static
		linked "SQLite static and hidden, and another one loaded" 1 0 \
			-DSECOND -Wl,--exclude-libs,ALL $static $OURS
	}
	# A module that is linked with another SQLite gets all functions from one of them.
	cat >"$WORK/module.c" <<'END'
#include <sqlite3.h>
int
use_module(void)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int rc = sqlite3_open(":memory:", &db) +
			 sqlite3_prepare_v2(db, "SELECT ?", -1, &stmt, 0) +
			 sqlite3_bind_int(stmt, 1, 7);

	if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_int(stmt, 0) != 7)
		return 1;
	return rc + sqlite3_finalize(stmt) + sqlite3_close(db);
}
END
	# shellcheck disable=SC2086
	for module in -lsqlite3 -l:libsqlcipher.so.0; do
		${CC:-cc} -shared -fPIC -o "$WORK/module.so" "$WORK/module.c" $module &&
			linked "SQLite static, and a module with $module" 0 "$BY_HOOK" \
				-DMODULE="\"$WORK/module.so\"" $OURS $static
	done
	linked "SQLite static, the library loaded later" 1 0 -UENABLE -DLOAD $static

	# Nobody can make this one work: it says why.
	# shellcheck disable=SC2086
	${CC:-cc} -Wno-unused -o "$WORK/program" -DENABLE "$WORK/program.c" \
		-L"$SQLITE_LIBRARY" -L"$BUILD/common" -Wl,--exclude-libs,ALL $OURS \
		$static -lm -Wl,-rpath,"$SQLITE_LIBRARY:$BUILD/common" \
		${SANITIZE:+-fsanitize="$SANITIZE"}
	(cd "$WORK" && OSPROFILER_DEBUG=1 ./program >"$WORK/out" 2>"$WORK/said")
	ok $? "hidden, and behind the library: does not crash"
	grep -q 'link SQLite before -losprofiler_sqlite' "$WORK/said"
	ok $? "hidden, and behind the library: says what to do"
	grep -q 'is not traced: .*does not show its functions' "$WORK/said"
	ok $? "OSPROFILER_DEBUG says why osp_sqlite_enable refuses"
else
	echo "# no libsqlite3.a: programs that hold SQLite are not tested"
fi

end_tests
