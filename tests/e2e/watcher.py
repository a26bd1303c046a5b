"""A viewer that notes when frames come, whatever the test does meanwhile."""
import threading

import rtmp


class Watcher:
    """A viewer in a thread of its own that notes when frames came."""

    def __init__(self, port, name="cam1"):
        self.client = rtmp.Client(port).play(name)
        self.arrivals = [self.client.next_frame(10).arrival]
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopping.is_set():
                self.arrivals.append(self.client.next_frame(10).arrival)
        except (OSError, AssertionError) as why:
            self.failure = why

    def longest_gap(self):
        """Of all that it saw, in seconds. It ends."""
        self.stopping.set()
        self.thread.join(20)
        self.client.close()
        assert self.failure is None, self.failure
        assert [status["code"] for status in self.client.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]
        return max(b - a for a, b in zip(self.arrivals, self.arrivals[1:]))
