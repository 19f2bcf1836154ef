"""Forks with a connection open; parent and children use their own."""

import os

import psycopg2

first = psycopg2.connect("")
first.autocommit = True
cur = first.cursor()
for n in range(1, 4):
    cur.execute(f"select 'parent {n}'")
    pid = os.fork()
    if pid == 0:
        conn = psycopg2.connect("")
        conn.autocommit = True
        conn.cursor().execute(f"select 'child {n}'")
        conn.close()
        os._exit(0)
    os.waitpid(pid, 0)
first.close()
