# SPDX-License-Identifier: Apache-2.0
"""A WSGI service with PostgreSQL of which single requests are traced.

    python3 shop_wsgi.py [PORT]

A request with a signed context is an operation "wsgi", its statements are "db", and the
server's are "pg" below them; docs/request.md has the commands. Other requests are not
traced.
"""

import os
import socket
import sys
from wsgiref.simple_server import make_server

import psycopg2
from osprofiler import notifier, web
from osprofiler_db.psycopg2_classes import Connection


def application(environ, start_response):
    conn = psycopg2.connect("dbname=shop", connection_factory=Connection)
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class")
        count = cursor.fetchone()[0]
    conn.close()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{count}\n".encode()]


with open(os.path.expanduser("~/.config/osprofiler/hmac_keys")) as file:
    key = file.readline().strip()
notifier.set(notifier.create("redis://127.0.0.1:6379", project="shop", service="web",
                             host=socket.gethostname(), conf={}))
application = web.WsgiMiddleware(application, hmac_keys=key, enabled=True)

make_server("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8080,
            application).serve_forever()
