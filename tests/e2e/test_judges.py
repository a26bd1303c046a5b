"""Playlists, manifests and segments before parsers that others wrote."""
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from process import SLOW, wait_until
import hls

PROGRAMS = Path(__file__).resolve().parent / "node"


@pytest.fixture
def live(cluster, encoder):
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms"})
    encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    wait_until(lambda: len(player.media(path).segments) >= 4, 20, "four segments")
    return made


def parsers_missing():
    """Why they cannot judge here; "" when they can."""
    there = shutil.which("node") and (PROGRAMS / "node_modules/hls-parser").is_dir()
    return "" if there else "the parsers are not installed: npm ci --ignore-scripts --prefix tests/e2e/node"


def judge(edge):
    """What they find at live/cam1."""
    base = f"http://127.0.0.1:{edge.http_port}/live/cam1"
    run = subprocess.run(["node", PROGRAMS / "judge.mjs", base], capture_output=True, text=True, timeout=60 * SLOW,
                         check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.skipif(bool(parsers_missing()), reason=parsers_missing())
def test_parsers_accept_every_playlist_manifest_and_segment(live):
    found = judge(live.edge)
    assert found["variants"] == 1 and found["warnings"] == []
    assert set(found["media"]) == {"v", "a", "ts"}
    for one in found["media"].values():
        assert one["segments"] >= 3 and one["warnings"] == []
    assert found["media"]["v"]["parts"] > 0 and found["media"]["v"]["boxes"]["count"] == 30
    assert found["media"]["v"]["boxes"]["codec"].startswith("avc1.4d")
    assert found["media"]["a"]["boxes"]["codec"] == "mp4a.40.2"
    assert len(found["dash"]["tracks"]) == 2
    for track in found["dash"]["tracks"]:
        assert track["segments"] >= 3 and track["boxes"]["count"] > 0
