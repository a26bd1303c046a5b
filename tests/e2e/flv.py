"""FLV tags out of bytes (Adobe's video file format, annex E)."""
from dataclasses import dataclass

AUDIO, VIDEO, DATA = 8, 9, 18


@dataclass(frozen=True)
class Tag:
    type: int
    timestamp: int  # milliseconds
    payload: bytes

    def is_video_config(self):
        return self.type == VIDEO and self.payload[0] & 15 == 7 and self.payload[1] == 0

    def is_audio_config(self):
        return self.type == AUDIO and self.payload[0] >> 4 == 10 and self.payload[1] == 0

    def is_config(self):
        return self.is_video_config() or self.is_audio_config()

    def is_keyframe(self):
        return self.type == VIDEO and self.payload[0] >> 4 == 1 and self.payload[1] == 1

    def is_frame(self):
        """Coded audio or video: no configuration, no end of sequence, no metadata."""
        return self.type in (AUDIO, VIDEO) and len(self.payload) > 1 and self.payload[1] == 1


def joined(first, second):
    """One stream behind the other, without what is no sound or picture."""
    span = max(tag.timestamp for tag in first) + 33
    behind = [Tag(tag.type, tag.timestamp + span, tag.payload) for tag in second]
    return [tag for tag in [*first, *behind] if tag.type != DATA]


def padded(tags, size):
    """The same stream, heavier: each video frame carries a filler NAL unit (H.264, 7.3.2.7) of `size` bytes besides."""
    filler = (size + 1).to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 1) + b"\x80"
    return [Tag(tag.type, tag.timestamp, tag.payload + filler) if tag.type == VIDEO and tag.is_frame() else tag
            for tag in tags]


class Reader:
    """Takes the bytes of a stream as they come and gives the tags that they complete."""

    def __init__(self):
        self.buffer = b""
        self.begun = False
        self.kinds = set()  # that the file's header promises: VIDEO, AUDIO

    def feed(self, data):
        self.buffer += data
        if not self.begun:
            if len(self.buffer) < 13:
                return
            assert self.buffer[:3] == b"FLV" and self.buffer[3] == 1, self.buffer[:13]
            self.kinds = {kind for bit, kind in ((1, VIDEO), (4, AUDIO)) if self.buffer[4] & bit}
            assert self.buffer[5:9] == b"\0\0\0\x09", "header size"
            assert self.buffer[9:13] == b"\0\0\0\0", "first previous tag size"
            self.buffer, self.begun = self.buffer[13:], True
        while len(self.buffer) >= 11:
            size = int.from_bytes(self.buffer[1:4], "big")
            if len(self.buffer) < 15 + size:
                return
            low, high = int.from_bytes(self.buffer[4:7], "big"), self.buffer[7]
            tag = Tag(self.buffer[0] & 31, high << 24 | low, self.buffer[11:11 + size])
            assert int.from_bytes(self.buffer[11 + size:15 + size], "big") == 11 + size, "previous tag size"
            self.buffer = self.buffer[15 + size:]
            yield tag


def read_file(path):
    with open(path, "rb") as file:
        return list(Reader().feed(file.read()))
