# SPDX-License-Identifier: Apache-2.0
"""A service in eventlet, as OpenStack's are: the engine's plugin is imported before
the patches, osprofiler after them. Prints its own points. Usage: URL KEY REQUESTS
"""

import json
import sys

import osprofiler_db.sqlalchemy_plugin  # noqa: F401  the order is what is tested

import eventlet
eventlet.monkey_patch()

import sqlalchemy  # noqa: E402
from osprofiler import notifier, profiler  # noqa: E402
from osprofiler import sqlalchemy as upstream  # noqa: E402

url, key, requests = sys.argv[1:]
own = []
notifier.set(lambda info: own.append(json.loads(json.dumps(info))))
engine = sqlalchemy.create_engine(url, pool_size=50)
upstream.add_tracing(sqlalchemy, engine, "db")
engine.connect().close()  # SQLAlchemy asks the server for its version and the like


def request(number):
    """Does what others' requests come between."""
    profiler.init(key, base_id="green-%d" % number)
    profiler.start("wsgi")
    for _ in range(4):
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("SELECT :n"), {"n": number})
            eventlet.sleep(0.001)
    profiler.stop()
    profiler.clean()


pool = eventlet.GreenPool(50)
for _ in pool.imap(request, range(int(requests))):
    pass
print(json.dumps(own))
