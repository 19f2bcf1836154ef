# SPDX-License-Identifier: Apache-2.0
"""A Python service that traces itself with OSProfiler and calls PostgreSQL.

The service's own points come from the osprofiler library, as in any OpenStack
service. It hands its context to the hooks of libpq in psycopg2, and they to the
server, so `osprofiler trace show` draws all three as one tree.

    OSPROFILER_HMAC_KEYS=SECRET_KEY \
    LD_LIBRARY_PATH=/usr/local/lib/osprofiler/shadow python3 shop.py REPORT_DB

REPORT_DB is the collector of the Python side, an address of SQLAlchemy such as
sqlite:////tmp/traces.db; `osprofiler agent` ships the others' points to the same.
"""

import ctypes
import os
import sys

from osprofiler import notifier, profiler
from osprofiler.drivers.sqlalchemy_driver import SQLAlchemyDriver
import psycopg2

KEY = os.environ["OSPROFILER_HMAC_KEYS"]

# The state of the thread that the hooks look at; loaded with libpq already.
osp = ctypes.CDLL("libosprofiler.so.0")
osp.osp_init.argtypes = [ctypes.c_char_p] * 3


class Traced:
    """Lets the hooks of libpq go on from the point that is open in Python."""

    def __init__(self, name, info=None):
        self.name, self.info = name, info

    def __enter__(self):
        profiler.start(self.name, info=self.info)
        here = profiler.get()
        osp.osp_init(KEY.encode(), here.get_base_id().encode(), here.get_id().encode())

    def __exit__(self, etype, value, traceback):
        osp.osp_clean()
        profiler.stop()


def main():
    collector = SQLAlchemyDriver(sys.argv[1], project="shop", service="web",
                                 host="localhost")
    notifier.set(collector.notify)
    profiler.init(KEY)
    conn = psycopg2.connect("")
    conn.autocommit = True
    with Traced("wsgi", {"request": {"path": "/report", "method": "GET"}}):
        conn.cursor().execute("SELECT count(*) FROM purchase")
    conn.close()
    print(profiler.get().get_base_id())


main()
