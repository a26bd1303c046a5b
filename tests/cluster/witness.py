"""What must be true in every story, seen by all viewers together while it goes on.

- Never are two epochs' frames mixed at a cursor: each connection of a publisher is an epoch; after its last frame at a
  cursor none comes again, and the video of the next one begins with a keyframe.
- Within an epoch no frame comes twice or in the wrong order.
- Numbers never go back: not a playlist's, not a media time, and segment N is the same URL at every edge.
- A URL gives the same bytes, whichever edge is asked.
"""
import hashlib
import threading
import time


class Witness:
    """Of one stream. Any thread may tell it what it saw; what was wrong is in `violations`."""

    def __init__(self, name):
        self.name = name
        self.violations = []
        self.unstamped = False  # frames without a stamp are expected too
        self.numbers = {}  # (track, number) → (path, who told so first)
        self.bytes = {}  # path → (hash, size, who got it first)
        self.lock = threading.Lock()

    def accuse(self, who, what):
        with self.lock:
            self.violations.append(f"{time.monotonic():.3f} {who}: {what}")

    def segment(self, who, track, number, path):
        """A playlist says that `number` is at `path`."""
        with self.lock:
            known, first = self.numbers.setdefault((track, number), (path, who))
        if known != path:
            self.accuse(who, f"segment {number} of {track} is {path}, but {first} was told {known}")

    def body(self, who, path, data):
        digest = hashlib.md5(data).digest()
        with self.lock:
            known, size, first = self.bytes.setdefault(path, (digest, len(data), who))
        if known != digest:
            self.accuse(who, f"{path} has other bytes ({len(data)}) than {first} got ({size})")


class Cursor:
    """The frames that one viewer gets of one log or track, in their order. `lost` counts the holes within an epoch."""

    def __init__(self, witness, who):
        self.witness, self.who = witness, who
        self.source, self.past = None, set()
        self.wants_key = False
        self.newest = {}  # track → counter, of the present source
        self.lost = 0

    def see(self, stamp):
        if stamp.source != self.source:
            self._turn(stamp)
        if self.wants_key and stamp.track == "v":
            self.wants_key = False
            if stamp.kind != "K":
                self.witness.accuse(self.who, f"the video of the epoch of {stamp} does not begin with a keyframe")
        before = self.newest.get(stamp.track)
        if before is not None:
            if stamp.counter <= before:
                self.witness.accuse(self.who, f"frame {stamp} came after {before}")
            self.lost += max(0, stamp.counter - before - 1)
        self.newest[stamp.track] = stamp.counter

    def is_new(self, stamp):
        """Not of what was seen before: for those that fetch some frames twice."""
        return stamp.source != self.source or stamp.counter > self.newest.get(stamp.track, -1)

    def _turn(self, stamp):
        if stamp.source in self.past:
            self.witness.accuse(self.who, f"frame {stamp} of an earlier epoch amid those of {self.source}")
        if self.source is not None:
            self.past.add(self.source)
        self.source, self.newest, self.wants_key = stamp.source, {}, True


class Steps:
    """A value of one player's that may only rise: `what` says which."""

    def __init__(self, witness, who):
        self.witness, self.who, self.newest = witness, who, {}

    def see(self, what, value, slack=0):
        """With `slack`, it may fall by so much below the highest."""
        before = self.newest.get(what, value)
        if value < before - slack:
            self.witness.accuse(self.who, f"{what} went back from {before} to {value}")
        self.newest[what] = max(before, value)
