#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_findings.py [DIR [RULE ...]]: makes the traces of tests/unit/test_findings.c.

DIR is a directory that INCIDENTS_SAVE of tests/incidents has filled. The traces of the
named rules, or of all rules whose incident is in DIR, are copied from there to
RULE.points, some of them shortened. All other traces stay as they are.

Then RULE_near.points is made of RULE.points: nearly the same trace, in which the rule
must not find its cause. Without DIR that is done for all rules.

A new rule needs a row in RECORDED and a branch in near().
"""
import json
import os
import sys
from datetime import datetime, timedelta

HERE = os.path.dirname(os.path.abspath(__file__))
TIME = "%Y-%m-%dT%H:%M:%S.%f"

# Rules, and the incidents whose traces are theirs: the name that the incident gives to
# found(), with "_" for all that is no letter or digit. None: no incident makes it.
RECORDED = {
    "deadlock": "deadlock", "lock_wait": "lock", "commit": "standby",
    "analysis": "table_lock", "connect": "connections", "estimate": "wrong_estimate", "spill": "spill",
    "filter": "missing_index", "heap_fetches": "heap_fetches", "read": "reads",
    "sleep": "sleep", "client_wait": "slow_client", "jit": "JIT",
    "sqlite_busy": "SQLite_busy", "sqlite_scan": "SQLite_scan",
    "sqlite_wait": "SQLite_busy_timeout", "sqlite_checkpoint": "SQLite_checkpoint",
    "sqlite_sync": "SQLite_syncs", "sqlite_index": "SQLite_automatic_index",
    "failure": "retries", "trigger": "foreign_key_without_index",
    "repeat": "N_1_over_a_network", "planning": "planning",
    "workers": "missing_workers", "function": "function", "network": "network",
    "wal": "writes", "write": "writes",
    "plan_change": "plan_change", "toast": "TOAST", "dead_rows": "dead_rows_in_memory",
    "dead_index": "dead_rows_in_a_range", "subplan": "subquery", "offset": "offset", "pooler": "pooler",
    "expression": "expression", "lookup": "join_without_an_index", "skip_locked": "skip_locked",
    "cpu_workers": None,
    "cpu": "busy_CPU", "client_pause": "pause", "failed": "timeout", "application": "application",
}
MAX = {"connect": 12, "trigger": 8}

# Rules whose near miss is another recording, INCIDENT_near.
NEAR_IS_RECORDED = {"skip_locked"}


def kind(point):
    return point["name"].rsplit("-", 1)[0]


def is_stop(point):
    return point["name"].endswith("-stop")


def keep_first(points, name, count):
    """Without the operations of this name beyond the first ones, and those below."""
    starts = sorted((p for p in points if kind(p) == name and not is_stop(p)),
                    key=lambda p: p["timestamp"])
    gone = {p["trace_id"] for p in starts[count:]}
    if starts[count:]:
        last = starts[count]["timestamp"]
        gone |= {p["trace_id"] for p in points
                 if p["timestamp"] > last and p["parent_id"] == p["base_id"] and not is_stop(p)}
    grown = True
    while grown:
        more = {p["trace_id"] for p in points if p["parent_id"] in gone} - gone
        gone |= more
        grown = bool(more)
    return [p for p in points if p["trace_id"] not in gone]


def last_for(points, wanted, ms):
    """Lets the operations that are wanted last for ms."""
    for stop in points:
        if not is_stop(stop) or not wanted(stop):
            continue
        start = next(p for p in points if p["trace_id"] == stop["trace_id"] and not is_stop(p))
        end = datetime.strptime(start["timestamp"], TIME) + timedelta(milliseconds=ms)
        stop["timestamp"] = end.strftime(TIME)
        stop["info"]["elapsed_ns"] = int(ms * 1e6)


def of_kind(name):
    return lambda p: kind(p) == name


def change(points, key, value):
    """Changes all members of this name, however deep."""
    def visit(value_now):
        for name, inner in value_now.items():
            if name == key:
                value_now[name] = value
            elif isinstance(inner, dict):
                visit(inner)
    for point in points:
        visit(point["info"])


def succeed(points, count):
    """All but the last failures succeed."""
    failures = [p for p in points if p["info"].get("etype")]
    for point in failures[:len(failures) - count]:
        del point["info"]["etype"], point["info"]["message"]


def near(rule, points):
    if rule == "deadlock":
        last_for(points, lambda p: p["info"].get("etype") == "deadlock_detected" or kind(p) == "pg.wait", 3)
    elif rule == "lock_wait":
        last_for(points, of_kind("pg.wait"), 6)
        change(points, "waits", {"Lock:transactionid": 6})
    elif rule == "commit":
        last_for(points, of_kind("pg.commit"), 6)
    elif rule == "connect":
        return keep_first(points, "db.connect", 3)
    elif rule == "estimate":
        change(points, "plan_rows", 100)
    elif rule == "spill":
        change(points, "sort_space_type", "Memory")
        change(points, "temp_blks_written", 0)
    elif rule == "filter":
        change(points, "rows", 300000)
        change(points, "rows_removed_by_filter", 300000)
    elif rule == "heap_fetches":
        change(points, "heap_fetches", 900)
    elif rule == "analysis":
        last_for(points, of_kind("pg.parse"), 6)
    elif rule == "read":
        change(points, "io_read_ms", 6)
        change(points, "waits", {"IO:DataFileRead": 6})
    elif rule == "wal":
        change(points, "IO:WALWrite", 3)
        change(points, "IO:WALSync", 3)
    elif rule == "write":
        change(points, "io_write_ms", 3)
        change(points, "IO:DataFileExtend", 3)
        change(points, "IO:DataFileWrite", 3)
    elif rule == "sleep":
        change(points, "Timeout:PgSleep", 6)
    elif rule == "client_wait":
        change(points, "Client:ClientWrite", 6)
    elif rule == "jit":
        for part in ("generation", "inlining", "optimization", "emission"):
            change(points, part + "_ms", 2)
    elif rule == "sqlite_busy":
        change(points, "etype", "SQLITE_CONSTRAINT")
    elif rule in ("sqlite_wait", "sqlite_sync"):
        for point in points:
            for wait in ("busy", "syncs"):
                if wait in point["info"]:
                    point["info"][wait]["ms"] = 0.2
    elif rule == "sqlite_checkpoint":
        last_for(points, of_kind("sqlite.checkpoint"), 6)
    elif rule == "sqlite_index":
        change(points, "autoindex_rows", 900)
        change(points, "fullscan_steps", 900)
    elif rule == "sqlite_scan":
        change(points, "rows", 200000)
    elif rule == "failure":
        succeed(points, 1)
    elif rule == "failed":
        succeed(points, 0)
    elif rule == "trigger":
        last_for(points, lambda p: kind(p) != "pg" or p["parent_id"] != p["base_id"], 0.1)
    elif rule == "repeat":
        return keep_first(points, "db", 9)
    elif rule == "planning":
        last_for(points, of_kind("pg.plan"), 6)
    elif rule == "workers":
        change(points, "workers_launched", 3)
    elif rule == "function":
        last_for(points, of_kind("pg.function"), 6)
    elif rule == "network":
        return [p for p in points if kind(p) in ("db", "db.connect")]
    elif rule == "client_pause":
        change(points, "statement", "SELECT 1")
    elif rule == "plan_change":
        # The other values needed all that was read.
        change(points, "rows_removed_by_filter", 0)
        for point in points:
            node = point["info"].get("db", {}).get("node", {})
            if node.get("loops") == 1:
                point["info"]["db"]["rows"] = node["rows"] = 200000
            elif is_stop(point) and kind(point) == "pg" and point["info"]["elapsed_ns"] > 5e6:
                point["info"]["db"]["rows"] = 200000
    elif rule == "offset":
        # Nearly all of them were wanted.
        change(points, "rows", 190000)
    elif rule == "toast":
        # The table is that large.
        change(points, "relation_pages", 15000)
    elif rule == "dead_rows":
        # There is a row on most of its pages.
        change(points, "rows", 9000)
    elif rule == "dead_index":
        # The index begins with another column, so all of it is read.
        change(points, "indexes", "job_pkey btree (n, id); ")
    elif rule == "subplan":
        change(points, "loops", 900)
    elif rule == "pooler":
        # A connection to the server itself, over a network.
        pid = next(p["info"]["db"]["pid"] for p in points if p["name"] == "pg-start")
        change(points, "pid", pid)
    elif rule == "cpu":
        for point in points:
            used = point["info"].get("db", {}).get("cpu")
            if used:
                used["user_ms"] = used["of_ms"] * 0.95
    elif rule == "cpu_workers":
        # One of the workers had its processor.
        stop = next(p for p in points if p["name"] == "pg.worker-stop" and "cpu" in p["info"]["db"])
        stop["info"]["db"]["cpu"]["user_ms"] = 1420.0
    elif rule == "expression":
        change(points, "user_ms", 1.5)
        change(points, "system_ms", 0.5)
    elif rule == "lookup":
        # An index has the column, behind another one.
        for point in points:
            node = point["info"].get("db", {}).get("node", {})
            if node.get("relation") == "item" and node["type"] == "Seq Scan":
                node["indexes"] += "item_owner btree (owner, kind); "
    elif rule == "application":
        begin = min(p["timestamp"] for p in points)
        end = (datetime.strptime(begin, TIME) + timedelta(milliseconds=90)).strftime(TIME)
        for point in points:
            point["timestamp"] = min(point["timestamp"], end)
    else:
        sys.exit(f"make_findings.py: near() has no branch for {rule}")
    return points


def write(name, points):
    with open(os.path.join(HERE, name + ".points"), "w", encoding="utf-8") as file:
        for point in points:
            file.write(json.dumps(point, sort_keys=True) + "\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def take_over(rule, path):
    """Copies the trace of an incident."""
    points = read(path)
    if rule in MAX:
        points = keep_first(points, "db.connect" if rule == "connect" else "pg.trigger", MAX[rule])
    if rule == "write":
        change(points, "IO:WALWrite", 0)
        change(points, "IO:WALSync", 0)
    write(rule, points)


def make_stale():
    """The trace of estimate with a table that was small when it was analyzed last; and nearly."""
    for name, rows in ("estimate_stale", 1000), ("estimate_stale_near", 90000):
        points = read(os.path.join(HERE, "estimate.points"))
        for point in points:
            node = point["info"].get("db", {}).get("node", {})
            if "plan_rows" in node and "relation" in node:
                node["relation_rows"] = rows
        write(name, points)


def main():
    saved = sys.argv[1] if len(sys.argv) > 1 else None
    named = sys.argv[2:]
    for rule in named:
        if rule not in RECORDED:
            sys.exit(f"make_findings.py: RECORDED has no rule {rule}")
    for rule, incident in RECORDED.items():
        path = os.path.join(saved, f"{incident}.points") if saved else None
        if rule not in named and (named or (saved and not os.path.exists(path))):
            continue
        if saved:
            take_over(rule, path)
        if rule in NEAR_IS_RECORDED:
            if saved:
                take_over(rule + "_near", os.path.join(saved, f"{incident}_near.points"))
        else:
            write(rule + "_near", near(rule, read(os.path.join(HERE, rule + ".points"))))
        if rule == "estimate":
            make_stale()


main()
