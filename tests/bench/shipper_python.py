#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Points per second of the Python OSProfiler into a collector: start and stop with a
statement, the collector's driver as notifier. The most of three runs of a second."""
import sys
import time

from oslo_config import cfg
from osprofiler import notifier, opts, profiler


def main():
    opts.set_defaults(cfg.CONF, enabled=True, connection_string=sys.argv[1])
    cfg.CONF([])
    bus = {"transport_url": sys.argv[2], "context": {}} if len(sys.argv) > 2 else {}
    notifier.set(notifier.create(sys.argv[1], project="bench", service="api", host="bench",
                                 conf=cfg.CONF, **bus))
    profiler.init("SECRET_KEY")
    most = 0
    for _ in range(3):
        count, begin = 0, time.monotonic()
        while time.monotonic() - begin < 1:
            profiler.start("db", info={"db": {"statement": "SELECT id FROM items", "params": {}}})
            profiler.stop()
            count += 2
        most = max(most, count / (time.monotonic() - begin))
    print(int(most))


main()
