"""One programme and several encoders of it: a clip again and again, each frame with its number inside, so that a viewer
can tell which it got. Encoders of the same programme send the same bytes at the same time, with clocks of their own."""
import threading
import time

import flv
import rtmp
import watcher

MARK = b"weir-frame"


class Program:
    """Frames by number. `salt` makes them other frames than another programme's."""

    def __init__(self, tags, salt=b""):
        self.configs = [tag for tag in tags if tag.is_config()]
        self.frames = [tag for tag in tags if tag.is_frame()]
        self.span = max(tag.timestamp for tag in self.frames) + 33
        self.salt = salt
        self.began = time.monotonic()

    def time(self, number):
        lap, nth = divmod(number, len(self.frames))
        return self.frames[nth].timestamp + lap * self.span

    def tag(self, number):
        tag = self.frames[number % len(self.frames)]
        stamp = MARK + self.salt + b"%010d" % number
        if tag.type == flv.VIDEO:  # as a filler NAL unit, H.264, 7.3.2.7
            stamp = (len(stamp) + 1).to_bytes(4, "big") + b"\x0c" + stamp
        return flv.Tag(tag.type, self.time(number), tag.payload + stamp)

    def number_at(self, seconds):
        """The first keyframe at or after this time of the programme."""
        number = 0
        while self.time(number) < 1000 * seconds or not self.tag(number).is_keyframe():
            number += 1
        return number


def number_of(payload):
    """A frame's number and salt, from what a viewer got."""
    return int(payload[-10:]), payload[payload.rindex(MARK) + len(MARK):-10]


class ProgramEncoder:
    """Publishes a programme from its next keyframe on, in a thread of its own until `close` or `kill`. Its clock begins
    at `base` ms, and it sends `delay` seconds late."""

    def __init__(self, port, program, base=0, delay=0.0, name="cam1", chunk=4096, source=""):
        self.program, self.base, self.delay = program, base, delay
        self.client = rtmp.Client(port, chunk_size=chunk, source=source)
        self.answer = self.client.publish(name)
        self.sent = []  # numbers
        self.ended = None
        self.stopping, self.going = threading.Event(), threading.Event()
        self.going.set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        if self.answer == "NetStream.Publish.Start":
            self.thread.start()

    def _run(self):
        try:
            for tag in self.program.configs:
                self.client.send_tag(tag, self.base)
            number = self.program.number_at(time.monotonic() - self.program.began)
            while not self.stopping.is_set():
                self._send(number)
                number += 1
        except OSError as why:
            self.ended = why

    def _send(self, number):
        due = self.program.began + self.delay + self.program.time(number) / 1000
        self.stopping.wait(max(0.0, due - time.monotonic()))
        while not self.going.wait(0.1) and not self.stopping.is_set():
            pass
        if not self.stopping.is_set():
            tag = self.program.tag(number)
            self.client.send_tag(tag, self.base + tag.timestamp & 0xFFFFFFFF)
            self.sent.append(number)

    def stall(self):
        """Says nothing more, until `resume`; the frames of that time are sent late, all at once."""
        self.going.clear()

    def resume(self):
        self.going.set()

    def close(self):
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join(20)
        assert not self.thread.is_alive(), "the encoder's thread hangs"
        self.client.close()


class ProgramWatcher(watcher.Watcher):
    """Notes each frame of a programme that it gets."""

    def __init__(self, port, name="cam1"):
        self.frames = []  # (tag type, number, salt, timestamp, arrival)
        super().__init__(port, name)

    def note(self, frame):
        super().note(frame)
        self.frames.append((frame.type, *number_of(frame.payload), frame.timestamp, frame.arrival))

    def newest(self, salt=b""):
        return max((frame[1] for frame in list(self.frames) if frame[2] == salt), default=-1)

    def holes(self):
        """What is missing, repeated or out of order, of picture and sound each by themselves: empty is well."""
        wrong = []
        for kind in (flv.VIDEO, flv.AUDIO):
            numbers = [frame[1] for frame in self.frames if frame[0] == kind]
            wrong += [(kind, a, b) for a, b in zip(numbers, numbers[1:]) if b <= a]
        seen = sorted(frame[1] for frame in self.frames)
        key = next(frame[1] for frame in self.frames if frame[0] == flv.VIDEO)
        return wrong + [(a, b) for a, b in zip(seen, seen[1:]) if b != a + 1 and b > key]
