#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# programs.t
#	  Unmodified programs, by preload library and run-time extension: traced
#	  whole, and none the wiser. Prints TAP; run by `make check`.
set -u
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/sqlite/sqlite_lib.sh
. ./sqlite_lib.sh

begin_tests

# --- the shell of SQLite -----------------------------------------------------

script="CREATE TABLE t(a UNIQUE);
INSERT INTO t VALUES (1), (2);
SELECT * FROM t ORDER BY a;
INSERT INTO t VALUES (1);
SELEC 1;"

bare=$(sqlite3 :memory: <<<"$script" 2>&1)
traced=$(preloaded sqlite3 :memory: <<<"$script" 2>&1)
is "$traced" "$bare" "sqlite3: says what it says untraced, and warns of nothing"
whole_trace "sqlite3: the trace is whole"
tree_is "sqlite3: every statement, every outcome" <<'END'
sqlite  CREATE TABLE t(a UNIQUE);
sqlite  INSERT INTO t VALUES (1), (2);
sqlite  SELECT * FROM t ORDER BY a;  2 rows
sqlite  INSERT INTO t VALUES (1);  SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: t.a
sqlite  SELEC 1;  SQLITE_ERROR: near "SELEC": syntax error
END

trace_script="PRAGMA mmap_size;
.trace stdout
SELECT 1;
.trace stdout --profile
SELECT 2;
.trace off
SELECT 3;"
bare=$(sqlite3 :memory: <<<"$trace_script" 2>&1 | sed 's/ -- [0-9.]* ns//')
traced=$(preloaded sqlite3 :memory: <<<"$trace_script" 2>&1 |
	sed 's/ -- [0-9.]* ns//')
is "$traced" "$bare" "sqlite3: .trace goes on working"
whole_trace "sqlite3: and so do we"
is "$(statements)" 4 "sqlite3: four statements beside .trace"

bare=$(sqlite3 "file:$WORK/none.db?mode=ro" "SELECT 1" 2>&1)
traced=$(preloaded sqlite3 "file:$WORK/none.db?mode=ro" "SELECT 1" 2>&1)
is "$traced" "$bare" "sqlite3: its own configuration (URI names) is in force"
drain

# --- Python ------------------------------------------------------------------

cat >"$WORK/program.py" <<'END'
import sqlite3
db = sqlite3.connect(":memory:")
heard = []
db.set_trace_callback(heard.append)
db.create_function("f", 1, lambda x: db.execute("SELECT ?", (x,)).fetchone()[0])
db.execute("CREATE TABLE t(a UNIQUE)")
db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
try:
    db.execute("INSERT INTO t VALUES (1)")
except sqlite3.IntegrityError as e:
    print(e, e.sqlite_errorname)
print(db.execute("SELECT f(a) FROM t").fetchall(), db.total_changes)
db.commit()
db.set_trace_callback(None)
cursor = db.execute("SELECT a FROM t")
print(cursor.fetchone(), heard)
END
bare=$(/usr/bin/python3 "$WORK/program.py" 2>&1)
traced=$(preloaded /usr/bin/python3 "$WORK/program.py" 2>&1)
is "$traced" "$bare" "python: the same, set_trace_callback included"
whole_trace "python: the trace is whole"
tree_is "python: every statement, its parents, one left open" <<'END'
sqlite  CREATE TABLE t(a UNIQUE)
sqlite  BEGIN
sqlite  INSERT INTO t VALUES (?)
sqlite  INSERT INTO t VALUES (?)
sqlite  INSERT INTO t VALUES (1)  SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: t.a
sqlite  SELECT f(a) FROM t  2 rows
|- sqlite  SELECT ?  1 row
`- sqlite  SELECT ?  1 row
sqlite  COMMIT
sqlite  SELECT a FROM t  2 rows
END

# --- PHP, whose modules look past what is preloaded --------------------------

# shellcheck disable=SC2016
php_program='
$d = new SQLite3(":memory:");
$d->exec("CREATE TABLE t(a UNIQUE)");
$d->exec("INSERT INTO t VALUES (1)");
echo @$d->exec("INSERT INTO t VALUES (1)") ? "" : $d->lastErrorMsg(), "\n";
echo $d->querySingle("SELECT a FROM t"), "\n";
$p = new PDO("sqlite::memory:");
echo $p->query("SELECT 7")->fetchColumn(), "\n";'
bare=$(php -r "$php_program" 2>&1)
traced=$(preloaded php -r "$php_program" 2>&1)
is "$traced" "$bare" "php: the same"
whole_trace "php: the trace is whole"
tree_is "php: every statement; a failure by the log of SQLite" <<'END'
sqlite  CREATE TABLE t(a UNIQUE)
sqlite  INSERT INTO t VALUES (1)
sqlite  INSERT INTO t VALUES (1)  SQLITE_CONSTRAINT_UNIQUE: constraint failed
sqlite  SELECT a FROM t  1 row
sqlite  SELECT 7  1 row
END

# --- Python, with a file -----------------------------------------------------

# How long it waited for the disk, in the transaction's end; the file is the same.
sync_program='
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=0.05, isolation_level=None)
db.execute("CREATE TABLE t(a)")
db.execute("INSERT INTO t VALUES (1)")
db.execute("PRAGMA synchronous = OFF")
db.execute("INSERT INTO t VALUES (2)")
print(db.execute("PRAGMA busy_timeout").fetchone())
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
try:
    db.execute("INSERT INTO t VALUES (3)")
except sqlite3.OperationalError as e:
    print(e)'
bare=$(/usr/bin/python3 -c "$sync_program" "$WORK/bare.db" 2>&1)
traced=$(preloaded /usr/bin/python3 -c "$sync_program" "$WORK/traced.db" 2>&1)
is "$traced" "$bare" "python, a file: the same, its busy timeout included"
cmp -s "$WORK/bare.db" "$WORK/traced.db"
ok $? "python, a file: byte for byte"
whole_trace "python, a file: the trace is whole"
is "$(grep -c '"syncs": {"count": ' "$POINTS")" 2 \
	"python, a file: statements that write are synced, and not with synchronous = OFF"
is "$(grep -c '"busy": {"count": ' "$POINTS")" 1 \
	"python, a file: a statement that waited for the lock says so"

# --- Perl --------------------------------------------------------------------

# shellcheck disable=SC2016
perl_program='
my $d = DBI->connect("dbi:SQLite:dbname=:memory:", "", "", {PrintError => 0});
my @heard;
$d->do("CREATE TABLE t(a UNIQUE)");
$d->sqlite_profile(sub { push @heard, $_[0] });
$d->do("INSERT INTO t VALUES (?)", undef, "x");
$d->do("INSERT INTO t VALUES (?)", undef, "x") or print $d->errstr, "\n";
$d->sqlite_profile(undef);
print join(",", @{$d->selectcol_arrayref("SELECT a FROM t")}, @heard), "\n";'
bare=$(perl -MDBI -e "$perl_program" 2>&1)
traced=$(preloaded perl -MDBI -e "$perl_program" 2>&1)
is "$traced" "$bare" "perl: the same, sqlite3_profile included"
whole_trace "perl: the trace is whole"
tree_has "perl: a failure" \
	"sqlite  INSERT INTO t VALUES (?)  SQLITE_CONSTRAINT_UNIQUE: UNIQUE constraint failed: t.a"
tree_has "perl: a result" "sqlite  SELECT a FROM t  1 row"

# --- the run-time extension --------------------------------------------------

out=$(with_context sqlite3 :memory: 2>&1 <<END
.load $SQLITE_LIBRARY/osprofiler
SELECT osprofiler_start('job');
CREATE TABLE t(a);
INSERT INTO t VALUES (1);
SELECT osprofiler_stop();
.open $WORK/later.db
CREATE TABLE later(a);
END
)
is "$out" $'1\n1' ".load: works in an unmodified shell"
whole_trace ".load: the trace is whole"
tree_is ".load: this connection and later ones" <<'END'
job
|- sqlite  CREATE TABLE t(a);
`- sqlite  INSERT INTO t VALUES (1);
sqlite  CREATE TABLE later(a);
END

out=$(preloaded sqlite3 :memory: ".load $SQLITE_LIBRARY/osprofiler" "SELECT 5")
is "$out" 5 ".load in a preloaded program"
is "$(drain; statements)" 1 ".load in a preloaded program: nothing comes twice"

# --- what can be wrong -------------------------------------------------------

untraced()
{
	drain
	[ "$(statements)" -eq 0 ]
	ok $? "$1: nothing is traced"
}

out=$(OSPROFILER_TRACE_HMAC=0000 preloaded sqlite3 :memory: "SELECT 1")
is "$out" 1 "a wrong signature: the program runs"
untraced "a wrong signature"
refused=$("$OSPROFILER" status --run-directory "$WORK/run" 2>&1)
grep -qi 'signature.* 1$' <<<"$refused"
ok $? "a wrong signature: counted"

# Formatted as Python's bytes, the likeliest mistake.
out=$(OSPROFILER_RUN_DIR=$WORK/malformed preloaded sqlite3 :memory: \
	"SELECT 1 /*trace_hmac='52',trace_info='b'eyJ''*/")
is "$out" 1 "a malformed context: the program runs"
"$OSPROFILER" status --json --run-directory "$WORK/malformed" | grep -q '"malformed": 1'
ok $? "a malformed context: counted"
out=$(OSPROFILER_HMAC_KEYS='' preloaded sqlite3 :memory: "SELECT 1")
is "$out" 1 "no keys: the program runs"
untraced "no keys"
out=$(OSPROFILER_ENABLED=false preloaded sqlite3 :memory: "SELECT 1")
is "$out" 1 "switched off: the program runs"
untraced "switched off"
out=$(OSPROFILER_RUN_DIR=/proc/none preloaded sqlite3 :memory: "SELECT 1" 2>&1)
is "$out" 1 "no run directory can be made: the program runs"
# A disk that is full: no file can grow, then no file system has room.
some_work="CREATE TABLE t(a); INSERT INTO t VALUES (1), (2); SELECT sum(a) FROM t;"
# shellcheck disable=SC2016
out=$(
	ulimit -f 8
	OSPROFILER_RUN_DIR=$WORK/limited preloaded \
		bash -c 'trap "" XFSZ; exec sqlite3 :memory: "$1"' - "$some_work" 2>&1
)
is "$out" 3 "no file may grow: the program runs"

# The same, where the program does not ignore the signal that a file at its limit
# brings. It runs, and sessions without a ring are counted.
for limit in 0 1 8 64 100 1000; do
	out=$(
		ulimit -f $limit
		OSPROFILER_RUN_DIR=$WORK/limit-$limit preloaded sqlite3 :memory: "$some_work" 2>&1
		echo "exit status $?"
	)
	is "$out" $'3\nexit status 0' "ulimit -f $limit: the program runs"
done
"$OSPROFILER" status --run-directory "$WORK/limit-64" 2>&1 | grep -q '^1 session was not traced'
ok $? "ulimit -f 64: counted"

# Only root can have such a one; the limit above is for everybody.
if [ "$(id -u)" -eq 0 ] && mkdir "$WORK/tiny" && chmod 700 "$WORK/tiny" &&
	mount -t tmpfs -o size=64k,mode=700 osprofiler "$WORK/tiny" 2>/dev/null; then
	out=$(OSPROFILER_RUN_DIR=$WORK/tiny preloaded sqlite3 :memory: "$some_work" 2>&1)
	is "$out" 3 "a full file system: the program runs"
	umount "$WORK/tiny"
else
	echo "# no full file system: nothing can be mounted here"
fi

out=$(OSPROFILER_RING_SIZE=64kB preloaded sqlite3 :memory: \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 9)
	SELECT count(*) FROM n" 2>&1)
is "$out" 9 "a small ring: the program runs"
whole_trace "a small ring: the trace is whole"

# One that ends with a statement open.
preloaded /usr/bin/python3 -c '
import ctypes, sqlite3
rows = sqlite3.connect(":memory:").execute("VALUES (1), (2), (3)")
rows.fetchone()
ctypes.CDLL(None).exit(0)'
is "$?" 0 "the process ends in mid-statement: as without tracing"
whole_trace "the process ends in mid-statement: the trace is whole"
grep -q '"outcome": "open"' "$POINTS"
ok $? "the process ends in mid-statement: the stop says so"

# A process that dies in a statement leaves a start without a stop, no more.
# shellcheck disable=SC2016
preloaded perl -MDBI -e '
	my $d = DBI->connect("dbi:SQLite:dbname=:memory:");
	$d->sqlite_create_function("die_now", 0, sub { kill 9, $$ });
	$d->do("SELECT die_now()")' 2>/dev/null
drain
[ "$(grep -c 'SELECT die_now' "$POINTS")" -eq 1 ]
ok $? "killed in a statement: its start is there"

# A ring without a shipper runs full. Each statement has a start and a stop, which are
# written, or counted as dropped.
OSPROFILER_RING_SIZE=64kB preloaded python3 -c '
import sqlite3
db = sqlite3.connect(":memory:", isolation_level=None)
for i in range(5000):
    db.execute("SELECT %d" % i)'
counts=$("$OSPROFILER" status --run-directory "$WORK/run" |
	sed -n 's/^points \(written\|dropped\) *//p' | paste -sd+)
is "$((counts))" 10000 "a ring that is full: what is written and what is dropped is all"
drain

end_tests
