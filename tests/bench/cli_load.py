#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Redis commands, for redis-cli --pipe, that store traces as OSProfiler does.

Without an argument: one trace of 100,000 points, a tree of statements of about 370
bytes each, in order of time. With "traces": 10,000 traces of two points.
"""
import json
import sys
import uuid


def push(base, name, trace, parent, at_us, info):
    seconds, us = divmod(at_us, 1000000)
    minutes, seconds = divmod(seconds, 60)
    body = json.dumps({
        "name": name, "base_id": base, "trace_id": trace, "parent_id": parent,
        "timestamp": "2026-11-22T15:%02d:%02d.%06d" % (minutes, seconds, us),
        "info": dict(info, host="bench"), "project": "bench", "service": "api"}).encode()
    key = b"osprofiler_opt:" + base.encode()
    sys.stdout.buffer.write(b"*3\r\n$5\r\nLPUSH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                            % (len(key), key, len(body), body))


def statement(base, parent, number):
    trace = str(uuid.uuid4())
    push(base, "db-start", trace, parent, number * 100,
         {"db": {"statement": "SELECT id, name FROM items WHERE id = :id AND n = %d" % number,
                 "params": {"id": number}}})
    return trace


def stop(base, parent, trace, number):
    push(base, "db-stop", trace, parent, number * 100 + 60, {"db": {"result": "[(1, 'x')]"}})


def main():
    if sys.argv[1:] == ["traces"]:
        for number in range(10000):
            base = str(uuid.uuid4())
            stop(base, base, statement(base, base, number), number)
        return
    base = "11111111-2222-4333-8444-555555555555"
    for group in range(5000):
        outer = statement(base, base, group * 10)
        for inner in range(1, 10):
            number = group * 10 + inner
            stop(base, outer, statement(base, outer, number), number)
        stop(base, base, outer, group * 10 + 9)


main()
