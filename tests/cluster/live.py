"""Viewers by RTMP and by HTTP-FLV, which record each frame: whose it is, its time, and when it came."""
import contextlib
import http.client
import socket
import threading
import time
from dataclasses import dataclass

import flv
import rtmp
import stamp
from witness import Cursor, Steps


@dataclass(frozen=True)
class Frame:
    arrival: float  # time.monotonic()
    timestamp: int
    stamp: stamp.Stamp


class Viewer:
    """Watches from an edge in a thread of its own until it is closed, by either side. `why` tells why the edge closed it."""

    protocol = None

    def __init__(self, edge, witness, name="live/cam1"):
        self.edge, self.witness, self.name = edge, witness, name
        self.who = f"{self.protocol} at {edge.name}"
        self.frames, self.configs = [], []
        self.plain = []  # arrivals of frames without a stamp
        self.cursor = Cursor(witness, self.who)
        self.steps = Steps(witness, self.who)
        self.why = None
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.closing = True
        self.thread.join(30)
        assert not self.thread.is_alive(), f"{self.who} hangs"

    @property
    def closed(self):
        """By the edge."""
        return self.why is not None and not self.closing

    def playing(self):
        return len(self.frames) > 10

    def first_of(self, source):
        """When the first keyframe of a publisher's connection came; None before that."""
        return next((one.arrival for one in self.frames if one.stamp.source == source and one.stamp.kind == "K"), None)

    def last_before(self, moment):
        return next((one for one in reversed(self.frames) if one.arrival < moment), None)

    def silence(self, since, until=None):
        """The longest time without a video frame, from the last one before `since` on."""
        times = [one.arrival for one in self.frames if one.stamp.kind != "a"]
        before = [at for at in times if at < since][-1:]
        after = [at for at in times if at >= since and (until is None or at < until)]
        times = [*before, *after, *([until] if until else [])]
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)

    def _run(self):
        try:
            self._watch()
            self.why = self.why or "left"
        except (OSError, http.client.HTTPException) as why:
            self.why = str(why) or type(why).__name__

    def _take(self, tag, arrival):
        if tag.is_config():
            self.configs.append((arrival, tag))
        if not tag.is_frame():
            return
        self.steps.see(f"timestamp of type {tag.type}", tag.timestamp)
        stamps = stamp.read(tag.payload)
        if not stamps and self.witness.unstamped:
            self.plain.append(arrival)
            return
        if len(stamps) != 1:
            self.witness.accuse(self.who, f"a frame with {len(stamps)} stamps")
            return
        self.cursor.see(stamps[0])
        self.frames.append(Frame(arrival, tag.timestamp, stamps[0]))


class RtmpViewer(Viewer):
    protocol = "rtmp"

    def _watch(self):
        app, name = self.name.split("/")
        with rtmp.Client(self.edge.rtmp_port, app, host=self.edge.host.public) as client:
            client.play(name)
            while not self.closing:
                try:
                    message = client.read_message(0.2)
                except TimeoutError:
                    continue
                if message.type in (rtmp.AUDIO, rtmp.VIDEO):
                    self._take(message.tag(), message.arrival)
                elif client.statuses and client.statuses[-1]["code"] in ("NetStream.Play.UnpublishNotify",
                                                                         "NetStream.Play.StreamNotFound"):
                    self.why = client.statuses[-1]["code"]
                    return


class FlvViewer(Viewer):
    protocol = "flv"
    socket = None

    def close(self):
        self.closing = True
        if self.socket:
            with contextlib.suppress(OSError):  # closed by the edge before
                self.socket.shutdown(socket.SHUT_RDWR)
        super().close()

    def _watch(self):
        connection = http.client.HTTPConnection(self.edge.host.public, self.edge.http_port, timeout=20)
        try:
            connection.connect()
            self.socket = connection.sock
            connection.request("GET", f"/{self.name}.flv")
            answer, reader = connection.getresponse(), flv.Reader()
            if answer.status != 200:
                self.why = f"status {answer.status}"
                return
            self.socket.settimeout(60)
            while not self.closing:
                data = answer.read1(65536)
                if not data:
                    self.why = "the body ended"
                    return
                arrival = time.monotonic()
                for tag in reader.feed(data):
                    self._take(tag, arrival)
        finally:
            connection.close()
