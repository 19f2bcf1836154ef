#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for MongoDB, for there is no package of the real one.

mongo_standin.py DIR PORT: speaks the wire protocol (OP_MSG, OP_QUERY for hello) as far
as the driver, upstream's driver and pymongo use it: insert, update with upsert, find
with cursors, distinct, delete, drop. Documents are read and written by python3-bson.
As the real one does, it keeps one document of an _id. Logins are always refused.

DIR/journal holds what was stored, so that a server that is killed has it when it is
started again. DIR/faults.json, if there is one, says how commands fail: of the next
"times" (all, without it) commands "command" (insert), "code" is the answer, or that of
each document ("item", for those that hold "holding"); "silent" seconds pass before.
With DIR/server.pem and DIR/server.key it speaks TLS. With DIR/mongos it answers as a
mongos does: of several servers, drivers use only those that belong to a group.
"""

import io
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

import bson
import bson.raw_bson

DIR, PORT = sys.argv[1], int(sys.argv[2])
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
DOCUMENT_MAX = 16 * 1024 * 1024
LOCK = threading.Lock()
COLLECTIONS = {}  # name: {_id: (BSON, document)}
CURSORS = {}
JOURNAL = None


def faults_of(command):
    try:
        with open(DIR + "/faults.json", encoding="utf-8") as file:
            faults = json.load(file)
    except (OSError, ValueError):
        return {}
    if faults.get("command", "insert") != command:
        return {}
    if "times" in faults:
        faults["times"] -= 1
        if faults["times"] == 0:
            os.unlink(DIR + "/faults.json")
        else:
            with open(DIR + "/faults.json", "w", encoding="utf-8") as file:
                json.dump(faults, file)
    return faults


def keep(name, what, document=b""):
    head = bson.encode({"name": name, "what": what})
    JOURNAL.write(head + document)


def get_path(document, path):
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def matches(document, query):
    for path, wanted in query.items():
        value = get_path(document, path)
        if isinstance(wanted, dict) and "$in" in wanted:
            if value not in wanted["$in"]:
                return False
        elif value != wanted:
            return False
    return True


def found(name, query):
    return [(ident, raw, document) for ident, (raw, document) in
            COLLECTIONS.get(name, {}).items() if matches(document, query)]


def store(name, document):
    COLLECTIONS.setdefault(name, {})[document["_id"]] = (bson.encode(document), document)
    keep(name, "store", bson.encode(document))


def do_insert(name, body, faults):
    stored, errors = 0, []
    for i, document in enumerate(body["documents"]):
        document.setdefault("_id", bson.ObjectId())
        text = repr(document) if "holding" in faults else ""
        if "item" in faults and faults.get("holding", "") in text:
            errors.append({"index": i, "code": faults["item"], "errmsg": "because"})
        elif document["_id"] in COLLECTIONS.get(name, {}):
            errors.append({"index": i, "code": 11000, "errmsg": "E11000 duplicate key error"})
        else:
            store(name, document)
            stored += 1
            continue
        if body.get("ordered", True):
            break
    return {"n": stored, **({"writeErrors": errors} if errors else {})}


def do_update(name, body, _):
    count, upserted = 0, []
    for i, update in enumerate(body["updates"]):
        hits = found(name, update["q"])
        document = dict(update["u"])
        if not hits and update.get("upsert"):
            document["_id"] = bson.ObjectId()
            upserted.append({"index": i, "_id": document["_id"]})
        elif hits:
            document["_id"] = hits[0][0]
        else:
            continue
        store(name, document)
        count += 1
    return {"n": count, "nModified": count - len(upserted),
            **({"upserted": upserted} if upserted else {})}


def do_delete(name, body, _):
    gone = 0
    for delete in body["deletes"]:
        hits = found(name, delete["q"])
        for ident, _, _ in hits[:delete["limit"] or len(hits)]:
            del COLLECTIONS[name][ident]
            keep(name, "delete", bson.encode({"_id": ident}))
            gone += 1
    return {"n": gone}


def project(document, fields):
    chosen = {} if fields.get("_id") == 0 else {"_id": document["_id"]}
    for path, wanted in fields.items():
        value, at = get_path(document, path), chosen
        if not wanted or value is None:
            continue
        *above, last = path.split(".")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = value
    return chosen


def encoded(hit, fields):
    """What a find gives of a hit."""
    if not fields:
        return hit[1]
    if list(fields) == ["_id"] and not fields["_id"]:
        return bson.encode({k: v for k, v in hit[2].items() if k != "_id"})
    return bson.encode(project(hit[2], fields))


def batch(name, ident, key, size):
    hits, fields = CURSORS.pop(ident)
    now, rest = [], 0
    for hit in hits[:size]:
        raw = encoded(hit, fields)
        rest += len(raw)
        if now and rest > DOCUMENT_MAX:
            break
        now.append(raw)
    left = hits[len(now):]
    if left:
        CURSORS[ident] = left, fields
    return {"cursor": {"id": bson.Int64(ident if left else 0), "ns": "osprofiler." + name,
                       key: [bson.raw_bson.RawBSONDocument(raw) for raw in now]}}


def do_find(name, body, _):
    hits = found(name, body.get("filter", {}))
    for field, order in reversed(list(body.get("sort", {}).items())):
        hits.sort(key=lambda hit: str(get_path(hit[2], field)), reverse=order < 0)
    hits = hits[:abs(body.get("limit", 0)) or len(hits)]
    ident = time.monotonic_ns()
    CURSORS[ident] = hits, body.get("projection")
    return batch(name, ident, "firstBatch", body.get("batchSize", 101))


def do_get_more(_, body, __):
    if body["getMore"] not in CURSORS:
        return {"ok": 0, "code": 43, "errmsg": "cursor id not found"}
    return batch(body["collection"], body["getMore"], "nextBatch", body.get("batchSize", 1 << 30))


def do_hello(*_):
    return {"helloOk": True, "ismaster": True, "isWritablePrimary": True,
            "maxBsonObjectSize": DOCUMENT_MAX, "maxMessageSizeBytes": 48000000,
            "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 9,
            "logicalSessionTimeoutMinutes": 30, "readOnly": False,
            **({"msg": "isdbgrid"} if os.path.exists(DIR + "/mongos") else {})}


def do_drop(name, *_):
    COLLECTIONS.pop(name, None)
    keep(name, "drop")
    return {}


def do_distinct(name, body, _):
    values = [get_path(hit[2], body["key"]) for hit in found(name, body.get("query", {}))]
    return {"values": list(dict.fromkeys(values))}


COMMANDS = {"hello": do_hello, "ismaster": do_hello, "insert": do_insert, "update": do_update,
            "delete": do_delete, "find": do_find, "getmore": do_get_more, "drop": do_drop,
            "distinct": do_distinct, "killcursors": lambda *_: {}, "ping": lambda *_: {},
            "endsessions": lambda *_: {}, "createindexes": lambda *_: {},
            "buildinfo": lambda *_: {"version": "4.4.0", "versionArray": [4, 4, 0, 0]},
            "saslstart": lambda *_: {"ok": 0, "code": 18, "codeName": "AuthenticationFailed",
                                     "errmsg": "Authentication failed."}}


def run(body):
    command = next(iter(body))
    faults = faults_of(command)
    time.sleep(faults.get("silent", 0))
    if "code" in faults:
        return {"ok": 0, "code": faults["code"], "errmsg": faults.get("errmsg", "because")}
    function = COMMANDS.get(command.lower())
    if function is None:
        return {"ok": 0, "code": 59, "errmsg": "no such command: '%s'" % command}
    with LOCK:
        answer = function(body[command], body, faults)
        JOURNAL.flush()
    return {"ok": 1, **answer}


def read_sections(data):
    """The body of an OP_MSG, with its sequences of documents."""
    body, at = {}, 4
    end = len(data) - (4 if data[0] & 1 else 0)
    sequences = {}
    while at < end:
        kind, size = data[at], struct.unpack_from("<i", data, at + 1)[0]
        part = data[at + 1:at + 1 + size]
        if kind == 0:
            body = bson.decode(part)
        else:
            name, documents = part[4:].split(b"\0", 1)
            sequences[name.decode()] = bson.decode_all(documents)
        at += 1 + size
    body.update(sequences)
    return body


class Handler(socketserver.BaseRequestHandler):
    def receive(self, size):
        parts = []
        while size > 0:
            part = self.request.recv(min(size, 1 << 20))
            if not part:
                raise ConnectionError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                size, request, _, code = struct.unpack("<iiii", self.receive(16))
                data = self.receive(size - 16)
                if code == OP_MSG:
                    answer = b"\0\0\0\0\0" + bson.encode(run(read_sections(data)))
                    code = OP_MSG
                else:
                    body = data[data.index(b"\0", 4) + 9:]
                    answer = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(
                        run(bson.decode_all(body)[0]))
                    code = OP_REPLY
                self.request.sendall(
                    struct.pack("<iiii", 16 + len(answer), 0, request, code) + answer)
        except OSError:
            pass


def read_journal():
    try:
        with open(DIR + "/journal", "rb") as file:
            data = file.read()
    except OSError:
        return
    documents = bson.decode_file_iter(io.BytesIO(data))
    for head in documents:
        name = head["name"]
        if head["what"] == "drop":
            COLLECTIONS.pop(name, None)
            continue
        document = next(documents)
        if head["what"] == "store":
            COLLECTIONS.setdefault(name, {})[document["_id"]] = (bson.encode(document), document)
        else:
            COLLECTIONS[name].pop(document["_id"], None)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    global JOURNAL  # pylint: disable=global-statement
    try:
        read_journal()
    except bson.errors.InvalidBSON:
        pass  # the server was killed while it wrote the last one
    with open(DIR + "/journal", "ab") as JOURNAL:
        server = Server(("127.0.0.1", PORT), Handler)
        if os.path.exists(DIR + "/server.pem"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(DIR + "/server.pem", DIR + "/server.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(DIR + "/port", "w", encoding="ascii") as file:
            file.write(str(server.server_address[1]))
        server.serve_forever()


main()
