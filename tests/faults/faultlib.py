# SPDX-License-Identifier: Apache-2.0
"""Processes that are made to be killed, and the count of what arrived.

Used by the kill loops of this directory. Standard library only.
"""

import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time


class Failed(Exception):
    """The test has failed; the text says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """One process after another with the same command line."""

    def __init__(self, name, args, log, env=None):
        self.name = name
        self.args = args
        self.log = log
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.kills = 0

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.args, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=self.env)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self, timeout=20):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("%s does not end" % self.name)
        self.process = None
        return status

    def expect_running(self):
        if self.process.poll() is not None:
            raise Failed("%s ended by itself with status %s, see %s"
                         % (self.name, self.process.returncode, self.log))


class Redis(Process):
    """A redis-server that keeps what it has confirmed, whoever kills it.

    appendfsync no, and not everysec: everything is handed to the kernel before
    it is confirmed (which everysec puts off when the disk is slow), and the
    kernel survives.
    """

    report_max = None

    def __init__(self, directory):
        self.port = free_port()
        os.mkdir(os.path.join(directory, "redis"))
        super().__init__("redis-server", [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", os.path.join(directory, "redis"), "--save", "",
            "--appendonly", "yes", "--appendfsync", "no",
            "--auto-aof-rewrite-percentage", "0"],
            os.path.join(directory, "redis.log"))

    @property
    def uri(self):
        return "redis://127.0.0.1:%d" % self.port

    def _connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), 30)
        return sock, sock.makefile("rb")

    def wait_ready(self, timeout=30):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                sock, stream = self._connect()
                with sock:
                    sock.sendall(b"PING\r\n")
                    if stream.readline() == b"+PONG\r\n":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise Failed("redis-server does not answer, see %s" % self.log)

    @staticmethod
    def _reply(stream):
        line = stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [Redis._reply(stream) for _ in range(int(rest))]
        if kind == b"-":
            raise Failed("redis-server says: %s" % rest.decode())
        return rest

    @staticmethod
    def _command(sock, *words):
        words = [w if isinstance(w, bytes) else w.encode() for w in words]
        sock.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def points(self):
        """All notifications, as objects."""
        sock, stream = self._connect()
        with sock:
            self._command(sock, "KEYS", "osprofiler_opt:*")
            for key in self._reply(stream):
                self._command(sock, "LRANGE", key, "0", "-1")
                for text in self._reply(stream):
                    yield json.loads(text)


class ScriptServer:
    """A server of a script in tests/drivers, with the functions of a Process.

    What it has confirmed is on its disk, or at least with the kernel.
    """

    script = name = None
    options = []  # of the script's start
    report_max = None

    def __init__(self, directory):
        self.directory = os.path.join(directory, self.name)
        os.mkdir(self.directory)
        self.port = None
        self.kills = 0

    def _run(self, command, *options):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir,
                              "drivers", self.script)
        return subprocess.run(["bash", script, command, self.directory, *options],
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self):
        self.port = int(self._run("start", *self.options))

    def kill(self):
        self._run("kill")
        self.kills += 1

    def pause(self):
        self._run("pause")

    def resume(self):
        self._run("resume")

    def end(self):
        self._run("stop")
        return 0

    def expect_running(self):
        pass

    def wait_ready(self):
        pass


class Rabbit(ScriptServer):
    """A RabbitMQ whose queue is durable."""

    script = "rabbit_server.sh"
    name = "rabbitmq-server"
    report_max = 3  # traces that are shown: each time the whole queue is read

    @property
    def uri(self):
        return "messaging://127.0.0.1:%d?durable=1" % self.port

    def points(self):
        """All notifications, as objects; they stay in the queue."""
        import amqp  # pylint: disable=import-outside-toplevel

        found = []
        with amqp.Connection("127.0.0.1:%d" % self.port, "guest",
                             "guest") as connection:
            channel = connection.channel()
            left = channel.queue_declare("profiler.info", passive=True).message_count
            channel.basic_consume("profiler.info", callback=lambda message:
                                  found.append(json.loads(message.body)["payload"]))
            while len(found) < left:
                connection.drain_events(timeout=30)
        return found


class Postgres(ScriptServer):
    script = "postgres_server.sh"
    name = "postgres"

    def __init__(self, directory):
        super().__init__(directory)
        os.chmod(directory, 0o711)  # it refuses to be root

    @property
    def uri(self):
        return "postgresql://postgres@127.0.0.1:%d/postgres" % self.port

    def points(self):
        """All notifications, as objects."""
        import psycopg2  # pylint: disable=import-outside-toplevel

        with psycopg2.connect(self.uri) as session, session.cursor() as cursor:
            cursor.execute("SELECT base_id, trace_id, name, timestamp, data FROM data")
            return [dict(json.loads(data), base_id=base_id, trace_id=trace_id,
                         name=name, timestamp=timestamp)
                    for base_id, trace_id, name, timestamp, data in cursor]


class Mariadb(ScriptServer):
    script = "mariadb_server.sh"
    name = "mariadbd"

    @property
    def uri(self):
        return "mysql://osp@127.0.0.1:%d/test" % self.port

    def points(self):
        """All notifications, as objects."""
        import pymysql  # pylint: disable=import-outside-toplevel

        session = pymysql.connect(host="127.0.0.1", port=self.port, user="osp",
                                  database="test")
        with session, session.cursor() as cursor:
            cursor.execute("SELECT base_id, trace_id, name, timestamp, data FROM data")
            return [dict(json.loads(json.loads(data)), base_id=base_id,
                         trace_id=trace_id, name=name, timestamp=timestamp)
                    for base_id, trace_id, name, timestamp, data in cursor]


class Agent(Process):
    """osprofiler agent, or another program with the same arguments."""

    def __init__(self, program, directory, run_directory, uri, drivers, options=()):
        super().__init__(
            "agent", program + ["agent", "--run-directory", run_directory, *options],
            os.path.join(directory, "agent.log"),
            {"OSPROFILER_CONNECTION_STRING": uri,
             "OSPROFILER_DRIVER_PATH": drivers})
        self.drivers = drivers

    def deliver(self, attempts=10):
        """Runs agents until nothing is left."""
        for _ in range(attempts):
            with open(self.log, "ab") as log:
                status = subprocess.call(self.args + ["--once"], stderr=log,
                                         env=self.env, timeout=120)
            if status == 0:
                return
        raise Failed("the agent does not get rid of its points, see %s"
                     % self.log)


class Producer(Process):
    """fault_producer; every start is a new one, with a log of its own."""

    number = 0

    def __init__(self, program, directory, run_directory, rate):
        super().__init__("producer", None,
                         os.path.join(directory, "producer.log"))
        self.program = program
        self.directory = directory
        self.run_directory = run_directory
        self.rate = rate
        self.names = []

    def start(self):
        name = "producer-%d" % Producer.number
        Producer.number += 1
        self.names.append(name)
        self.args = [self.program, self.run_directory, name,
                     os.path.join(self.directory, name), str(self.rate)]
        super().start()

    def committed(self):
        """By name: how many points were committed, at least and at most."""
        result = {}
        for name in self.names:
            try:
                with open(os.path.join(self.directory, name), "rb") as log:
                    word = log.read(8)
            except FileNotFoundError:
                word = b""
            count = struct.unpack("Q", word)[0] if len(word) == 8 else 0
            # Killed between the commit and the note of it: one more.
            result[name] = (count, count + 1)
        return result


def check_points(points, committed, may_copy=True):
    """Every committed point is there, and no other; how many, and how many copies.

    points: notifications whose info has "producer" and "point"; committed: as
    Producer.committed gives it. A copy, if there may be any, is the same
    notification once more, which readers know by its trace_id and name.
    """
    seen = {name: {} for name in committed}
    copies = 0
    problems = []
    for point in points:
        info = point["info"]
        first = seen.setdefault(info["producer"], {}).setdefault(info["point"], point)
        if first is point:
            continue
        copies += 1
        if first != point:
            problems.append("%s: point %d came again as another one: %s, %s"
                            % (info["producer"], info["point"], first, point))
    total = 0
    for name, numbers in sorted(seen.items()):
        least, most = committed.get(name, (0, 0))
        missing = [i for i in range(least) if i not in numbers]
        foreign = [i for i in numbers if i >= most]
        total += len(numbers)
        for what, which in (("missing", missing), ("never committed", foreign)):
            if which:
                problems.append("%s of %d: %d points %s, the first is %d"
                                % (name, least, len(which), what, min(which)))
    if copies and not may_copy:
        problems.append("%d points were stored again" % copies)
    if problems:
        raise Failed("\n".join(problems))
    return total, copies


def check_report(osprofiler, uri, drivers, points, at_most=None):
    """`trace show` has each point of each trace, or of some traces, once; how many."""
    expected = {}
    for point in points:
        expected.setdefault(point["base_id"], set()).add((point["trace_id"], point["name"]))
    env = dict(os.environ, OSPROFILER_DRIVER_PATH=drivers)
    chosen = sorted(expected.items())[:at_most]
    for base_id, points_of_trace in chosen:
        shown = subprocess.run(
            [osprofiler, "trace", "show", "--json", "--no-wait",
             "--connection-string", uri, base_id],
            env=env, capture_output=True, text=True, timeout=300, check=False)
        if shown.returncode != 0:
            raise Failed("trace show %s: %s" % (base_id, shown.stderr))
        count = shown.stdout.count('"meta.raw_payload.')
        if count != len(points_of_trace):
            raise Failed("trace show %s has %d points of %d"
                         % (base_id, count, len(points_of_trace)))
    return len(chosen)


class Workplace:
    """A directory for one test, removed if all went well."""

    def __init__(self, keep):
        self.keep = keep
        self.path = tempfile.mkdtemp(prefix="osprofiler-faults-")
        self.run_directory = tempfile.mkdtemp(prefix="osprofiler-faults-",
                                              dir="/dev/shm")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.keep or kind is not None:
            print("# kept: %s %s" % (self.path, self.run_directory))
        else:
            shutil.rmtree(self.path)
            shutil.rmtree(self.run_directory)


def default_build():
    """The build directory of this tree."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__))))
    return os.path.join(top, "build")


def wait_until(condition, timeout=20):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failed("waited in vain")
        time.sleep(0.02)


def random_pause(least_ms, most_ms):
    time.sleep(random.uniform(least_ms, most_ms) / 1000)


def main(name, arguments, run):
    """Runs a test whose dice begin with arguments.seed; the exit status."""
    seed = arguments.seed if arguments.seed is not None else random.randrange(10 ** 6)
    random.seed(seed)
    print("%s: %d rounds, seed %d" % (name, arguments.rounds, seed))
    try:
        with Workplace(arguments.keep) as place:
            print("ok - %s: %s" % (name, run(arguments, place)))
    except Failed as failure:
        print("not ok - %s\n%s" % (name, failure))
        return 1
    return 0
