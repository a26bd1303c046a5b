"""A publisher and a viewer between whom every frame is accounted for: each frame carries a number of its own."""
import struct
import threading
import time

import flv
import rtmp

MARK = b"weir-frame:"


def stamped(tag, number):
    """The frame with its number: behind a video frame as a filler NAL unit, behind the bytes of an audio frame."""
    note = MARK + struct.pack(">Q", number)
    if tag.type == flv.VIDEO:
        note = (len(note) + 1).to_bytes(4, "big") + b"\x0c" + note
    return flv.Tag(tag.type, tag.timestamp, tag.payload + note)


def number_of(tag):
    assert tag.payload[-8 - len(MARK):-8] == MARK, "a frame without its number"
    return struct.unpack(">Q", tag.payload[-8:])[0]


class Publisher:
    """Sends the clip's frames at their pace in a thread of its own, numbered from `first` on; `pause` stops it between two
    frames and keeps the connection, `go_on` lets it send again, as if no time had passed."""

    def __init__(self, port, tags, name="cam1", first=0):
        self.tags = [tag for tag in tags if tag.type != flv.DATA]
        self.span = max(tag.timestamp for tag in self.tags) + 33
        self.sent, self.keyframes = [], []  # numbers
        self.next = first
        self.client = rtmp.Client(port)
        assert self.client.publish(name) == "NetStream.Publish.Start"
        self.running, self.idle, self.stopping = threading.Event(), threading.Event(), threading.Event()
        self.failure = None
        self.running.set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def pause(self):
        self.running.clear()
        self.idle.wait(10)

    def go_on(self):
        self.idle.clear()
        self.running.set()

    def close(self):
        self.stopping.set()
        self.running.set()
        self.thread.join(20)
        assert not self.thread.is_alive(), "the publisher's thread hangs"
        self.client.close()

    def _run(self):
        try:
            self._send()
        except OSError as why:
            self.failure = why
        self.idle.set()

    def _wait_allowed(self):
        """The time that a pause took."""
        began = time.monotonic()
        if not self.running.is_set():
            self.idle.set()
            self.running.wait()
        return time.monotonic() - began

    def _send(self):
        began, lap = time.monotonic(), 0
        while True:
            for tag in self.tags:
                if lap and tag.is_config():
                    continue
                at = tag.timestamp + lap * self.span
                began += self._wait_allowed()
                if self.stopping.wait(max(0.0, began + at / 1000 - time.monotonic())):
                    return
                if not tag.is_frame():
                    self.client.send_tag(tag, at)
                    continue
                began += self._wait_allowed()
                self.client.send_tag(stamped(tag, self.next), at)
                self.sent.append(self.next)
                if tag.is_keyframe():
                    self.keyframes.append(self.next)
                self.next += 1
            lap += 1


class Viewer:
    """Plays in a thread of its own and notes the number of each frame and when it came."""

    def __init__(self, port, name="cam1"):
        self.client = rtmp.Client(port).play(name)
        self.numbers, self.arrivals = [], []
        self.failure, self.stopping = None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping:
            try:
                frame = self.client.next_frame(0.5)
            except TimeoutError:
                continue
            except (OSError, AssertionError) as why:
                if not self.stopping:
                    self.failure = why
                return
            self.numbers.append(number_of(frame.tag()))
            self.arrivals.append(frame.arrival)

    def codes(self):
        return [status["code"] for status in self.client.statuses]

    def close(self):
        self.stopping = True
        self.thread.join(20)
        assert not self.thread.is_alive(), "the viewer's thread hangs"
        self.client.close()
