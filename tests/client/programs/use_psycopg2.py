"""What psycopg2 does with libpq: COPY, large objects, cursors, errors."""

import io

import psycopg2
import psycopg2.extras

conn = psycopg2.connect("")
cur = conn.cursor()
cur.execute("create temp table t(a int, b text)")
cur.executemany("insert into t values (%s, %s)", [(1, "one"), (2, "zw\u00f6lf")])
conn.commit()
cur.execute("select * from t order by a")
print(cur.fetchall(), cur.rowcount, cur.statusmessage)
try:
    cur.execute("select * from nosuch where a = %s", ("x",))
except psycopg2.Error as error:
    print(type(error).__name__, error.pgcode, error.diag.statement_position)
    print(str(error))
conn.rollback()
try:
    cur.execute("select (")
except psycopg2.Error as error:
    print(type(error).__name__, error.pgcode, error.diag.statement_position)
    print(str(error))
conn.rollback()
cur.copy_expert("copy t from stdin", io.StringIO("3\tthree\n4\tfour\n"))
out = io.StringIO()
cur.copy_expert("copy t to stdout", out)
print(repr(out.getvalue()))
lo = conn.lobject(0, "wb")
lo.write(b"x" * 1000)
lo.close()
lo = conn.lobject(lo.oid, "rb")
print(len(lo.read()))
lo.unlink()
conn.commit()
with conn.cursor("named") as named:
    named.itersize = 2
    named.execute("select a from t order by a")
    print([row[0] for row in named])
conn.commit()
psycopg2.extras.execute_values(cur, "insert into t values %s", [(5, "a"), (6, "b")])
cur.execute("do $$ begin raise warning 'watch out'; end $$")
print(conn.notices)
print(conn.info.options, conn.info.dbname, conn.encoding)
conn.close()
