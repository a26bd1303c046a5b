"""Encoders: one that stamps every frame and knows when it sent which, and ffmpeg under a supervisor's care."""
import threading
import time

import amf0
import flv
import media
import rtmp
import stamp
from process import SLOW

REFUSED_PAUSE = 0.05  # after a connection that came to nothing


def span_of(tags):
    """Milliseconds after which the clip begins again: its video lasts so long."""
    times = [tag.timestamp for tag in tags if tag.type == flv.VIDEO and tag.is_frame()]
    return round((times[-1] - times[0]) * len(times) / (len(times) - 1))


class Connection:
    """What became of one attempt to publish. Times are time.monotonic()."""

    def __init__(self, source, target):
        self.source, self.target = source, target
        self.began = time.monotonic()
        self.answer = None  # the code of the answer to `publish`
        self.first = self.last = None  # when the first keyframe and the newest frame went out
        self.sent = {}  # track → counter of the newest frame that went out
        self.ended = None
        self.why = ""

    def __repr__(self):
        return f"<{self.source} to {self.target.name}: {self.answer or self.why}>"


class Encoder:
    """Publishes a clip again and again at its own pace to the first of `targets` that takes it, and whenever its connection
    breaks, to the next one after `pause` seconds. A write that takes nothing for `patience` seconds is a broken connection
    too. `announces` is what it says of itself in `connect`.

    Encoders that are given the same `clock` (a time.monotonic()) are twins: at each moment they send the same frames, as if
    they had begun then and one source fed both, and their stamps are alike."""

    def __init__(self, host, targets, tags, publisher=1, name="cam1", app="live", patience=3600, pause=0,
                 retry=True, clock=None, announces=None):
        self.host, self.targets, self.publisher, self.name, self.app = host, list(targets), publisher, name, app
        self.configs = [tag for tag in tags if tag.is_config()]
        self.frames = [tag for tag in tags if tag.is_frame()]
        self.span, self.clock, self.announces = span_of(self.frames), clock, announces or {}
        self.patience, self.pause, self.retry = patience, pause, retry
        self.connections = []
        self.counters = {"v": 0, "a": 0}
        self.reconnect_requests = 0
        self.stopping, self.leaving = threading.Event(), threading.Event()
        self.abrupt = False
        self.client = None  # of the present connection
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # --- what a story does with it ---

    def move(self, abrupt=True):
        """Leaves its connection, without a word if `abrupt`, and goes to the next target."""
        self.abrupt = abrupt
        self.leaving.set()

    def vanish(self):
        """Leaves as when a mobile network takes the address away: the node hears nothing more of the connection."""
        self.host.silence(self.client.socket.getsockname()[1])
        self.move()

    def close(self):
        self.stopping.set()
        self.leaving.set()
        self.thread.join(10 + 10 * SLOW)
        assert not self.thread.is_alive(), "the encoder's thread hangs"

    @property
    def accepted(self):
        """The connections that published, in their order."""
        return [one for one in self.connections if one.first]

    @property
    def present(self):
        """The connection that publishes now, or None."""
        newest = self.connections[-1] if self.connections else None
        return newest if newest and newest.first and not newest.ended else None

    # --- its thread ---

    def _run(self):
        self.host.enter()
        turn = 0
        while not self.stopping.is_set():
            number = 0 if self.clock else len(self.connections)
            connection = Connection((self.publisher, number), self.targets[turn % len(self.targets)])
            self.connections.append(connection)
            try:
                self._publish(connection)
            except (OSError, AssertionError) as why:
                connection.why = connection.why or str(why) or type(why).__name__
            connection.ended = time.monotonic()
            if not self.retry:
                return
            self.leaving.clear()
            turn += 1
            self.stopping.wait(self.pause if connection.first else REFUSED_PAUSE)

    def _publish(self, connection):
        with rtmp.Client(connection.target.rtmp_port, self.app, host=connection.target.host.public) as client:
            connection.answer = client.publish(self.name, **self.announces)
            if connection.answer != "NetStream.Publish.Start":
                return
            client.timeout = self.patience
            self.client = client
            self._send(client, connection)
            if not self.abrupt:
                client.unpublish(self.name)

    def _send(self, client, connection):
        began = self.clock or time.monotonic()
        for tag in self.configs:
            client.send_tag(tag, 0)
        first_at = None
        for tag, at in self._schedule(1000 * (time.monotonic() - began)):
            if self.leaving.wait(max(0.0, began + at / 1000 - time.monotonic())):
                connection.why = "told to leave"
                return
            self._listen(client)
            first_at = at if first_at is None else first_at
            client.send_tag(self._stamped(tag, connection), at - first_at)
            connection.last, connection.sent = time.monotonic(), dict(self.counters)
            if connection.first is None and tag.is_keyframe():
                connection.first = connection.last

    def _schedule(self, since):
        """(frame, milliseconds after the clip began for the first time), again and again; a twin's from the first keyframe
        after `since` on. Counts them."""
        lap = int(since // self.span) if self.clock else 0
        waits = bool(self.clock)
        if self.clock:
            self.counters = {track: lap * sum(stamp.track_of(one) == track for one in self.frames) for track in "va"}
        while True:
            for tag in self.frames:
                self.counters[stamp.track_of(tag)] += 1
                at = tag.timestamp + lap * self.span
                waits = waits and not (at >= since and tag.is_keyframe())
                if not waits:
                    yield tag, at
            lap += 1

    def _stamped(self, tag, connection):
        counter = self.counters[stamp.track_of(tag)]
        return stamp.stamped(tag, stamp.Stamp(*connection.source, counter, stamp.kind_of(tag)))

    def _listen(self, client):
        """Takes what the node has said; rtmp.Closed when it has closed."""
        while True:
            try:
                message = client.read_message(0.0001)
            except TimeoutError:
                return
            if message.type != rtmp.COMMAND:
                continue
            values = amf0.decode(message.payload)
            if values[0] == "onStatus" and values[3].get("code") == "NetConnection.Connect.ReconnectRequest":
                self.reconnect_requests += 1


class Ffmpeg:
    """ffmpeg, started again whenever it ends, as a supervisor does. It publishes to one address, e.g. a balancer's."""

    def __init__(self, host, children, url, size="320x180", name="ffmpeg"):
        self.host, self.children, self.url, self.size, self.name = host, children, url, size, name
        self.starts = 0
        self.stopping = threading.Event()
        self.child = None
        self._start()
        self.thread = threading.Thread(target=self._care, daemon=True)
        self.thread.start()

    def _start(self):
        self.starts += 1
        with self.host.inside():
            self.child = media.ffmpeg_publish(self.children, self.url, size=self.size, name=self.name)

    def _care(self):
        while not self.stopping.wait(0.02):
            if not self.child.running():
                self._start()

    def close(self):
        self.stopping.set()
        self.thread.join(10)
        self.child.stop()
