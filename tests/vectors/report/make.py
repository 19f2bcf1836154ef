#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# make.py
#     Makes the expected reports in this folder: NAME.json is what the Python
#     osprofiler prints for NAME.points (a notification a line), byte for byte,
#     but for the order of siblings, which is the true one here.
#
#     tests/vectors/report/make.py        (needs Debian's python3-osprofiler)

import datetime
import glob
import json
import os
import sys

from osprofiler.drivers import base


def read(path):
    with open(path, encoding="utf-8", errors="surrogatepass") as file:
        return [json.loads(line) for line in file if line.strip()]


def true_order(points):
    """What siblings are sorted by: start, end, elapsed_ns, trace_id."""
    times = {}
    for n in points:
        node = times.setdefault(n["trace_id"], {"elapsed": -1})
        when = datetime.datetime.strptime(n["timestamp"],
                                          "%Y-%m-%dT%H:%M:%S.%f")
        if n["name"].endswith("stop"):
            node["stop"] = when
            node["elapsed"] = n["info"].get("elapsed_ns", -1)
        else:
            node["start"] = when

    def key(child):
        node = times[child["trace_id"]]
        start = node.get("start", node.get("stop"))
        end = node.get("stop", start)
        return start, end, node["elapsed"], json.dumps(child["trace_id"])
    return key


def sort_children(node, key):
    node["children"].sort(key=key)
    for child in node["children"]:
        sort_children(child, key)


def report(points):
    driver = base.Driver("file://")
    for n in points:
        driver._append_results(n["trace_id"], n["parent_id"], n["name"],
                               n["project"], n["service"], n["info"]["host"],
                               n["timestamp"], n)
    result = driver._parse_results()
    sort_children(result, true_order(points))
    return json.dumps(result, indent=2, separators=(",", ": "))


def main():
    folder = os.path.dirname(os.path.abspath(sys.argv[0]))
    for path in sorted(glob.glob(folder + "/*.points")):
        with open(path[:-len("points")] + "json", "w") as file:
            file.write(report(read(path)))


if __name__ == "__main__":
    main()
