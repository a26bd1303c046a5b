"""A relay link by hand: framing, Hello and proof, and the messages that a test cares for (proto/relay.proto)."""
import hashlib
import hmac
import io
import os
import socket
import struct


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A number, bytes or text; what is 0 or empty is left out, as proto3 does."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data if data else b""


def message(body, fields, payload=b""):
    """One framed message: `body` is its number in Header, `fields` a list of (number, value)."""
    inner = b"".join(field(number, value) for number, value in fields)
    header = varint(body << 3 | 2) + varint(len(inner)) + inner
    return varint(len(header)) + varint(len(payload)) + header + payload


def read_varint(file):
    value, shift = 0, 0
    while True:
        byte = file.read(1)[0]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value


def fields_of(data):
    """{number: value} of a protobuf message of numbers and bytes; of a repeated field the last."""
    file, found = io.BytesIO(data), {}
    while file.tell() < len(data):
        key = read_varint(file)
        value = read_varint(file)
        found[key >> 3] = file.read(value) if key & 7 == 2 else value
    return found


HELLO, PROOF, PING, LOCATE, SUBSCRIBE, UNSUBSCRIBE, FETCH, PUBLISH, SAMPLE, UNPUBLISH = 1, 2, 3, 10, 20, 23, 40, 50, 51, 52
LOCATED, ANNOUNCE, ACCEPTED, REFUSED, MEDIA = 11, 12, 21, 22, 31
ORIGIN, EDGE = 1, 2


class Link:
    """Connected and proved. What it sends is what the test gives it."""

    def __init__(self, port, node="stranger", secret=b"", role=EDGE):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        hello = message(HELLO, [(1, 1), (2, 1), (4, node), (5, role), (6, os.urandom(32)), (7, 1)])
        self.socket.sendall(hello)
        theirs = self.read()
        self.read()  # their proof, which a test believes
        sides = b"".join(struct.pack(">I", len(part)) + part for part in (hello, theirs, b""))
        mac = hmac.new(secret, b"weir relay: connecter" + sides, hashlib.sha256).digest()
        self.socket.sendall(message(PROOF, [(1, mac)]))

    def read_varint(self, file=None):
        value, raw = 0, b""
        while not raw or raw[-1] & 128:
            byte = (file or self.file).read(1)
            if not byte:
                raise ConnectionError("closed by the peer")
            raw += byte
            value |= (raw[-1] & 127) << 7 * (len(raw) - 1)
        return value, raw

    def read(self):
        """The next message as it was framed."""
        header_size, first = self.read_varint()
        payload_size, second = self.read_varint()
        return first + second + self.file.read(header_size + payload_size)

    def read_until(self, body, before=None):
        """The next message whose body has that number; the numbers of those before it are added to `before`."""
        while True:
            framed = io.BytesIO(self.read())
            sizes = [self.read_varint(framed)[0] for _ in range(2)]
            number = self.read_varint(framed)[0] >> 3
            if number == body:
                return framed.getvalue()[-sum(sizes):]
            if before is not None:
                before.append(number)

    def next_fields(self, body):
        """The fields of the next message whose body has that number."""
        header = io.BytesIO(self.read_until(body))
        read_varint(header)  # the body's number
        return fields_of(header.read(read_varint(header)))

    def close(self):
        self.file.close()
        self.socket.close()
