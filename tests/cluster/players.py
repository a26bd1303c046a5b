"""Players by HLS, low-latency HLS and DASH: they follow playlists as players do, and know when they would have stood still.

Each track has a thread of its own, with its own place and its own buffer. A player is given several `edges` when a balancer
or content steering would give it several: it goes on at the next one when one does not answer.
"""
import http.client
import re
import threading
import time
import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urljoin, urlsplit

import hls
import stamp
from buffer import Buffer
from web import Answer
from witness import Cursor, Steps

NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
TFDT = re.compile(rb"tfdt([\x00\x01])\0\0\0(.{8})", re.S)
ROUNDING = 0.001  # seconds: times are added up from parts that change
SHORTEST_FRAME = 0.01  # seconds
PAUSE = 0.1  # after an answer that was none
PATIENCE, BLOCKED_PATIENCE = 4, 20  # seconds for an answer


def seconds_of(duration):
    """Of what an MPD writes as PT1H2M3.5S."""
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration)
    hours, minutes, seconds = (float(one or 0) for one in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def moment(text):
    """time.time() of an MPD's date."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Web:
    """A kept-alive connection to one of several addresses."""

    def __init__(self, places):
        self.places, self.turn = places, 0  # (address, port)
        self.connection = None
        self.moves = 0

    def get(self, path, timeout=PATIENCE):
        """The answer of the first address that gives one; each is tried once more, for kept-alive connections end."""
        failure = None
        for attempt in range(len(self.places) + 1):
            try:
                return self._ask(path, timeout)
            except (OSError, http.client.HTTPException) as why:
                failure = why
                self.close()
                if attempt or isinstance(why, TimeoutError):
                    self.turn += 1
                    self.moves += 1
        raise ConnectionError(f"no edge answers: {failure or 'unknown'}")

    def _ask(self, path, timeout):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.places[self.turn % len(self.places)], timeout=timeout)
            self.connection.connect()
        self.connection.sock.settimeout(timeout)
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = answer.read()
        if answer.will_close:
            self.close()
        return Answer(answer.status, headers, body)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class Track:
    """One track of a player. A kind of player says in `_follow` how it comes to its next segment."""

    def __init__(self, player, path, name):
        self.player, self.path, self.name = player, path, name
        self.who = f"{player.who}, track {name}"
        self.web = Web(player.places)
        self.witness = player.witness
        self.cursor = Cursor(self.witness, self.who)
        self.steps = Steps(self.witness, self.who)
        self.buffer = None
        self.taken = []  # (arrival, path, seconds, the sources in it)
        self.arrivals = {}  # source → when the first piece with frames of it came
        self.skipped = 0.0  # seconds of gaps
        self.troubles = []  # (when, what)
        self.ended = False
        self.inits = set()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.player.closing and not self.ended:
            try:
                self._follow()
            except OSError as why:
                self._trouble(str(why))
            except AssertionError as why:
                self.witness.accuse(self.who, f"{why}")
                self._trouble("refused")
        self.web.close()

    def _trouble(self, why):
        self.troubles.append((time.monotonic(), why))
        self.player.stopping.wait(PAUSE)

    def _ask(self, path, **options):
        """The answer if it is 200, else None."""
        answer = self.web.get(path, **options)
        if answer.status == 200:
            return answer
        self._trouble(f"{urlsplit(path).path}: {answer.status} {answer.body[:120]!r}")
        return None

    def _begin(self, wanted):
        if self.buffer is None:
            self.buffer = Buffer(wanted)

    def _initialise(self, uri):
        path = urlsplit(urljoin(self.path, uri)).path
        if path not in self.inits:
            answer = self._ask(path)
            if answer:
                self.inits.add(path)
                self.witness.body(self.who, path, answer.body)

    def _take(self, uri, seconds, is_rest=False):
        """Fetches a segment or part and plays it, of a rest what has not been played yet. False if it was not to be had."""
        url = urljoin(self.path, uri)
        answer = self._ask(url)
        if not answer:
            return False
        path, arrival = urlsplit(url).path, time.monotonic()
        if "no-store" not in answer.headers.get("cache-control", ""):
            self.witness.body(self.who, path, answer.body)
        if not is_rest:
            for version, value in TFDT.findall(answer.body):
                time_size = 8 if version == b"\1" else 4
                self.steps.see("media time", int.from_bytes(value[:time_size], "big"))
        stamps = [one for one in stamp.read(answer.body) if not is_rest or self.cursor.is_new(one)]
        for one in stamps:
            self.cursor.see(one)
        sources = {one.source for one in stamps}
        for source in sources:
            self.arrivals.setdefault(source, arrival)
        self.taken.append((arrival, path, seconds, sources))
        self.buffer.add(arrival, seconds)
        return True

    def _gap(self, seconds):
        self.skipped += seconds


class HlsTrack(Track):
    """Whole segments, from three before the newest on."""

    newest = None  # number of the segment that was taken last

    def _playlist(self, query="", **options):
        path = self.path + (("&" if "?" in self.path else "?") + query if query else "")
        answer = self._ask(path, **options)
        if not answer:
            return None
        playlist = hls.parse_media(answer.text())
        self.steps.see("EXT-X-MEDIA-SEQUENCE", playlist.sequence, self.player.slack)
        self.steps.see("EXT-X-DISCONTINUITY-SEQUENCE", playlist.discontinuity_sequence)
        if playlist.segments:
            self.steps.see("the newest segment's number", playlist.last, self.player.slack)
        for one in playlist.segments:
            if one.gap:  # nobody fetches it; and an MPD may have foreseen that number for the epoch that broke off
                continue
            self.witness.segment(self.who, self.name, one.msn, urlsplit(urljoin(self.path, one.uri)).path)
        return playlist

    def _follow(self):
        playlist = self._playlist()
        if not playlist:
            return
        if self.newest is None:
            if len(playlist.segments) < 3:
                self.player.stopping.wait(PAUSE)
                return
            self.newest = playlist.segments[-3].msn - 1
            self._begin(sum(one.duration for one in playlist.segments[-3:]))
        news = [one for one in playlist.segments if one.msn > self.newest]
        for one in news:
            if one.gap:
                self._gap(one.duration)
            else:
                self._initialise(one.init)
                if not self._take(one.uri, one.duration):
                    return
            self.newest = one.msn
        self.ended = playlist.ended
        self.player.stopping.wait(playlist.target if news else playlist.target / 2)


class LowLatencyTrack(HlsTrack):
    """Parts as they are made, each playlist asked for before it is there."""

    place = None  # (number, part) that comes next
    played = 0.0  # seconds of the segment that `place` is in

    def _follow(self):
        if self.place is None:
            playlist = self._playlist()
            if not playlist or not self._choose(playlist):
                self.player.stopping.wait(PAUSE)
                return
        else:
            playlist = self._playlist(f"_HLS_msn={self.place[0]}&_HLS_part={self.place[1]}", timeout=BLOCKED_PATIENCE)
            playlist = playlist or self._playlist()
            if not playlist:
                return
        open_segment = hls.Segment(playlist.segments[-1].msn + 1 if playlist.segments else playlist.sequence,
                                   parts=playlist.open_parts, init=playlist.init)
        for one in [*playlist.segments, open_segment]:
            if one.msn >= self.place[0] and not self._play(one, whole=one is not open_segment):
                return
        self.ended = playlist.ended

    def _choose(self, playlist):
        """Begins at the newest part that stands alone and is far enough from the end."""
        hold_back = float(playlist.control["PART-HOLD-BACK"])
        places = [(one.msn, number, part) for one in playlist.segments for number, part in enumerate(one.parts)]
        number = playlist.segments[-1].msn + 1 if playlist.segments else playlist.sequence
        places += [(number, at, part) for at, part in enumerate(playlist.open_parts)]
        media = 0.0
        for msn, at, part in reversed(places):
            media += part.duration
            if media >= hold_back and (part.independent or at == 0):
                self.place = (msn, at)
                self._begin(hold_back)
                return True
        return False

    def _play(self, segment, whole):
        number, at = self.place
        if segment.msn > number:
            number, at, self.played = segment.msn, 0, 0.0
        if segment.gap:
            self._gap(segment.duration)
        else:
            self._initialise(segment.init)
            for part in segment.parts[at:]:
                if not self._take(part.uri, part.duration):
                    return False
                at, self.played = at + 1, self.played + part.duration
                self.place = (number, at)
            if whole and not self._take_rest(segment):
                return False
        if whole:
            number, at, self.played = number + 1, 0, 0.0
        self.place = (number, at)
        return True

    def _take_rest(self, segment):
        """Old segments list no parts any more, and one whose last frames did not fit into a part lists its first ones only."""
        rest = segment.duration - self.played
        return rest < SHORTEST_FRAME or self._take(segment.uri, rest, is_rest=self.played > 0)


class DashTrack(Track):
    """Whole segments as the MPD tells them, from three before the newest on. Those that are being made or foreseen are left
    alone until their time has come."""

    newest = None

    def _follow(self):
        answer = self._ask(self.path)
        if not answer:
            return
        mpd = ET.fromstring(answer.body)
        static = mpd.get("type") == "static"
        whole = self._segments(mpd, float("inf") if static else time.time())
        if self.newest is None:
            if len(whole) < 3:
                self.player.stopping.wait(PAUSE)
                return
            self.newest = whole[-4][0] if len(whole) > 3 else 0
            self._begin(sum(seconds for _, seconds, _, _ in whole[-3:]))
        news = [one for one in whole if one[0] > self.newest + ROUNDING]
        for start, seconds, init, uri in news:
            self._initialise(init)
            if not self._take(uri, seconds):
                return
            self.newest = start
        self.ended = static
        self.player.stopping.wait(0.25)

    def _segments(self, mpd, now):
        """[(wall time of its beginning, seconds, initialisation, URI)] of what is over in all periods."""
        found = []
        begins = moment(mpd.get("availabilityStartTime"))
        for period in mpd.iterfind("d:Period", NS):
            for one in period.iterfind("d:AdaptationSet", NS):
                if one.get("contentType") == self.kind:
                    found += self._of_set(one, begins + seconds_of(period.get("start", "PT0S")), now)
        if found:
            self.steps.see("the newest segment's time", found[-1][0], self.player.slack * found[-1][1])
        return found

    @property
    def kind(self):
        return "audio" if self.name == "a" else "video"

    def _of_set(self, adaptation_set, begins, now):
        representation = adaptation_set.find("d:Representation", NS)
        template = representation.find("d:SegmentTemplate", NS)
        template = template if template is not None else adaptation_set.find("d:SegmentTemplate", NS)
        scale = int(template.get("timescale", 1))
        at = -int(template.get("presentationTimeOffset", 0))
        offset = at
        init, media = (template.get(key).replace("$RepresentationID$", representation.get("id"))
                       for key in ("initialization", "media"))
        for step in template.find("d:SegmentTimeline", NS):
            at = int(step.get("t")) + offset if step.get("t") else at
            for _ in range(int(step.get("r", 0)) + 1):
                begin, ticks = begins + at / scale, at - offset
                uri = media.replace("$Time$", str(ticks))
                path = urlsplit(urljoin(self.path, uri)).path
                at += int(step.get("d"))
                if begins + at / scale <= now:
                    self.witness.segment(self.who, path.split("/")[3], f"at {ticks}", path)
                    yield begin, int(step.get("d")) / scale, init, uri


class Player:
    """All tracks of one stream from one edge, or from several as above."""

    protocol, track_type = None, None

    def __init__(self, edges, witness, name="live/cam1", places=None, where=None):
        edges = edges if isinstance(edges, list) else [edges]
        self.places = places or [(edge.host.public, edge.http_port) for edge in edges]
        self.witness, self.name = witness, name
        # Behind a balancer each answer may be another edge's, and one that is a moment behind has a window that is, too.
        self.slack = 0 if edges else 2
        self.who = f"{self.protocol} at {where or '+'.join(edge.name for edge in edges)}"
        self.stopping = threading.Event()
        self.tracks = []
        self.failures = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def closing(self):
        return self.stopping.is_set()

    def close(self):
        self.stopping.set()
        self.thread.join(BLOCKED_PATIENCE + 10)
        for thread in [self.thread, *(track.thread for track in self.tracks)]:
            thread.join(BLOCKED_PATIENCE + 10)
            assert not thread.is_alive(), f"{self.who} hangs"

    def playing(self):
        return bool(self.tracks) and all(track.buffer and track.buffer.playing for track in self.tracks)

    def stalled(self, since, until):
        """Seconds of standing still, of the track that did so longest."""
        return max(track.buffer.stalled(since, until) for track in self.tracks)

    def skipped(self):
        return max(track.skipped for track in self.tracks)

    def first_of(self, source):
        """When the first video of a publisher's connection came."""
        return next((track.arrivals.get(source) for track in self.tracks if not track.name.startswith("a")), None)

    def troubles(self):
        return sorted(one for track in self.tracks for one in track.troubles)

    def _run(self):
        while not self.closing and not self.tracks:
            try:
                self.tracks = self._open()
            except (OSError, AssertionError) as why:
                self.failures.append(str(why))
                self.stopping.wait(PAUSE)
        for track in self.tracks:
            track.thread.start()

    def _get(self, path):
        web = Web(self.places)
        try:
            answer = web.get(path, timeout=BLOCKED_PATIENCE)
        finally:
            web.close()
        assert answer.status == 200, answer
        return answer


class HlsPlayer(Player):
    protocol, track_type = "hls", HlsTrack

    def _open(self):
        root = f"/{self.name}/index.m3u8"
        variants, media = hls.parse_multivariant(self._get(root).text())
        paths = [urljoin(root, one["URI"]) for one in [*variants, *media] if "URI" in one]
        return [self.track_type(self, path, urlsplit(path).path.split("/")[-2]) for path in paths]


class LowLatencyPlayer(HlsPlayer):
    protocol, track_type = "ll-hls", LowLatencyTrack


class DashPlayer(Player):
    protocol, track_type = "dash", DashTrack

    def _open(self):
        path = f"/{self.name}/manifest.mpd"
        mpd = ET.fromstring(self._get(path).body)
        kinds = {one.get("contentType") for one in mpd.iterfind("d:Period/d:AdaptationSet", NS)}
        return [self.track_type(self, path, kind[0]) for kind in sorted(kinds)]
