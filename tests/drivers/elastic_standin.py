#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Elasticsearch, for there is no package of the real one.

elastic_standin.py DIR PORT [VERSION]: answers as Elasticsearch documents what the
driver, upstream's driver and the client python3-elasticsearch ask: _bulk with
create, documents one by one, search with scroll, _delete_by_query, mappings. VERSION
is that of Elasticsearch (7.17.6), or opensearch-2.11.0. As the real one does, it
has documents with types until 6 only, keeps one document of an id, finds what was
stored only after a refresh or a second, and cuts a text into words unless a mapping
says keyword.

DIR/journal holds what was stored, so that a server that is killed has it when it
is started again. DIR/faults.json, if there is one, says how requests fail: see
Faults. With DIR/cert.pem and DIR/key.pem it speaks TLS.
"""

import base64
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR, PORT = sys.argv[1], int(sys.argv[2])
VERSION = sys.argv[3] if len(sys.argv) > 3 else "7.17.6"
OPENSEARCH = VERSION.startswith("opensearch-")
MAJOR = 99 if OPENSEARCH else int(VERSION.split(".", maxsplit=1)[0])
TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
WORDS = re.compile(r"\w+")
BODY_MAX = 100 * 1024 * 1024  # http.max_content_length
BIND_S = 15  # how long the port may be that of another connection


class Refused(Exception):
    """An answer that is none of success."""

    def __init__(self, status, kind, reason):
        super().__init__(reason)
        self.status = status
        self.error = {"type": kind, "reason": reason}


class Faults:
    """DIR/faults.json: {"login": "user:password"} or {"key": KEY} must be given; of
    the next "times" requests (all, without it) whose path holds "path" ("_bulk"),
    "status" is the answer, or that of each document ("item", of type "kind", for
    those that hold "holding"); "silent" seconds pass before; bodies are of "largest"
    bytes at most."""

    @staticmethod
    def read():
        try:
            with open(DIR + "/faults.json", encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    @staticmethod
    def of(path):
        faults = Faults.read()
        if faults.get("path", "_bulk") not in path:
            return {k: v for k, v in faults.items() if k in ("login", "key")}
        if "times" in faults:
            left = dict(faults, times=faults["times"] - 1)
            with open(DIR + "/faults.json", "w", encoding="utf-8") as file:
                json.dump(left if left["times"] > 0 else
                          {k: v for k, v in left.items() if k in ("login", "key")}, file)
        return faults


class Index:
    def __init__(self, properties, kind):
        self.properties = properties
        self.kind = kind  # the type of its documents
        self.lines = {}  # id: line; those that were stored and not found yet
        self.found = {}  # id: source
        self.stored = time.monotonic()

    def add(self, ident, line):
        if ident in self.lines or ident in self.found:
            return False
        self.lines[ident] = line
        self.stored = time.monotonic()
        return True

    def refresh(self):
        for ident, line in self.lines.items():
            self.found[ident] = (line, json.loads(line))
        self.lines = {}
        for _, source in list(self.found.values())[:1]:
            for name, value in source.items():
                self.properties.setdefault(
                    name, {"type": "date"} if name == "timestamp" else
                    TEXT if isinstance(value, str) else {"type": "object"})

    def documents(self):
        if time.monotonic() - self.stored > 1:
            self.refresh()
        return self.found

    def is_keyword(self, field):
        name, _, sub = field.partition(".")
        kind = self.properties.get(name, {})
        if sub:
            kind = kind.get("fields", {}).get(sub, {})
        return kind.get("type") == "keyword"

    def matcher(self, query):
        """Of a query, a function of a source."""
        kind, body = next(iter(query.items()))
        if kind == "match_all":
            return lambda source: True
        field, value = next(iter(body.items()))
        name = field.split(".")[0]
        if kind == "match" and not self.is_keyword(field):
            words = set(WORDS.findall(value.lower()))
            return lambda source: words & set(WORDS.findall(str(source.get(name)).lower()))
        if kind not in ("term", "terms", "match"):
            raise Refused(400, "parsing_exception", "unknown query [%s]" % kind)
        if not self.is_keyword(field):
            return lambda source: False
        values = set(value) if kind == "terms" else {value}
        return lambda source: source.get(name) in values


LOCK = threading.Lock()
INDEXES = {}
SCROLLS = {}
JOURNAL = None


def keep(line):
    JOURNAL.write(line)
    JOURNAL.flush()


def make_index(name, body):
    if name in INDEXES:
        raise Refused(400, "resource_already_exists_exception", "index [%s] exists" % name)
    mappings = body.get("mappings", {})
    kind = None
    if mappings and "properties" not in mappings:
        if MAJOR > 7:
            raise Refused(400, "mapper_parsing_exception", "unsupported root [types]")
        kind, mappings = next(iter(mappings.items()))
    elif mappings and MAJOR < 7:
        raise Refused(400, "mapper_parsing_exception", "Root mapping has unsupported parameters")
    INDEXES[name] = Index(dict(mappings.get("properties", {})), kind)
    return INDEXES[name]


def index_of(name, kind):
    """The index that is written to, with documents of this type."""
    index = INDEXES.get(name)
    if index is None:
        index = INDEXES[name] = Index({}, kind or "_doc")
    if kind and index.kind not in (None, kind):
        raise Refused(400, "illegal_argument_exception",
                      "Rejecting mapping update to [%s] as the final mapping would have more "
                      "than 1 type: [%s, %s]" % (name, index.kind, kind))
    return index


def need_type(kind):
    if kind and MAJOR > 7:
        raise Refused(400, "illegal_argument_exception", "request contains unrecognized type")
    if not kind and MAJOR < 7:
        raise Refused(400, "action_request_validation_exception", "type is missing")


def found(name):
    if name not in INDEXES:
        raise Refused(404, "index_not_found_exception", "no such index [%s]" % name)
    return INDEXES[name]


def bulk(name, kind, body, faults):
    need_type(kind)
    index = index_of(name, kind)
    lines = body.split(b"\n")
    if lines.pop() != b"" or len(lines) % 2 != 0:
        raise Refused(400, "illegal_argument_exception",
                      "The bulk request must be terminated by a newline [\\n]")
    items, journal, errors = [], [], False
    for action, line in zip(lines[::2], lines[1::2]):
        ident = json.loads(action)["create"]["_id"]
        if "item" in faults and faults.get("holding", "").encode() in line:
            item = {"status": faults["item"],
                    "error": {"type": faults.get("kind", "es_rejected_execution_exception"),
                              "reason": faults.get("reason", "because")}}
        elif len(ident) > 512:
            item = {"status": 400, "error": {"type": "illegal_argument_exception",
                                             "reason": "id is too long"}}
        elif index.add(ident, line):
            item = {"status": 201}
            journal.append(json.dumps([name, index.kind, ident]).encode() + b"\n" + line + b"\n")
        else:
            item = {"status": 409, "error": {"type": "version_conflict_engine_exception",
                                             "reason": "document already exists"}}
        errors = errors or "error" in item
        items.append({"create": item})
    keep(b"".join(journal))
    return {"errors": errors, "items": items}


def get_path(source, path):
    for name in path.split("."):
        source = source.get(name) if isinstance(source, dict) else None
    return source


def only(source, fields):
    chosen = {}
    for path in fields:
        value, at = get_path(source, path), chosen
        if value is None:
            continue
        *above, last = path.split(".")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = value
    return json.dumps(chosen, separators=(",", ":")).encode()


def page(scroll):
    hits, size, fields = SCROLLS[scroll]
    now, SCROLLS[scroll] = hits[:size], (hits[size:], size, fields)
    parts = [b'{"_index":"i","_id":%s,"_score":null,"_source":%s,"sort":[0]}' %
             (json.dumps(ident).encode(), only(source, fields) if fields else line)
             for ident, line, source in now]
    return b"".join([b'{"_scroll_id":"%s","took":1,"timed_out":false,' % scroll.encode(),
                     b'"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},',
                     b'"hits":{"total":%d,"hits":[' % len(now), b",".join(parts), b"]}}"])


def search(name, query, body):
    index = found(name)
    matches = index.matcher(body["query"])
    hits = [(ident, line, source) for ident, (line, source) in index.documents().items()
            if matches(source)]
    for sort in reversed(body.get("sort", [])):
        if sort != "_doc":
            field = next(iter(sort)).split(".")[0]
            hits.sort(key=lambda hit: str(hit[2].get(field)))
    scroll = "scroll-%d" % (len(SCROLLS) + 1)
    SCROLLS[scroll] = (hits, int(body.get("size", query.get("size", 10))), body.get("_source"))
    return page(scroll)


def delete_by_query(names, query, body):
    deleted = 0
    most = int(query.get("size" if MAJOR < 7 else "max_docs", sys.maxsize))
    for name in names.split(","):
        if name not in INDEXES:
            if query.get("ignore_unavailable") == "true":
                continue
            found(name)
        index = INDEXES[name]
        matches = index.matcher(body["query"])
        for ident, (_, source) in list(index.documents().items()):
            if deleted < most and matches(source):
                del index.found[ident]
                deleted += 1
                keep(json.dumps([name, None, ident]).encode() + b"\n\n")
    return {"took": 1, "deleted": deleted, "version_conflicts": 0, "failures": []}


def mapping_of(name):
    index = found(name)
    index.documents()
    inner = {"properties": index.properties} if index.properties else {}
    if MAJOR < 7:
        inner = {index.kind or "_doc": inner}
    return {name: {"mappings": inner}}


def answer_root():
    version = {"number": VERSION.rsplit("-", maxsplit=1)[-1], "build_flavor": "default"}
    if OPENSEARCH:
        version["distribution"] = "opensearch"
    return {"name": "standin", "cluster_name": "standin", "version": version,
            "tagline": "You Know, for Search"}


def index_one(name, kind, body):
    kind = None if kind == "_doc" else kind
    need_type(kind)
    ident = "auto-%d" % time.monotonic_ns()
    index = index_of(name, kind)
    index.add(ident, body)
    keep(json.dumps([name, index.kind, ident]).encode() + b"\n" + body + b"\n")
    return {"_index": name, "_id": ident, "result": "created"}


def scroll_on(method, body):
    if method == "DELETE":
        gone = [SCROLLS.pop(ident, None) for ident in body["scroll_id"]]
        return {"succeeded": True, "num_freed": len(gone)}
    if body["scroll_id"] not in SCROLLS:
        raise Refused(404, "search_context_missing_exception", "No search context found")
    return page(body["scroll_id"])


def route(method, path, query, body, faults):
    parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/") if part]
    last = parts[-1] if parts else ""
    if last == "_bulk":
        return bulk(parts[0], parts[1] if len(parts) > 2 else None, body, faults)
    if (method == "POST" and len(parts) == 2 and parts[0][0] != "_" and
            (last == "_doc" or last[0] != "_")):
        return index_one(parts[0], last, body)
    values = json.loads(body) if body else {}
    if not parts:
        return answer_root()
    if last == "scroll":
        return scroll_on(method, values)
    if last == "_search":
        return search(parts[0], query, values)
    if last == "_mapping":
        return mapping_of(parts[0])
    if last == "_refresh":
        found(parts[0]).refresh()
        return {"_shards": {"total": 2, "successful": 1, "failed": 0}}
    if last == "_delete_by_query":
        return delete_by_query(parts[0], query, values)
    if method == "PUT" and len(parts) == 1:
        make_index(parts[0], values)
        keep(json.dumps([parts[0], "", ""]).encode() + b"\n" + json.dumps(values).encode() + b"\n")
        return {"acknowledged": True}
    if method == "DELETE" and len(parts) == 1:
        found(parts[0])
        del INDEXES[parts[0]]
        keep(json.dumps([parts[0], None, None]).encode() + b"\n\n")
        return {"acknowledged": True}
    raise Refused(400, "illegal_argument_exception", "no handler for [%s %s]" % (method, path))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one segment
    disable_nagle_algorithm = True

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass

    def check_login(self, faults):
        given = self.headers.get("Authorization", "")
        wanted = []
        if "login" in faults:
            wanted.append("Basic " + base64.b64encode(faults["login"].encode()).decode())
        if "key" in faults:
            wanted.append("ApiKey " + faults["key"])
        if wanted and given not in wanted:
            raise Refused(401, "security_exception", "unable to authenticate")

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        faults = Faults.of(url.path)
        if "silent" in faults:
            time.sleep(faults["silent"])
        retry = None
        try:
            self.check_login(faults)
            if "status" in faults:
                retry = faults.get("retry_after")
                raise Refused(faults["status"], faults.get("kind", "x"), "because")
            if length > faults.get("largest", BODY_MAX):
                raise Refused(413, "x", "too large")
            with LOCK:
                answer = route(self.command, url.path, query, body, faults)
            status = 200
        except Refused as refused:
            status = refused.status
            answer = {"error": refused.error, "status": status}
        if not isinstance(answer, bytes):
            answer = json.dumps(answer, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(answer)))
        if retry:
            self.send_header("Retry-After", retry)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = handle_one


def read_journal():
    try:
        with open(DIR + "/journal", "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return
    for head, line in zip(lines[::2], lines[1::2]):
        name, kind, ident = json.loads(head)
        if ident is None:
            INDEXES.pop(name, None)
        elif ident == "":
            make_index(name, json.loads(line))
        elif line == b"":
            INDEXES[name].lines.pop(ident, None)
        else:
            index_of(name, None).add(ident, line)
            INDEXES[name].kind = kind
    for index in INDEXES.values():
        index.refresh()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self):
        """While the server was away, its port may have become that of another connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until = time.monotonic() + BIND_S
        while True:
            try:
                return super().server_bind()
            except OSError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.05)

    def handle_error(self, request, client_address):
        pass


def main():
    global JOURNAL  # pylint: disable=global-statement
    read_journal()
    with open(DIR + "/journal", "ab") as JOURNAL:
        server = Server(("127.0.0.1", PORT), Handler)
        if os.path.exists(DIR + "/cert.pem"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(DIR + "/cert.pem", DIR + "/key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        with open(DIR + "/port", "w", encoding="ascii") as file:
            file.write(str(server.server_address[1]))
        server.serve_forever()


main()
