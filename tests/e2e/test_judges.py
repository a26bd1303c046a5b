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


@pytest.mark.skipif(not shutil.which("node") or not (PROGRAMS / "node_modules/hls-parser").is_dir(),
                    reason="the parsers are not installed: npm ci --ignore-scripts --prefix tests/e2e/node")
def test_parsers_accept_every_playlist_manifest_and_segment(live):
    base = f"http://127.0.0.1:{live.edge.http_port}/live/cam1"
    run = subprocess.run(["node", PROGRAMS / "judge.mjs", base], capture_output=True, text=True, timeout=60 * SLOW,
                         check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
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
