# SPDX-License-Identifier: Apache-2.0
"""A Django project with "osprofiler_db" in INSTALLED_APPS, behind OSProfiler's
own WSGI middleware: the recipe of docs/python.md."""

import io
import unittest

from traced_service import KEY, TracedCase, operations, the_server

import django
from django import conf
from django.urls import path


def configure(server):
    conf.settings.configure(
        SECRET_KEY="django's own", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["osprofiler_db"],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql",
                               "NAME": "postgres", "USER": "app",
                               "HOST": server.socket},
                   "plain": {"ENGINE": "django.db.backends.sqlite3",
                             "NAME": ":memory:"}})
    django.setup()


def order(request):
    from django.db import connections, transaction
    from django.http import HttpResponse

    with transaction.atomic():
        with connections["default"].cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE purchase (id int, note text)")
            cursor.execute("INSERT INTO purchase VALUES (%s, '100%%')", [1])
            cursor.executemany("INSERT INTO purchase VALUES (%s, '')", [(2,), (3,)])
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM purchase")
        found = cursor.fetchone()[0]
        cursor.execute("DROP TABLE purchase")
    with connections["plain"].cursor() as cursor:
        cursor.execute("SELECT %s", [1])
    return HttpResponse(str(found))


def fail(request):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM nosuch WHERE a = 'open")


urlpatterns = [path("order", order), path("fail", fail)]


class DjangoCase(TracedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        configure(the_server())
        from django.core.wsgi import get_wsgi_application
        from osprofiler import web
        cls.application = web.WsgiMiddleware(get_wsgi_application(), hmac_keys=KEY,
                                             enabled=True)

    def request(self, url, headers):
        """Returns (status, body) of a request with a signed context, or none."""
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": url, "SERVER_NAME": "s",
                   "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "QUERY_STRING": "",
                   "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO(),
                   "wsgi.version": (1, 0), "wsgi.multithread": False,
                   "wsgi.multiprocess": False, "wsgi.run_once": False,
                   "HTTP_HOST": "s", **headers}
        seen = []

        def start_response(status, headers, exc_info=None):
            seen.append(status)
            return lambda data: None

        body = b"".join(self.application(environ, start_response))
        return seen[0].split()[0], body.decode()

    def headers(self):
        from osprofiler import profiler, web
        profiler.init(KEY)
        base = profiler.get().get_base_id()
        found = {"HTTP_" + name.upper().replace("-", "_"):
                 value.decode() if isinstance(value, bytes) else value
                 for name, value in web.get_trace_id_headers().items()}
        profiler.clean()
        return base, found

    def test_a_request_is_one_tree(self):
        base, headers = self.headers()
        self.assertEqual(self.request("/order", headers), ("200", "3"))
        mine = [op for op in operations(self.own) if op.name == "db"]
        # The last one is SQLite's, which no tracer is loaded for here.
        self.assertEqual([op.text.split()[0] for op in mine],
                         ["CREATE", "INSERT", "INSERT", "COMMIT", "SELECT", "DROP",
                          "SELECT"])
        theirs = self.server_operations(7, base)
        self.assertEqual([op.text.split()[0] for op in theirs if op.name == "pg"],
                         ["CREATE", "INSERT", "INSERT", "INSERT", "COMMIT", "SELECT",
                          "DROP"])
        self.assertEqual({op.parent for op in theirs if op.name == "pg"},
                         {op.id for op in mine[:-1]})
        self.assert_nothing_secret()

    def test_nothing_without_a_context(self):
        self.assertEqual(self.request("/order", {}), ("200", "3"))
        self.assertEqual(self.own, [])
        self.assertEqual(len(self.server.points()), self._before)

    def test_errors_quote_no_signature(self):
        base, headers = self.headers()
        status, body = self.request("/fail", headers)
        self.assertEqual(status, "500")
        mine = [op for op in operations(self.own) if op.name == "db"]
        self.assertEqual(mine[0].stop["etype"], "ProgrammingError")
        self.assertEqual(mine[0].stop["db"]["sqlstate"], "42601")
        self.assert_nothing_secret()


if __name__ == "__main__":
    unittest.main(verbosity=2)
