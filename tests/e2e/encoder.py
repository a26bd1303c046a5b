"""An encoder made of the raw client: sends a clip's tags at their own pace, again and again, and reconnects when told."""
import threading
import time

import flv
import rtmp


class Encoder:
    """Publishes in a thread of its own until `close`. With `retry` it connects again whenever the connection breaks;
    with `changing` each round tells its configurations again, for they are not the same all through."""

    def __init__(self, port, tags, name="cam1", app="live", retry=False, changing=False):
        self.port, self.name, self.app, self.retry, self.changing = port, name, app, retry, changing
        self.tags = [tag for tag in tags if tag.type != flv.DATA]
        self.span = max(tag.timestamp for tag in self.tags) + 33
        self.first_frame_at = []  # time.monotonic() of the first keyframe of each connection
        self.sent = 0
        self.answers = []  # the codes of the answers to `publish`
        self.failures = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.stopping.set()
        self.thread.join(20)
        assert not self.thread.is_alive(), "the encoder's thread hangs"

    def _run(self):
        while not self.stopping.is_set():
            try:
                self._publish_once()
            except (OSError, AssertionError) as why:
                self.failures.append(why)
            if not self.retry:
                return
            self.stopping.wait(0.1)

    def _publish_once(self):
        with rtmp.Client(self.port, self.app) as client:
            self.answers.append(client.publish(self.name))
            if self.answers[-1] != "NetStream.Publish.Start":
                return
            self._send_loops(client)
            client.unpublish(self.name)

    def _send_loops(self, client):
        began, lap, first = time.monotonic(), 0, True
        while not self.stopping.is_set():
            for tag in self.tags:
                if lap and tag.is_config() and not self.changing:
                    continue
                at = tag.timestamp + lap * self.span
                if self.stopping.wait(max(0.0, began + at / 1000 - time.monotonic())):
                    return
                client.send_tag(tag, at)
                self.sent += 1
                if first and tag.is_keyframe():
                    self.first_frame_at.append(time.monotonic())
                    first = False
            lap += 1
