#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our messaging driver and the Python osprofiler on one RabbitMQ, both ways, in TAP.

Usage: peer_messaging.py PEER, the program made of peer.c. Needs the Python
osprofiler, oslo.messaging and rabbitmq-server. What one side makes of exchange and
queue has to be right for the other one, so they begin in turn.
"""

import json
import os
import sys
import tempfile

from upstream_peer import (BASE_ID, OTHER_ID, Peer, Server, by_key,
                           raw_payloads, run_checks, skip)

try:
    import amqp
    import oslo_messaging  # noqa: F401, pylint: disable=unused-import
except ImportError as error:
    skip("no oslo.messaging: %s" % error)


def ours(peer, base_id):
    return [json.loads(line) for line in peer.ours("get", base_id)]


def check_ours_read_by_python(peer):
    peer.ours("write", BASE_ID, 300)
    peer.ours("write", OTHER_ID, 4)
    points = by_key(ours(peer, BASE_ID))
    assert len(points) == 302
    assert raw_payloads(peer.theirs().get_report(BASE_ID)) == points


def check_ours_read_by_python_command(peer):
    peer.ours("write", BASE_ID, 20)
    points = by_key(ours(peer, BASE_ID))
    assert raw_payloads(peer.report(BASE_ID)) == points
    # It takes whatever it reads.
    assert ours(peer, BASE_ID) == []


def check_python_read_by_us(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.write_by_python(OTHER_ID)
    for _ in range(2):
        lines = peer.ours("get", BASE_ID)
        assert [json.loads(line) for line in lines] == sent
        assert [json.dumps(json.loads(line)) for line in lines] == lines
    assert raw_payloads(peer.report(BASE_ID)) == by_key(sent)


def check_one_trace_of_both(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.ours("write", BASE_ID, 4)
    points = ours(peer, BASE_ID)
    assert points[:4] == sent and len(points) == 10
    assert raw_payloads(peer.report(BASE_ID)) == by_key(points)


def check_messages(peer):
    """The members of a message, and its properties, are those of the library."""
    peer.write_by_python(BASE_ID)
    theirs = peer.channel.basic_get("profiler.info", no_ack=True)
    peer.channel.queue_purge("profiler.info")
    peer.ours("write", BASE_ID, 1)
    mine = peer.channel.basic_get("profiler.info", no_ack=True)
    assert mine.properties == theirs.properties, (mine.properties, theirs.properties)
    assert mine.delivery_info["exchange"] == theirs.delivery_info["exchange"]
    assert mine.delivery_info["routing_key"] == theirs.delivery_info["routing_key"]
    mine, theirs = json.loads(mine.body), json.loads(theirs.body)
    assert list(mine) == list(theirs), (mine, theirs)
    assert list(mine["payload"]) == list(theirs["payload"])
    for member in ("message_id", "_unique_id", "timestamp"):
        assert len(mine[member]) == len(theirs[member]), (mine, theirs)
    assert mine["priority"] == theirs["priority"]
    assert theirs["event_type"] == "profiler.api"
    assert mine["event_type"] == "profiler.shop"


def check_list(peer):
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(OTHER_ID)
    listed = dict(line.split(" ") for line in peer.ours("list"))
    assert set(listed) == {BASE_ID, OTHER_ID}
    assert listed[OTHER_ID] == sent[0]["timestamp"]


CHECKS = [check_ours_read_by_python, check_ours_read_by_python_command,
          check_python_read_by_us, check_one_trace_of_both, check_messages,
          check_list]


def main():
    if not os.path.exists("/usr/lib/rabbitmq/bin/rabbitmq-server"):
        skip("no rabbitmq-server")
    print("1..%d" % len(CHECKS))
    with tempfile.TemporaryDirectory() as directory, \
            Server("rabbit_server.sh", directory) as server:
        address = "127.0.0.1:%d" % server.port
        peer = Peer(sys.argv[1], "messaging://guest:guest@" + address, "messaging://",
                    transport_url="rabbit://guest:guest@%s/" % address,
                    idle_timeout=1)
        peer.library_options = {"context": {}}
        broker = amqp.Connection(address, "guest", "guest")
        broker.connect()
        peer.channel = broker.channel()

        def reset():
            peer.channel.queue_delete("profiler.info")
            peer.channel.exchange_delete("openstack")

        failed = run_checks(CHECKS, peer, reset)
        broker.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
