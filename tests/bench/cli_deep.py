#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cli_deep.py LEVELS: prints a trace of as many connections, each made within the last one."""
import json
import sys

BASE = "11111111-2222-4333-8444-555555555555"
LAST_US = 30_000_000


def point(what, level, at_us):
    return {
        "name": "db.connect-" + what, "base_id": BASE,
        "trace_id": "00000000-0000-4000-8000-%012x" % level,
        "parent_id": BASE if level == 1 else "00000000-0000-4000-8000-%012x" % (level - 1),
        "timestamp": "2026-11-29T00:00:%02d.%06d" % divmod(at_us, 1_000_000),
        "info": {"host": "h", "db": {}}, "project": "", "service": ""}


def main():
    levels = range(1, int(sys.argv[1]) + 1)
    json.dump([point("start", level, level) for level in levels] +
              [point("stop", level, LAST_US - level) for level in reversed(levels)], sys.stdout)


main()
