"""What psycopg 3 does with libpq: parameters, preparing, pipelines, COPY."""

import logging

import psycopg

# Whether it warns of a pipeline that failed depends on when the answer comes.
logging.getLogger("psycopg").setLevel(logging.ERROR)

conn = psycopg.connect("", prepare_threshold=3)
print(psycopg.pq.__impl__)
cur = conn.cursor()
cur.execute("create temp table t(a int, b text)")
cur.execute("insert into t values (%s, %s)", (1, "one"))
for n in range(5):
    cur.execute("select b from t where a = %s", (n,))
    print(cur.fetchall(), cur.statusmessage)
conn.commit()
for statement in ("select nosuch", "select (", "selec 1"):
    try:
        cur.execute(statement)
    except psycopg.Error as error:
        print(type(error).__name__, error.sqlstate, error.diag.statement_position)
        print(str(error))
    conn.rollback()
try:
    cur.execute("select %s + from t", (1,))
except psycopg.Error as error:
    print(type(error).__name__, error.sqlstate, error.diag.statement_position)
    print(str(error))
conn.rollback()
with cur.copy("copy t from stdin") as copy:
    copy.write_row((2, "two"))
    copy.write_row((3, "three"))
with cur.copy("copy t to stdout") as copy:
    print([bytes(block) for block in copy])
with conn.pipeline():
    cur.execute("insert into t values (%s, %s)", (4, "four"))
    cur.execute("insert into t values (%s, %s)", (5, "five"))
    count = conn.execute("select count(*) from t")
print(count.fetchone())
try:
    with conn.pipeline():
        cur.execute("select 1 / %s", (0,))
        cur.execute("select %s", ("never",))
except psycopg.Error as error:
    print(type(error).__name__, error.sqlstate)
conn.rollback()
print([row for row in cur.stream("select a from generate_series(1, 3) a")])
conn.close()
