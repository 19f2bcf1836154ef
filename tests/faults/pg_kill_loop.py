#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kill loop with a real PostgreSQL: kills the shipper, redis-server, traced clients
and now and then a backend, at random, while pgbench works.

At the end every point that the backends have committed to their rings is in Redis, a copy
of one at most, and every statement that a living backend began has its stop. Killing the shipper
never disturbs the server; a killed backend makes PostgreSQL restart all of them, as it
does without us.
"""

import argparse
import glob
import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import sys

import faultlib

TROUBLES = 3  # exit status of osprofiler status: something waits or was lost
KEY = "kill-loop-key"
SELECT = "SELECT count(*) FROM pg_class WHERE relname > 'pg_%' AND 1 = :client_id + 1 - :client_id;\n"


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=faultlib.default_build())
    parser.add_argument("--module", help="osprofiler.so; default: that of this tree")
    parser.add_argument("--pg-config", default=os.environ.get("PG_CONFIG", "pg_config"))
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--rate", type=int, default=300,
                        help="statements a second of each client")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true", help="keep directories and logs")
    return parser.parse_args()


class Cluster:
    """A PostgreSQL of our own whose sessions have the extension. Servers refuse root."""

    def __init__(self, arguments, place, redis):
        self.path = place.path
        self.run_directory = place.run_directory
        self.data = os.path.join(place.path, "data")
        self.bin = subprocess.check_output([arguments.pg_config, "--bindir"],
                                           text=True).strip()
        self.prefix = []
        if os.geteuid() == 0:
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres",
                           "--clear-groups"]
        self.osprofiler = os.path.join(place.path, "osprofiler")
        self._copy(arguments)
        self._hand_over()
        self.call([self.bin + "/initdb", "-A", "trust", "-N", "-U", "postgres",
                   "-D", self.data])
        self._configure(redis)
        self.server = faultlib.Process(
            "postgres", self.prefix + [self.bin + "/postgres", "-D", self.data],
            os.path.join(place.path, "server.log"),
            {"OSPROFILER_DRIVER_PATH": os.path.join(place.path, "drivers")})

    def _copy(self, arguments):
        """What the server's user must be able to read."""
        top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        module = arguments.module or os.path.join(top, "pg_osprofiler", "osprofiler.so")
        shutil.copy(module, os.path.join(self.path, "osprofiler.so"))
        shutil.copy(os.path.join(arguments.build, "bin", "osprofiler"), self.osprofiler)
        shutil.copytree(os.path.join(arguments.build, "drivers"),
                        os.path.join(self.path, "drivers"))
        with open(os.path.join(self.path, "keys"), "w", encoding="ascii") as keys:
            os.fchmod(keys.fileno(), 0o600)
            keys.write(KEY + "\n")
        with open(os.path.join(self.path, "select.sql"), "w", encoding="ascii") as script:
            script.write(SELECT)

    def _hand_over(self):
        if not self.prefix:
            return
        owner = pwd.getpwnam("postgres")
        for name in [self.path, self.run_directory, os.path.join(self.path, "keys")]:
            os.chown(name, owner.pw_uid, owner.pw_gid)

    def _configure(self, redis):
        lines = [
            "listen_addresses = ''",
            "unix_socket_directories = '%s'" % self.path,
            "restart_after_crash = on",
            "fsync = off",
            "session_preload_libraries = '%s/osprofiler.so'" % self.path,
            "osprofiler.hmac_keys_file = '%s/keys'" % self.path,
            "osprofiler.connection_string = '%s'" % redis.uri,
            "osprofiler.run_directory = '%s'" % self.run_directory,
            "osprofiler.agent = '%s'" % self.osprofiler,
        ]
        self.call(["tee", "-a", os.path.join(self.data, "postgresql.conf")],
                  "\n".join(lines) + "\n")

    def call(self, command, text=None, accepted=(0,)):
        done = subprocess.run(self.prefix + command, input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=self.path, check=False)
        if done.returncode not in accepted:
            raise faultlib.Failed("%s: %s" % (command[0], done.stdout))
        return done.stdout

    def is_up(self):
        return subprocess.call([self.bin + "/pg_isready", "-q", "-h", self.path]) == 0

    def status(self):
        """What `osprofiler status` says of this cluster's run directory."""
        found = glob.glob(os.path.join(self.run_directory, "pg-*"))
        if len(found) != 1:
            raise faultlib.Failed("%d run directories" % len(found))
        return json.loads(self.call([self.osprofiler, "status", "--json",
                                     "--run-directory", found[0]],
                                    accepted=(0, TROUBLES)))

    def agent(self):
        """The shipper's pid, or None at a moment without one."""
        return self.status()["shipper_pid"]

    def a_backend(self):
        """The pid of some client's backend, or None."""
        try:
            out = self.call([self.bin + "/psql", "-h", self.path, "-U", "postgres", "-qAtc",
                             "SELECT pid FROM pg_stat_activity WHERE backend_type = "
                             "'client backend' AND pid <> pg_backend_pid()", "postgres"])
        except faultlib.Failed:
            return None
        pids = out.split()
        return int(random.choice(pids)) if pids else None

    def end(self):
        if self.server.process is not None and self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGINT)
            self.server.process.wait(60)


class Client(faultlib.Process):
    """pgbench, all of whose statements are traced in one trace of its own."""

    def __init__(self, cluster, rate):
        self.cluster = cluster
        self.rate = rate
        super().__init__("pgbench", None, os.path.join(cluster.path, "pgbench.log"))

    def start(self):
        headers = self.cluster.call([self.cluster.osprofiler, "context", "new",
                                     "--hmac-key", KEY, "--format", "headers"])
        words = dict(line.split(": ", 1) for line in headers.splitlines() if ": " in line)
        self.env["PGOPTIONS"] = ("-c osprofiler.trace_info=%s -c osprofiler.trace_hmac=%s"
                                 % (words["X-Trace-Info"], words["X-Trace-HMAC"]))
        self.args = [self.cluster.bin + "/pgbench", "-n", "-h", self.cluster.path,
                     "-U", "postgres", "-f", os.path.join(self.cluster.path, "select.sql"),
                     "-M", random.choice(["simple", "extended", "prepared"]),
                     "-R", str(self.rate), "-T", "3600", "postgres"]
        super().start()

    def ensure(self):
        """Runs again after its backend, and so its connection, was killed."""
        if self.process is None or self.process.poll() is not None:
            self.start()


def kill_one(cluster, redis, clients, counts):
    choice = random.choices(["agent", "redis", "client", "backend"], [10, 5, 8, 1])[0]
    counts[choice] += 1
    if choice == "redis":
        redis.kill()
        faultlib.random_pause(0, 400)
        redis.start()
    elif choice == "client":
        client = random.choice(clients)
        client.ensure()
        client.kill()
        client.start()
    else:
        pid = cluster.agent() if choice == "agent" else cluster.a_backend()
        if pid is None:
            counts[choice] -= 1
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            counts[choice] -= 1
        if choice == "backend":
            faultlib.random_pause(200, 400)
            faultlib.wait_until(cluster.is_up, 60)
    cluster.server.expect_running()
    for client in clients:
        client.ensure()


def check(points, status, killed_backends):
    """Every point; starts without a stop only of killed backends."""
    seen = {}
    copies = 0
    for point in points:
        first = seen.setdefault((point["trace_id"], point["name"]), point)
        copies += first is not point
        if first != point:
            raise faultlib.Failed("a point came again as another: %s, %s" % (first, point))
    if len(seen) != status["written"]:
        raise faultlib.Failed("%d points were committed, %d arrived"
                              % (status["written"], len(seen)))
    for name in ("dropped", "spool_dropped", "refused", "corrupt_bytes"):
        if status[name] != 0:
            raise faultlib.Failed("%s is %d" % (name, status[name]))
    starts = {trace for trace, name in seen if name.endswith("-start")}
    stops = {trace for trace, name in seen if name.endswith("-stop")}
    if stops - starts:
        raise faultlib.Failed("%d stops have no start" % len(stops - starts))
    # All backends die when one is killed, each with one statement at most.
    if len(starts - stops) > 16 * killed_backends:
        raise faultlib.Failed("%d starts have no stop" % len(starts - stops))
    return len(seen), copies, len(starts - stops)


def run(arguments, place):
    redis = faultlib.Redis(place.path)
    cluster = Cluster(arguments, place, redis)
    clients = [Client(cluster, arguments.rate) for _ in range(arguments.clients)]
    counts = {"agent": 0, "redis": 0, "client": 0, "backend": 0}
    try:
        redis.start()
        cluster.server.start()
        faultlib.wait_until(cluster.is_up, 60)
        for client in clients:
            client.start()
        faultlib.wait_until(lambda: glob.glob(cluster.run_directory + "/pg-*/status"))
        for _ in range(arguments.rounds):
            faultlib.random_pause(50, 300)
            kill_one(cluster, redis, clients, counts)
        for client in clients:
            client.end()
        redis.wait_ready()
        faultlib.wait_until(lambda: cluster.status()["written"] <= len(
            {(p["trace_id"], p["name"]) for p in redis.points()}), 60)
        status = cluster.status()
        total, copies, open_ends = check(redis.points(), status, counts["backend"])
        traces = faultlib.check_report(cluster.osprofiler, redis.uri,
                                       os.path.join(arguments.build, "drivers"),
                                       redis.points())
    finally:
        for client in clients:
            client.end()
        cluster.end()
        redis.end()
    with open(cluster.server.log, encoding="utf-8", errors="replace") as log:
        crashes = log.read().count("terminating any other active server processes")
    if crashes != counts["backend"]:
        raise faultlib.Failed("%d restarts of the server for %d killed backends"
                              % (crashes, counts["backend"]))
    return ("%d points, %d copies, %d traces shown whole, %d statements cut off by killed "
            "backends; killed: shipper %d, redis-server %d, clients %d, backends %d times"
            % (total, copies, traces, open_ends, counts["agent"], counts["redis"], counts["client"],
               counts["backend"]))


if __name__ == "__main__":
    sys.exit(faultlib.main("PostgreSQL kill loop", read_arguments(), run))
