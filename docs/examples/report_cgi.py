# SPDX-License-Identifier: Apache-2.0
"""A CGI program in Python in the middle of a trace.

The web server passes X-Trace-Info and X-Trace-HMAC as HTTP_X_TRACE_INFO and
HTTP_X_TRACE_HMAC. The request becomes an operation "wsgi", its statements "db",
and the server's own "pg" hang below these. OSPROFILER_HMAC_KEYS is that of the web
server's process, REPORT_COLLECTOR where OSProfiler in Python sends operations to.
"""

import os

import psycopg2
from oslo_config import cfg
from osprofiler import _utils, notifier, opts, profiler

from osprofiler_db.psycopg2_classes import Connection


def open_profiler():
    """Goes on with the trace of the caller, if it has signed its context."""
    keys = os.environ["OSPROFILER_HMAC_KEYS"].split(",")
    context = _utils.signed_unpack(os.environ.get("HTTP_X_TRACE_INFO"),
                                   os.environ.get("HTTP_X_TRACE_HMAC"), keys)
    if context:
        opts.set_defaults(cfg.CONF)  # drivers read options of theirs
        notifier.set(notifier.create(os.environ["REPORT_COLLECTOR"], project="shop",
                                     service="report", host="localhost",
                                     conf=cfg.CONF))
        profiler.init(context["hmac_key"], base_id=context["base_id"],
                      parent_id=context["parent_id"])


def main():
    open_profiler()
    with profiler.Trace("wsgi", {"request": {"path": os.environ.get("PATH_INFO", "")}}):
        connection = psycopg2.connect("", connection_factory=Connection)
        cursor = connection.cursor()
        cursor.execute("CREATE TEMP TABLE report (id int)")
        cursor.execute("SELECT 40 + 2")
        found = cursor.fetchone()[0]
        connection.commit()
        connection.close()
    print("Content-Type: text/plain\n\n%d" % found)


main()
