#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""peer_store.py BENCH_STORE EXTENSION: the sqlite store with Python's sqlite3 and SQLite's shell.

Prints TAP. The view traces works as it is, notifications with the extension.
"""
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile

BENCH, EXTENSION = sys.argv[1:3]
TRACES, PER_TRACE = 48, 6  # of eight sessions
COUNT = [0]


def ok(good, what):
    COUNT[0] += 1
    print("%s %d - %s" % ("ok" if good else "not ok", COUNT[0], what))


def main():
    directory = tempfile.mkdtemp()
    path = directory + "/traces.db"
    subprocess.run([BENCH, "write", "sqlite:///" + path, str(TRACES), str(PER_TRACE), "40"],
                   check=True, stdout=subprocess.DEVNULL)

    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    rows = db.execute("SELECT base_id, first, last, operations, text FROM traces").fetchall()
    ok(len(rows) == TRACES and all(len(row[0]) == 36 and row[1] < row[2] for row in rows),
       "Python reads traces without the extension")
    try:
        db.execute("SELECT * FROM notifications")
        ok(False, "notifications want the extension")
    except sqlite3.OperationalError as error:
        ok("osprofiler_block" in str(error), "notifications want the extension")
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    rows = db.execute("SELECT base_id, name, info FROM notifications").fetchall()
    ok(len(rows) == TRACES * PER_TRACE, "Python reads notifications with it")
    ok(all(json.loads(row[2])["host"] == "vm" for row in rows), "whose info is JSON")
    base = rows[0][0]
    ok(db.execute("SELECT count(*) FROM notifications WHERE base_id = ?",
                  (base,)).fetchone() == (PER_TRACE,), "those of one trace")

    if shutil.which("sqlite3"):
        out = subprocess.run(["sqlite3", "-readonly", path, ".load " + EXTENSION,
                              "SELECT count(DISTINCT base_id), count(*) FROM notifications"],
                             check=False, text=True, stdout=subprocess.PIPE).stdout
        ok(out == "%d|%d\n" % (TRACES, TRACES * PER_TRACE), "SQLite's shell does so, too")
    shutil.rmtree(directory)
    print("1..%d" % COUNT[0])


main()
