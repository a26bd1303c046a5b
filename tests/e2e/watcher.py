"""A viewer that notes what comes, and when, whatever the test does meanwhile."""
import threading

import rtmp
from process import wait_until


class Watcher:
    """Plays a stream by RTMP in a thread of its own and notes when frames come. Made once it has one."""

    def __init__(self, port, name="cam1"):
        self.client = rtmp.Client(port).play(name)
        self.arrivals = []
        self.failure = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_until(lambda: self.arrivals or self.failure, 10, "the viewer sees the stream")

    def _run(self):
        while not self.stopping.is_set():
            try:
                self.note(self.client.next_frame(0.2))
            except TimeoutError:
                continue
            except (OSError, AssertionError) as why:
                self.failure = why
                return

    def note(self, frame):
        self.arrivals.append(frame.arrival)

    def close(self):
        self.stopping.set()
        self.thread.join(20)
        self.client.close()
        assert not self.failure, self.failure

    def longest_gap(self):
        """Between the arrivals of two frames, in seconds."""
        return max(b - a for a, b in zip(self.arrivals, self.arrivals[1:]))

    def assert_undisturbed(self, gap):
        """It was told nothing but that it plays, and never waited as long for a frame; nor does it for the next. It ends."""
        seen = len(self.arrivals)
        wait_until(lambda: len(self.arrivals) > seen or self.failure, 10, "frames come")
        self.close()
        assert [status["code"] for status in self.client.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]
        assert self.longest_gap() < gap
