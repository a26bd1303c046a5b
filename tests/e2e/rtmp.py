"""A small RTMP client that does exactly what a test tells it: publish odd things, stall, go half-open."""
import os
import socket
import struct
import time
from dataclasses import dataclass

import amf0
import flv

SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA, COMMAND = flv.AUDIO, flv.VIDEO, flv.DATA, 20
PING_REQUEST, PING_RESPONSE = 6, 7
EXTENDED = 0xFFFFFF


class Closed(ConnectionError):
    """The peer closed the connection."""


@dataclass
class Message:
    type: int
    stream_id: int
    timestamp: int
    payload: bytes
    arrival: float  # time.monotonic() when its last byte was read

    def tag(self):
        return flv.Tag(self.type, self.timestamp, self.payload)


@dataclass
class _ChunkStream:
    timestamp: int = 0
    delta: int = 0
    size: int = 0
    type: int = 0
    stream_id: int = 0
    extended: bool = False
    partial: bytes = b""


class Client:
    """One connection. Reads time out with TimeoutError and may be tried again; nothing is lost by that."""

    def __init__(self, port, app="live", timeout=5, receive_buffer=0, chunk_size=4096, host="127.0.0.1", source=""):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.timeout = timeout
        self.socket.settimeout(timeout)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app, self.address = app, f"rtmp://{host}:{port}/{app}"
        self.buffer = bytearray()
        self.streams = {}
        self.chunk_size_in, self.chunk_size_out, self.wanted_chunk_size = 128, 128, chunk_size
        self.received = self.acknowledged = 0
        self.window = 0
        self.transaction = 0
        self.stream_id = 0
        self.connect_result = None
        self.statuses = []  # every onStatus information object that came, in order

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # --- bytes ---

    def send(self, data):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(data)

    def _need(self, size, deadline):
        while len(self.buffer) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing came in time")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed("closed by the peer")
            self.buffer += data
            self.received += len(data)

    # --- handshake (5.2), the simple form ---

    def handshake(self):
        c1 = struct.pack(">II", 0, 0) + os.urandom(1528)
        self.send(b"\x03" + c1)
        self._need(1 + 1536 + 1536, time.monotonic() + self.timeout)
        assert self.buffer[0] == 3
        s1, s2 = bytes(self.buffer[1:1537]), bytes(self.buffer[1537:3073])
        assert s2[8:] == c1[8:], "S2 does not echo C1"
        del self.buffer[:3073]
        self.send(s1)

    # --- chunks (5.3) ---

    def write_message(self, chunk_stream, kind, stream_id, timestamp, payload):
        extended = struct.pack(">I", timestamp) if timestamp >= EXTENDED else b""
        head = bytes([chunk_stream]) + min(timestamp, EXTENDED).to_bytes(3, "big") + len(payload).to_bytes(3, "big")
        out = head + bytes([kind]) + struct.pack("<I", stream_id) + extended + payload[:self.chunk_size_out]
        for at in range(self.chunk_size_out, len(payload), self.chunk_size_out):
            out += bytes([0xC0 | chunk_stream]) + extended + payload[at:at + self.chunk_size_out]
        self.send(out)

    def _read_chunk(self, deadline):
        """One chunk; the message when the chunk completes one, else None. Takes nothing unless the chunk is whole."""
        self._need(1, deadline)
        form, number, at = self.buffer[0] >> 6, self.buffer[0] & 63, 1
        if number < 2:
            at = 2 + number
            self._need(at, deadline)
            number = 64 + int.from_bytes(self.buffer[1:at], "little")
        stream = self.streams.setdefault(number, _ChunkStream())
        head_size = (11, 7, 3, 0)[form]
        self._need(at + head_size, deadline)
        head = bytes(self.buffer[at:at + head_size])
        at += head_size
        time_field = int.from_bytes(head[:3], "big") if form < 3 else stream.delta
        is_extended = time_field == EXTENDED if form < 3 else stream.extended
        if is_extended:
            self._need(at + 4, deadline)
            time_field = int.from_bytes(self.buffer[at:at + 4], "big")
            at += 4
        size = int.from_bytes(head[3:6], "big") if form < 2 else stream.size
        take = min(self.chunk_size_in, size - len(stream.partial))
        self._need(at + take, deadline)
        if not stream.partial:
            if form < 2:
                stream.size, stream.type = size, head[6]
            if form == 0:
                stream.stream_id = int.from_bytes(head[7:11], "little")
                stream.timestamp = time_field
                stream.delta = time_field
            else:
                stream.delta = time_field
                stream.timestamp = stream.timestamp + time_field & 0xFFFFFFFF
            stream.extended = is_extended
        stream.partial += bytes(self.buffer[at:at + take])
        del self.buffer[:at + take]
        if len(stream.partial) < stream.size:
            return None
        payload, stream.partial = stream.partial, b""
        return Message(stream.type, stream.stream_id, stream.timestamp, payload, time.monotonic())

    def read_message(self, timeout=None):
        """The next message; those of the protocol itself are also obeyed."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            message = self._read_chunk(deadline)
            if message:
                self._obey(message)
                return message

    def _obey(self, message):
        if message.type == SET_CHUNK_SIZE:
            self.chunk_size_in = int.from_bytes(message.payload, "big")
        elif message.type == WINDOW_SIZE:
            self.window = int.from_bytes(message.payload, "big")
        elif message.type == USER_CONTROL and int.from_bytes(message.payload[:2], "big") == PING_REQUEST:
            self.write_message(2, USER_CONTROL, 0, 0, struct.pack(">H", PING_RESPONSE) + message.payload[2:6])
        elif message.type == COMMAND:
            values = amf0.decode(message.payload)
            if values[0] == "onStatus":
                self.statuses.append(values[3])
        if self.window and self.received - self.acknowledged >= self.window // 2:
            self.acknowledged = self.received
            self.write_message(2, ACKNOWLEDGEMENT, 0, 0, struct.pack(">I", self.received & 0xFFFFFFFF))

    # --- commands (7.2) ---

    def command(self, name, *values, stream_id=0):
        self.transaction += 1
        payload = amf0.encode(name, self.transaction, *values)
        self.write_message(3, COMMAND, stream_id, 0, payload)
        return self.transaction

    def call(self, name, *values):
        """A command and its _result's values after the transaction; an AssertionError on _error."""
        number = self.command(name, *values)
        while True:
            message = self.read_message()
            if message.type == COMMAND:
                answer = amf0.decode(message.payload)
                if answer[0] in ("_result", "_error") and answer[1] == number:
                    assert answer[0] == "_result", answer
                    return answer[2:]

    def connect(self, **more):
        self.handshake()
        self.write_message(2, SET_CHUNK_SIZE, 0, 0, struct.pack(">I", self.wanted_chunk_size))
        self.chunk_size_out = self.wanted_chunk_size
        result = self.call("connect", {"app": self.app, "tcUrl": self.address, "flashVer": "weir-test", **more})
        assert result[1]["code"] == "NetConnection.Connect.Success", result
        self.connect_result = result[1]
        return self

    def create_stream(self):
        self.stream_id = int(self.call("createStream", None)[1])

    def wait_status(self, timeout=None):
        """The next onStatus information object."""
        seen = len(self.statuses)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while len(self.statuses) == seen:
            self.read_message(deadline - time.monotonic())
        return self.statuses[seen]

    def publish(self, name, **connect):
        """The code of the answer to `publish`; `connect` is said with that command."""
        self.connect(**connect)
        self.command("releaseStream", None, name)
        self.command("FCPublish", None, name)
        self.create_stream()
        self.command("publish", None, name, "live", stream_id=self.stream_id)
        return self.wait_status()["code"]

    def play(self, name, **connect):
        """Asks to play; statuses and frames come with the messages read after."""
        self.connect(**connect)
        self.create_stream()
        self.command("play", None, name, -2000, stream_id=self.stream_id)
        return self

    def unpublish(self, name):
        self.command("FCUnpublish", None, name)
        self.command("deleteStream", None, self.stream_id)

    def send_tag(self, tag, timestamp=None):
        chunk_stream = {AUDIO: 4, VIDEO: 6}.get(tag.type, 5)
        self.write_message(chunk_stream, tag.type, self.stream_id,
                           tag.timestamp if timestamp is None else timestamp, tag.payload)

    def next_frame(self, timeout=None, wanted=flv.Tag.is_frame):
        """The next message whose tag satisfies `wanted`."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            message = self.read_message(deadline - time.monotonic())
            if message.type in (AUDIO, VIDEO) and wanted(message.tag()):
                return message

    def keyframe_after(self, moment, timeout):
        """The first keyframe that arrives after `moment` (time.monotonic())."""
        while True:
            frame = self.next_frame(timeout, wanted=flv.Tag.is_keyframe)
            if frame.arrival > moment:
                return frame
