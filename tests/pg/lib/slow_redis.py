#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Redis server whose answers never end.

    slow_redis.py drip|bulk|array|line|silent

Prints its port. drip sends a byte every 3 s, bulk and array announce 2 GB and send
on and on, line sends a line without an end, silent says nothing at all.
"""

import socket
import sys
import threading
import time

JUNK = b"x" * (1 << 20)


def answer(client, kind):
    client.recv(65536)
    if kind == "silent":
        time.sleep(3600)
    if kind == "drip":
        for byte in b"*2\r\n$100000\r\n" + JUNK:
            client.sendall(bytes([byte]))
            time.sleep(3)
    client.sendall({
        "bulk": b"*1\r\n$2147483647\r\n",
        "array": b"*2147483647\r\n",
        "line": b"+",
    }[kind])
    piece = b"$3\r\nabc\r\n" * 100000 if kind == "array" else JUNK
    while True:
        client.sendall(piece)


def serve(client, kind):
    try:
        answer(client, kind)
    except OSError:
        pass
    finally:
        client.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, sys.argv[1]), daemon=True).start()


main()
