#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# several_sqlites.t
#	  A preloaded program has exactly the SQLite, or the SQLites, that it has
#	  without us. SQLCipher stands for a SQLite that a library brings along: it
#	  has SQLite's names, another version, and writes files that SQLite cannot
#	  read. Prints TAP; run by `make check`.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh

begin_tests

# same NAME COMMAND...: says, and exits with, the same untraced and traced.
same()
{
	local name=$1 bare traced
	shift
	bare=$("$@" 2>&1; echo "exit status $?")
	traced=$(preloaded "$@" 2>&1; echo "exit status $?")
	is "$traced" "$bare" "$name"
	[[ $bare == *"exit status 0" ]]
	ok $? "$name: it works at all"
}

build()
{
	local source=$1 out=$2
	shift 2
	${CC:-cc} -Wall -Werror -o "$out" -x c "$source" "$@"
}

# --- a program that has no SQLite ------------------------------------------------

maps=$(preloaded cat /proc/self/maps)
[[ $maps == *sqlite_preload.so* && $maps != *libsqlite3* ]]
ok $? "a program without SQLite gets none"
drain

# --- a library with its own SQLite, loaded by dlopen ------------------------------

cat >"$WORK/cipher.py" <<'END'
import ctypes, sys
def run(lib, path, key):
    lib = ctypes.CDLL(lib)
    db = ctypes.c_void_p()
    rows = []
    CB = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                          ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p)
    cb = CB(lambda _, n, v, __: rows.append([v[i] for i in range(n)]) or 0)
    print(lib.sqlite3_open(path.encode(), ctypes.byref(db)))
    for sql in ([b"PRAGMA key = 'pass'"] if key else []) + [
            b"CREATE TABLE IF NOT EXISTS t(a)", b"INSERT INTO t VALUES (1)",
            b"SELECT count(*) FROM t", b"SELECT sqlite_version()", b"SELEC"]:
        print(lib.sqlite3_exec(db, sql, cb, None, None))
    print(rows, lib.sqlite3_close(db))
for arg in sys.argv[2:]:
    if arg == "module":
        import sqlite3
        c = sqlite3.connect(":memory:")
        print(c.execute("SELECT sqlite_version()").fetchone())
    elif arg == "cipher":
        run("libsqlcipher.so.0", ":memory:", False)
    else:
        run("libsqlcipher.so.0", sys.argv[1] + arg, True)
END
cipher()
{
	rm -f "$WORK"/made-*.db
	/usr/bin/python3 "$WORK/cipher.py" "$WORK/" "$@" &&
		for file in "$WORK"/made-*.db; do
			[ ! -e "$file" ] || head -c 6 "$file" | grep -c '^SQLite' || true
		done
}
export -f cipher
export WORK
same "SQLCipher alone" bash -c 'cipher cipher'
same "SQLCipher before SQLite" bash -c 'cipher cipher module cipher'
same "SQLCipher after SQLite" bash -c 'cipher module cipher module'
same "SQLCipher's file is encrypted" bash -c 'cipher module made-1.db'
drain

same "SQLCipher's shell" sqlcipher :memory: "PRAGMA key='x'; SELECT sqlite_version()"
drain

# --- modules that are linked with a SQLite, as the drivers of Perl are ---------------

# Each uses the SQLite that it is linked with: another library's, or one of its own.
cat >"$WORK/module.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

int sqlite3_open(const char *, void **);
int sqlite3_exec(void *, const char *, int (*)(void *, int, char **, char **),
				 void *, char **);
int sqlite3_prepare_v2(void *, const char *, int, void **, const char **);
int sqlite3_step(void *);
const char *sqlite3_column_text(void *, int);
int sqlite3_finalize(void *);
int sqlite3_close(void *);
const char *sqlite3_libversion(void);

int
use(const char *path)
{
	void *db;
	void *stmt;
	int rc = sqlite3_open(path, &db);

	rc += sqlite3_exec(db, "PRAGMA key = 'pass'", NULL, NULL, NULL);
	rc += sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL);
	rc += sqlite3_prepare_v2(db, "SELECT sqlite_version()", -1, &stmt, NULL);
	printf("%d %s ", sqlite3_step(stmt), sqlite3_column_text(stmt, 0));
	rc += sqlite3_finalize(stmt) + sqlite3_close(db);
	printf("%s %d\n", sqlite3_libversion(), rc);
	return rc;
}
END
cat >"$WORK/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	int failed = 0;
	int i;

	for (i = 1; i < argc; i++)
	{
		void *lib = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
		int (*use)(const char *) = NULL;
		char start[7] = "";
		char path[256];
		FILE *file;

		if (lib != NULL)
			use = (int (*)(const char *)) dlsym(lib, "use");
		snprintf(path, sizeof(path), "%s.db", argv[i]);
		remove(path);
		if (use == NULL || use(path) != 0)
		{
			failed++;
			continue;
		}
		file = fopen(path, "r");
		printf("%s\n", file != NULL && fgets(start, 7, file) != NULL &&
			strcmp(start, "SQLite") == 0 ? "plain" : "encrypted");
		if (file != NULL)
			fclose(file);
	}
	return failed;
}
END
build "$WORK/module.c" "$WORK/cipher.so" -shared -fPIC -l:libsqlcipher.so.0
build "$WORK/module.c" "$WORK/plain.so" -shared -fPIC -lsqlite3
build "$WORK/host.c" "$WORK/host" -ldl
same "a module linked with SQLCipher" "$WORK/host" "$WORK/cipher.so"
same "before one linked with SQLite" "$WORK/host" "$WORK/cipher.so" "$WORK/plain.so"
same "after one linked with SQLite" "$WORK/host" "$WORK/plain.so" "$WORK/cipher.so"
is "$(preloaded "$WORK/host" "$WORK/cipher.so" | tail -n 1)" encrypted \
	"what a module linked with SQLCipher writes is encrypted"
drain

# --- two of them in one program, on threads and by the table of extensions ----------

cat >"$WORK/two.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef int (*open_fn)(const char *, void **);
typedef int (*exec_fn)(void *, const char *,
					   int (*)(void *, int, char **, char **), void *, char **);
typedef int (*close_fn)(void *);

static int
copy(void *out, int n, char **values, char **names)
{
	(void) n;
	(void) names;
	snprintf(out, 64, "%s", values[0]);
	return 0;
}

static void *
work(void *name)
{
	void *lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	open_fn open = (open_fn) dlsym(lib, "sqlite3_open");
	exec_fn exec = (exec_fn) dlsym(lib, "sqlite3_exec");
	close_fn close = (close_fn) dlsym(lib, "sqlite3_close");
	char *version = calloc(1, 64);
	int i;

	for (i = 0; i < 300; i++)
	{
		void *db;
		int rc = open(":memory:", &db) +
				 exec(db, "CREATE TABLE t(a); INSERT INTO t VALUES (1)", NULL,
					  NULL, NULL) +
				 exec(db, "SELECT sqlite_version()", copy, version, NULL) +
				 close(db);
		if (rc != 0)
			printf("%s: %d\n", (char *) name, rc);
	}
	return version;
}

int
main(int argc, char **argv)
{
	pthread_t threads[8];
	void *version;
	int i;

	for (i = 1; i < argc && i < 8; i++)
		pthread_create(&threads[i], NULL, work, argv[i]);
	for (i = 1; i < argc && i < 8; i++)
	{
		pthread_join(threads[i], &version);
		printf("%s %s\n", argv[i], (char *) version);
	}
	return 0;
}
END
build "$WORK/two.c" "$WORK/two" -ldl -pthread
same "both at once, on threads" "$WORK/two" libsqlite3.so.0 \
	libsqlcipher.so.0 libsqlite3.so.0 libsqlcipher.so.0
drain

# --- what a program finds by dlopen --------------------------------------------------

mkdir -p "$WORK/plugins"
echo 'int answer(void) { return 42; }' >"$WORK/answer.c"
build "$WORK/answer.c" "$WORK/plugins/libanswer.so" -shared -fPIC
cat >"$WORK/finder.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int
find_it(const char *name)
{
	void *lib = dlopen(name, RTLD_NOW);
	int (*answer)(void) = lib ? (int (*)(void)) dlsym(lib, "answer") : NULL;

	printf("%s: %d\n", name, answer ? answer() : -1);
	return answer ? 0 : 1;
}
END
build "$WORK/finder.c" "$WORK/libfinder.so" -shared -fPIC -ldl \
	-Wl,-rpath,"\$ORIGIN/plugins"
cat >"$WORK/main.c" <<'END'
int find_it(const char *name);
int
main(void)
{
	return find_it("libanswer.so") + find_it("$ORIGIN/plugins/libanswer.so");
}
END
build "$WORK/main.c" "$WORK/main" -L"$WORK" -lfinder -Wl,-rpath,"$WORK"
same "dlopen searches where its caller searches" "$WORK/main"
drain

# --- a log and a shut-down of its own ---------------------------------------------------

cat >"$WORK/log.c" <<'END'
#include <sqlite3.h>
#include <stdio.h>

static void
note(void *ctx, int rc, const char *text)
{
	printf("log %s: %d %s\n", (char *) ctx, rc, text);
}

static void
use(void)
{
	sqlite3 *db;

	printf("open %d\n", sqlite3_open(":memory:", &db));
	printf("exec %d\n", sqlite3_exec(db, "SELEC", NULL, NULL, NULL));
	printf("exec %d\n", sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL));
	printf("close %d\n", sqlite3_close(db));
}

int
main(void)
{
	int round;

	printf("config %d\n", sqlite3_config(SQLITE_CONFIG_LOG, note, "a"));
	printf("config %d\n", sqlite3_config(SQLITE_CONFIG_URI, 1));
	for (round = 0; round < 2; round++)
	{
		use();
		printf("config %d\n", sqlite3_config(SQLITE_CONFIG_URI, 1));
		printf("shutdown %d\n", sqlite3_shutdown());
		printf("memory %d\n", (int) sqlite3_memory_used());
		printf("shutdown %d\n", sqlite3_shutdown());
	}
	printf("config %d\n", sqlite3_config(SQLITE_CONFIG_LOG, note, "b"));
	printf("initialize %d\n", sqlite3_initialize());
	printf("config %d\n", sqlite3_config(SQLITE_CONFIG_LOG, note, "c"));
	sqlite3_reset_auto_extension();
	use();
	sqlite3_reset_auto_extension();
	printf("shutdown %d\n", sqlite3_shutdown());
	printf("memory %d\n", (int) sqlite3_memory_used());
	return 0;
}
END
build "$WORK/log.c" "$WORK/log" -lsqlite3
same "SQLITE_CONFIG_LOG, sqlite3_shutdown" "$WORK/log"
drain
is "$(statements)" 6 "SQLITE_CONFIG_LOG: every statement is traced all the same"

end_tests
