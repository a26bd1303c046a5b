"""HLS as a test needs it: playlists read strictly by what RFC 8216 and its successor's draft demand, and fetched."""
import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import web

ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]+)(?:,|$)')


def attributes(text):
    """{NAME: value} of an attribute list; quotes are taken off."""
    found, at = {}, 0
    while at < len(text):
        match = ATTRIBUTE.match(text, at)
        assert match, f"no attribute list: {text}"
        assert match.group(1) not in found, f"{match.group(1)} stands twice: {text}"
        found[match.group(1)] = match.group(2).strip('"')
        at = match.end()
    return found


@dataclass
class Part:
    uri: str
    duration: float
    independent: bool


@dataclass
class Segment:
    msn: int
    uri: str = None
    duration: float = None
    parts: list = field(default_factory=list)
    init: str = None
    discontinuity: bool = False
    date: str = None
    gap: bool = False


@dataclass
class Media:
    """A media playlist. `segments` are the whole ones; `open_parts` those of the segment that is being made."""
    target: int = None
    part_target: float = None
    sequence: int = 0
    discontinuity_sequence: int = 0
    control: dict = field(default_factory=dict)
    segments: list = field(default_factory=list)
    open_parts: list = field(default_factory=list)
    hint: str = None
    init: str = None  # the newest, which the open parts are of
    skipped: int = 0
    reports: list = field(default_factory=list)
    ended: bool = False

    @property
    def last(self):
        """The media sequence number of the last whole segment."""
        return self.segments[-1].msn

    def by_number(self):
        return {one.msn: one for one in self.segments}


def parse_media(text):
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U", text
    playlist, init, now = Media(), None, Segment(0)
    msn = None
    for line in lines[1:]:
        name, _, value = line.partition(":")
        assert not playlist.ended, "something follows ENDLIST"
        if name == "#EXT-X-TARGETDURATION":
            playlist.target = int(value)
        elif name == "#EXT-X-PART-INF":
            playlist.part_target = float(attributes(value)["PART-TARGET"])
        elif name == "#EXT-X-SERVER-CONTROL":
            playlist.control = attributes(value)
        elif name == "#EXT-X-MEDIA-SEQUENCE":
            assert msn is None, "MEDIA-SEQUENCE comes before the first segment"
            playlist.sequence = int(value)
        elif name == "#EXT-X-DISCONTINUITY-SEQUENCE":
            playlist.discontinuity_sequence = int(value)
        elif name == "#EXT-X-SKIP":
            playlist.skipped = int(attributes(value)["SKIPPED-SEGMENTS"])
            msn = playlist.sequence + playlist.skipped
        elif name == "#EXT-X-MAP":
            init = attributes(value)["URI"]
        elif name == "#EXT-X-DISCONTINUITY":
            now.discontinuity = True
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            now.date = value
        elif name == "#EXT-X-GAP":
            now.gap = True
        elif name == "#EXT-X-PART":
            part = attributes(value)
            now.parts.append(Part(part["URI"], float(part["DURATION"]), part.get("INDEPENDENT") == "YES"))
            assert float(part["DURATION"]) <= playlist.part_target, f"a part over PART-TARGET: {line}"
        elif name == "#EXT-X-PRELOAD-HINT":
            playlist.hint = attributes(value)["URI"]
        elif name == "#EXT-X-RENDITION-REPORT":
            playlist.reports.append(attributes(value))
        elif name == "#EXTINF":
            now.duration = float(value.rstrip(","))
            assert int(now.duration + 0.5) <= playlist.target, f"{line} is over TARGETDURATION {playlist.target}"
        elif line == "#EXT-X-ENDLIST":
            playlist.ended = True
        elif line and not line.startswith("#"):
            assert now.duration is not None, f"no EXTINF before {line}"
            msn = playlist.sequence if msn is None else msn
            now.msn, now.uri, now.init = msn, line, init
            playlist.segments.append(now)
            msn += 1
            now = Segment(msn)
    playlist.open_parts, playlist.init = now.parts, init
    assert playlist.target, "no TARGETDURATION"
    return playlist


def parse_multivariant(text):
    """([variant attributes with URI], [EXT-X-MEDIA attributes])."""
    lines = text.splitlines()
    assert lines[0] == "#EXTM3U", text
    variants, media = [], []
    for at, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            variants.append({**attributes(line.split(":", 1)[1]), "URI": lines[at + 1]})
        elif line.startswith("#EXT-X-MEDIA:"):
            media.append(attributes(line.split(":", 1)[1]))
    return variants, media


class Player:
    """Asks one edge for a stream's playlists and segments; URIs are resolved as a player does."""

    def __init__(self, edge, name="live/cam1"):
        self.edge, self.root = edge, f"/{name}/index.m3u8"

    def get(self, path, timeout=20, **options):
        return web.request(self.edge.http_port, path, timeout=timeout, **options)

    def multivariant(self, **options):
        answer = self.get(self.root, **options)
        assert answer.status == 200, answer
        return parse_multivariant(answer.text())

    def tracks(self, **options):
        """{"v": path of its media playlist, …} of all playlists in the multivariant one."""
        variants, media = self.multivariant(**options)
        uris = [one["URI"] for one in variants] + [one["URI"] for one in media if "URI" in one]
        paths = [urljoin(self.root, uri) for uri in uris]
        return {urlsplit(path).path.split("/")[-2]: path for path in paths}

    def media(self, path, query="", **options):
        if query:
            path += ("&" if "?" in path else "?") + query
        answer = self.get(path, **options)
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        return parse_media(answer.text())

    def fetch(self, playlist_path, uri, **options):
        answer = self.get(urljoin(playlist_path, uri), **options)
        assert answer.status == 200, (uri, answer.status, answer.body[:200])
        return answer.body
