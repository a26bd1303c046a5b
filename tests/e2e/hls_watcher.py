"""A player of HLS that follows a stream in a thread of its own and notes everything that a viewer would notice."""
import threading
import time
from urllib.parse import urljoin

import hls


class HlsWatcher:
    """Follows the video's playlist and fetches each segment once. `failures` has every request that was not answered
    as it should be, `segments` (number, seconds of the media, when it was there). With `new_runs` the numbers may jump
    forward, where a stream begins anew."""

    def __init__(self, place, name="live/cam1", new_runs=False):
        self.player, self.new_runs = hls.Player(place, name), new_runs
        self.failures, self.segments = [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        self.stopping.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), "the watcher hangs"

    def _run(self):
        try:
            path = self.player.tracks(timeout=30)["v"]
        except (OSError, AssertionError) as why:
            self.failures.append(f"the beginning: {why!r}")
            return
        newest = None
        while not self.stopping.is_set():
            try:
                newest = self._reload(path, newest)
            except (OSError, AssertionError) as why:
                self.failures.append(f"{time.monotonic():.3f}: {why!r}")
                self.stopping.wait(0.5)

    def _reload(self, path, newest):
        query = "" if newest is None else f"_HLS_msn={newest + 1}"
        playlist = self.player.media(path, query, timeout=30)
        for segment in playlist.segments if newest is not None else playlist.segments[-1:]:
            if newest is not None and segment.msn <= newest:
                continue
            assert newest is None or self.new_runs or segment.msn == newest + 1, f"{newest} is followed by {segment.msn}"
            if not segment.gap:
                self.player.fetch(path, urljoin(path, segment.uri), timeout=30)
                self.segments.append((segment.msn, segment.duration, time.monotonic()))
            newest = segment.msn
        if playlist.last < (newest or 0):
            raise AssertionError(f"the playlist went back from {newest} to {playlist.last}")
        if query and playlist.last <= newest - 1:
            self.stopping.wait(0.2)
        return newest

    def longest_wait(self):
        """The longest time between the arrivals of two segments that follow each other."""
        times = [at for _, _, at in self.segments]
        return max(b - a for a, b in zip(times, times[1:]))
