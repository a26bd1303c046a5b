"""What a player has fetched and not yet played."""


class Buffer:
    """Playback begins when `wanted` seconds of media are there, goes on in real time, and stands still while there is none.
    Times are time.monotonic()."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.media = 0.0  # seconds fetched so far
        self.dry = None  # when playback has used up all that is there
        self.stalls = []  # (when it stood still, when it went on)

    @property
    def playing(self):
        return self.dry is not None

    def add(self, arrival, seconds):
        self.media += seconds
        if self.dry is None:
            if self.media >= self.wanted:
                self.dry = arrival + self.media
            return
        if arrival > self.dry:
            self.stalls.append((self.dry, arrival))
            self.dry = arrival
        self.dry += seconds

    def stalled(self, since, until):
        """Seconds of standing still between two moments."""
        if self.dry is None:
            return until - since
        return sum(max(0.0, min(b, until) - max(a, since)) for a, b in self.all_stalls(until))

    def all_stalls(self, now):
        """With the one that goes on, if one does."""
        return [*self.stalls, *([(self.dry, now)] if self.dry is not None and now > self.dry else [])]
