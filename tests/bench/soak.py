#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""soak.py WORK BINDIR OSPROFILER URI SECONDS: what tracing everything costs, and what arrives.

Runs pgbench's TPC-B with 8 clients against the cluster in WORK, half of the time untraced and half
with every statement sampled, in slices that take turns: each slice is a pgbench of its own, whose
PGOPTIONS say which it is. Beside the traced ones `osprofiler trace list` and `trace show` run in a
loop. Prints transactions per second of both and their ratio; the notifications that were made,
stored and lost; the agent's processor time, bytes written to the disk and bytes kept for each of
them; and how long after its end an operation can be read.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import uuid

CLIENTS = 8
SLICE_S = 15
KEY = b"bench-key"
PORT = "5433"
DRAIN_S = 60
ARRIVAL_S = 5
READER_PAUSE_S = 0.5
LAG_PAUSE_S = 2  # each measure starts a session and polls, which costs more than it shows


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def signed_context():
    """A base_id, and the options of a session that is traced under it."""
    base_id = str(uuid.uuid4())
    info = base64.urlsafe_b64encode(
        json.dumps({"base_id": base_id, "parent_id": base_id}).encode())
    sign = hmac.new(KEY, info, hashlib.sha1).hexdigest()
    return base_id, ("-c osprofiler.trace_info=%s -c osprofiler.trace_hmac=%s" %
                     (info.decode().replace("=", "\\="), sign))


def pgbench(work, bindir, seconds, rate):
    """Transactions per second of a slice."""
    out = run(bindir + "/pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds),
              "-M", "prepared", "-h", work, "-p", PORT, "-U", "postgres", "bench",
              env=dict(os.environ, PGOPTIONS="-c osprofiler.sample_rate=%s" % rate),
              stderr=subprocess.DEVNULL)
    return float(re.search(r"tps = ([0-9.]+) \(without", out).group(1))


def agent_pids(work):
    """The shippers of this cluster: processes whose command line names it."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if name.isdigit() and b"agent" in words and words[0].startswith(work.encode()):
            found.append(int(name))
    return found


def usage(pids):
    """Processor seconds and bytes written of processes."""
    seconds = written = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            with open("/proc/%d/io" % pid, encoding="ascii") as file:
                written += int(re.search(r"^write_bytes: (\d+)", file.read(), re.M).group(1))
        except OSError:
            continue
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, written


def status(osprofiler, work):
    """The counters of all run directories of the cluster, summed up."""
    sums = {}
    root = work + "/run"
    directories = [entry.path for entry in os.scandir(root) if entry.is_dir()] + [root]
    for directory in directories:
        done = subprocess.run([osprofiler, "status", "--json", "--run-directory", directory],
                              check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        if not done.stdout:
            continue
        for key, value in json.loads(done.stdout).items():
            if isinstance(value, int):
                sums[key] = sums.get(key, 0) + value
    return sums


class Reader(threading.Thread):
    """Lists and shows in a loop, until it is told to stop."""

    def __init__(self, osprofiler, uri):
        super().__init__()
        self.command = [osprofiler, "trace"]
        self.at = ["--connection-string", uri]
        self.list_s = []
        self.show_s = []
        self.failed = 0
        self.done = threading.Event()

    def timed(self, times, *words):
        start = time.monotonic()
        done = subprocess.run([*self.command, *words, *self.at], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        times.append(time.monotonic() - start)
        self.failed += done.returncode != 0
        return done.stdout

    def run(self):
        while not self.done.wait(READER_PAUSE_S):
            ids = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                             self.timed(self.list_s, "list"))
            if ids:
                self.timed(self.show_s, "show", "--no-wait", ids[-1])


def arrival(work, bindir, osprofiler, uri):
    """Seconds from the end of a client with a traced statement until the statement's stop is read."""
    base_id, options = signed_context()
    run(bindir + "/psql", "-XAtq", "-h", work, "-p", PORT, "-U", "postgres", "-c", "SELECT 1",
        "bench", env=dict(os.environ, PGOPTIONS=options))
    start = time.monotonic()
    while time.monotonic() - start < ARRIVAL_S:
        done = subprocess.run([osprofiler, "trace", "show", "--json", "--no-wait", base_id,
                               "--connection-string", uri], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if '"meta.raw_payload.pg-stop"' in done.stdout:
            return time.monotonic() - start
    return float(ARRIVAL_S)


class Lag(threading.Thread):
    """Measures arrivals until it is told to stop. Each includes what a command and psql's end take."""

    def __init__(self, *where):
        super().__init__()
        self.where = where
        self.times = []
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(LAG_PAUSE_S):
            self.times.append(arrival(*self.where))


def kept(uri):
    if uri.startswith("sqlite:///"):
        return os.stat(uri[len("sqlite:///"):].split("?")[0]).st_size
    out = run("redis-cli", "-u", uri, "info", "memory")
    return int(re.search(r"used_memory:(\d+)", out).group(1))


def middle(times, part):
    if not times:
        return "none"
    return "%.0f ms" % (sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000)


def status_when_shipped(osprofiler, work):
    """The counters when no point waits any more, or after DRAIN_S."""
    until = time.monotonic() + DRAIN_S
    while True:
        counters = status(osprofiler, work)
        waits = counters.get("waiting_bytes", 0) + counters.get("spool_bytes", 0)
        if waits == 0 or time.monotonic() > until:
            return counters
        time.sleep(0.5)


def main():
    work, bindir, osprofiler, uri, seconds = sys.argv[1:6]
    slice_s = min(SLICE_S, max(2, int(seconds) // 8))
    tps = {"0": [], "1": []}
    reader = Reader(osprofiler, uri)
    lag = Lag(work, bindir, osprofiler, uri)

    pgbench(work, bindir, 2, "1")  # starts the shipper
    pids = agent_pids(work)
    counted = status_when_shipped(osprofiler, work)
    before = usage(pids)
    end = time.monotonic() + int(seconds)
    reader.start()
    lag.start()
    while time.monotonic() < end:
        for rate in ("0", "1"):
            tps[rate].append(pgbench(work, bindir, slice_s, rate))
    lag.done.set()
    reader.done.set()
    lag.join()
    reader.join()
    after = status_when_shipped(osprofiler, work)
    spent = [b - a for a, b in zip(before, usage(pids))]
    new = {key: after[key] - counted.get(key, 0) for key in after}
    shipped = new["shipped"]
    lost = new["dropped"] + new["spool_dropped"] + new["refused"]
    ratio = [b / a for a, b in zip(tps["0"], tps["1"])]
    print("TPS untraced %.0f, traced %.0f: %.3f (of slices %.3f to %.3f)" %
          (statistics.mean(tps["0"]), statistics.mean(tps["1"]),
           sum(tps["1"]) / sum(tps["0"]), min(ratio), max(ratio)))
    print("notifications written %d, shipped %d, lost %d" % (new["written"], shipped, lost))
    if shipped > 0:
        print("agent %.2f us, %.0f B written, %.1f B kept, of each" %
              (spent[0] / shipped * 1e6, spent[1] / shipped,
               kept(uri) / (shipped + counted.get("shipped", 0))))
    print("lag p50 %s, p99 %s (%d times); list %s, show %s (p50 of %d), %d failed" %
          (middle(lag.times, .5), middle(lag.times, .99), len(lag.times),
           middle(reader.list_s, .5), middle(reader.show_s, .5), len(reader.list_s),
           reader.failed))


main()
