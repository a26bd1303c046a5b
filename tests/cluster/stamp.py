"""Frames that tell whose they are, through every protocol: a stamp of publisher, connection and counter in each payload.

H.264 carries it in an SEI NAL unit (user_data_unregistered, H.264 D.1.6), AAC in a data stream element (ISO/IEC 14496-3,
4.4.2.1), whose head has 16 bits, so that the rest of the block need not be shifted. Decoders pass over both.
"""
import re
from dataclasses import dataclass

import flv

MARK = bytes.fromhex("5765697253746f72792d5374616d7031")
PATTERN = re.compile(re.escape(MARK) + rb"([0-9a-f]{2})([0-9a-f]{4})([0-9a-f]{8})([Kva])")
SIZE = len(MARK) + 15


@dataclass(frozen=True)
class Stamp:
    publisher: int
    connection: int
    counter: int  # of frames of its kind, over all connections of its publisher
    kind: str  # K: a keyframe, v: other video, a: audio

    @property
    def source(self):
        """What has an epoch of its own."""
        return self.publisher, self.connection

    @property
    def track(self):
        return "a" if self.kind == "a" else "v"

    def data(self):
        text = b"%02x%04x%08x%s" % (self.publisher, self.connection, self.counter, self.kind.encode())
        return MARK + text


def kind_of(tag):
    return "a" if tag.type == flv.AUDIO else "K" if tag.is_keyframe() else "v"


def track_of(tag):
    return "a" if tag.type == flv.AUDIO else "v"


def stamped(tag, stamp):
    """The same frame, with its stamp."""
    if tag.type == flv.AUDIO:
        head, extra = 2, b"\x80" + bytes([SIZE]) + stamp.data()
    else:
        unit = b"\x06\x05" + bytes([SIZE]) + stamp.data() + b"\x80"
        head, extra = 5, len(unit).to_bytes(4, "big") + unit
    return flv.Tag(tag.type, tag.timestamp, tag.payload[:head] + extra + tag.payload[head:])


def read(data):
    """All stamps in some bytes, in their order."""
    return [Stamp(int(a, 16), int(b, 16), int(c, 16), kind.decode()) for a, b, c, kind in PATTERN.findall(data)]
