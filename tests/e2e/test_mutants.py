"""Thousands of sessions that are almost right. Nothing crashes, nothing is left over, and nothing has grown."""
import os
import random
import socket
from pathlib import Path

import flv
import pytest
import relay
import rtmp
from process import SLOW, wait_until

ROUND = 10000  # sessions; there are identical rounds, after a smaller one that warms up
WARM_UP = 2000
GROWTH = 1.02
GAUGES = ["weir_streams", "weir_logs", "weir_log_bytes", "weir_publishers", "weir_relay_subscriptions",
          'weir_connections{protocol="rtmp"}', 'weir_viewers{protocol="rtmp"}']


def resident(node):
    return int(Path(f"/proc/{node.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def mutate(data, rng):
    """A few changes of the kinds that break parsers: bits, bytes, cuts, repeats, and numbers that are too large."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at + 1] = rng.randbytes(rng.choice([1, 1, 4]))
        elif kind == 2:
            del data[at:at + rng.choice([1, 2, 11, 100])]
        elif kind == 3:
            data[at:at] = data[at:at + rng.choice([1, 12, 200])]
        elif kind == 4:
            data[at:at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"])
        else:
            del data[at:]
    return bytes(data)


def drain(connection):
    """Says that nothing more comes, and reads until the node closes too. A reset is an answer as well."""
    try:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    except OSError as why:
        assert not isinstance(why, TimeoutError), "the node neither answers nor closes"
    finally:
        connection.close()


def round_of(session, count):
    """Runs sessions 0…count-1, each a function of its number alone: one after the other, so that rounds are alike."""
    for number in range(count):
        session(random.Random(number))


def identical_rounds(node, session):
    start = {gauge: node.metric(gauge) for gauge in GAUGES}
    round_of(session, WARM_UP)  # what is allocated once
    sizes = []
    for _ in range(4):
        round_of(session, ROUND if SLOW == 1 else ROUND // 2)
        for gauge in GAUGES:
            wait_until(lambda: node.metric(gauge) == start[gauge], 30, f"{gauge} is as at the start")
        sizes.append(resident(node))
    print(f"resident after the rounds: {[size >> 10 for size in sizes]} KiB")
    if SLOW == 1:  # a sanitizer's allocator keeps what was freed
        assert min(sizes[2:]) <= max(sizes[:2]) * GROWTH, "a leak grows in each round; allocators go up and down"
    assert node.child.running()


class Recorder(rtmp.Client):
    """Keeps what it sends."""

    def record(self):
        self.sent = bytearray()
        sendall = self.socket.sendall
        plain = type("Socket", (), {"__getattr__": lambda _, name: getattr(real, name)})
        real = self.socket
        self.socket = plain()
        self.socket.sendall = lambda data: (self.sent.extend(data), sendall(data))[1]
        return self


def recorded_publish(port, tags):
    client = Recorder(port).record()
    assert client.publish("cam1") == "NetStream.Publish.Start"
    for tag in tags:
        client.send_tag(tag)
    client.unpublish("cam1")
    client.close()
    return bytes(client.sent)


def recorded_play(port):
    client = Recorder(port).record()
    client.play("cam1")
    client.close()
    return bytes(client.sent)


HANDSHAKE = 1537 + 1536


def send_mutant(port, whole, rng):
    """Most often the handshake is left as it is, or nothing behind it would be looked at."""
    kept = HANDSHAKE if rng.random() < 0.9 else 0
    connection = socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW)
    try:
        connection.sendall(whole[:kept] + mutate(whole[kept:], rng))
    except OSError:
        pass  # closed by the node already
    drain(connection)


def test_mutated_publishers(cluster, clip_tags):
    made = cluster(workers=2, origin={"stream.grace": "0s", "logging.level": "error"})
    small = [flv.Tag(tag.type, tag.timestamp, tag.payload[:600]) for tag in clip_tags[:40]]
    whole = recorded_publish(made.origin.rtmp_port, small)
    made.origin.wait_metric("weir_streams", 0, timeout=20)
    identical_rounds(made.origin, lambda rng: send_mutant(made.origin.rtmp_port, whole, rng))


def test_mutated_players(cluster, encoder):
    made = cluster(workers=2, edge={"logging.level": "error", "edge.wait_publish": "1s", "edge.linger": "0s"})
    whole = recorded_play(made.edge.rtmp_port)
    made.edge.wait_metric("weir_streams", 0)
    identical_rounds(made.edge, lambda rng: send_mutant(made.edge.rtmp_port, whole, rng))


def relay_conversation(tags):
    """What an edge asks and what one that passes a publisher on sends."""
    parts = [relay.message(relay.LOCATE, [(1, 1), (2, "live/cam1")]),
             relay.message(relay.SUBSCRIBE, [(1, 2), (2, "live/cam1"), (3, "source"), (8, -1)]),
             relay.message(relay.FETCH, [(1, 3), (2, "live/cam1"), (3, "source"), (4, 9), (5, 1), (6, 99)]),
             relay.message(relay.PING, [(1, 7)]),
             relay.message(relay.PUBLISH, [(1, 4), (2, "live/cam2"), (4, "10.0.0.1:5"), (5, "rtmp"), (6, "s")])]
    for tag in tags:
        if tag.type not in (flv.AUDIO, flv.VIDEO):
            continue
        video = tag.type == flv.VIDEO
        kind, codec, skip = (1, b"avc1", 5) if video else (2, b"mp4a", 2)
        fields = [(1, 4), (2, 1 if tag.is_config() else 2), (3, kind), (4, int.from_bytes(codec, "big")),
                  (6, 0 if video else tag.payload[0]), (7, int(tag.is_keyframe())), (8, tag.timestamp)]
        parts.append(relay.message(relay.SAMPLE, fields, tag.payload[skip:]))
    return parts + [relay.message(relay.UNPUBLISH, [(1, 4)]), relay.message(relay.UNSUBSCRIBE, [(1, 2)])]


@pytest.mark.parametrize("proved", [True, False])
def test_mutated_relay_sessions(cluster, encoder, clip_tags, proved):
    made = cluster(workers=2, origin={"stream.grace": "0s", "logging.level": "error"})
    small = [flv.Tag(tag.type, tag.timestamp, tag.payload[:600]) for tag in clip_tags[:40]]
    whole = b"".join(relay_conversation(small))
    hello = relay.message(relay.HELLO, [(1, 1), (2, 1), (4, "x"), (5, relay.EDGE), (6, bytes(32)), (7, 1)])

    def session(rng):
        if proved:
            link = relay.Link(made.origin.relay_port, node=f"stranger{rng.randrange(8)}")
            connection, data = link.socket, mutate(whole, rng)
        else:
            connection = socket.create_connection(("127.0.0.1", made.origin.relay_port), timeout=20 * SLOW)
            data = mutate(hello + relay.message(relay.PROOF, [(1, bytes(32))]) + whole, rng)
        try:
            connection.sendall(data)
        except OSError:
            pass
        drain(connection)

    identical_rounds(made.origin, session)
