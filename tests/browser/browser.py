"""A real browser, and the page to watch as it is seen in it."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from process import SLOW, wait_until

HERE = Path(__file__).parent
SHOTS = Path(os.environ.get("WEIR_SHOTS", HERE.parent.parent / "build/tests/browser"))

# What a viewer could see of a player page, in one look.
LOOK = """(() => {
    const video = document.querySelector('video');
    const quality = video.getVideoPlaybackQuality();
    const stat = (id) => { const v = document.getElementById(`stat-${id}`).dataset.value; return v ? Number(v) : null; };
    return {
        state: document.body.dataset.state, protocol: document.body.dataset.protocol,
        status: document.getElementById('status').textContent,
        notice: document.getElementById('notice').classList.contains('shown')
            ? document.getElementById('notice-title').textContent : '',
        text: document.getElementById('notice-text').textContent,
        frames: quality.totalVideoFrames, time: video.currentTime, paused: video.paused, muted: video.muted,
        latency: stat('latency'), buffer: stat('buffer'), bitrate: stat('bitrate'), dropped: stat('dropped'),
        stalls: stat('stalls'), width: video.videoWidth,
        spills: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
})()"""


class Browser:
    """One chromium for all tests of a module; `open` gives a fresh profile and page."""

    def __init__(self, folder):
        self.log = open(Path(folder) / "chromium.log", "ab")
        self.process = subprocess.Popen(["node", HERE / "chromium.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, start_new_session=True)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(15 * SLOW)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process.stdout.close()
        self.log.close()

    def order(self, what, **how):
        self.process.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the browser is gone: {Path(self.log.name).read_text(errors='replace')[-2000:]}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def open(self, url, **how):
        self.order("open", url=url, **how)

    def read(self, script):
        return self.order("read", script=script)

    def look(self):
        return self.read(LOOK)

    def wait(self, what, condition, timeout=15):
        """The first look that the condition holds for."""
        last = {}

        def seen():
            last.update(self.look())
            return condition(last) and dict(last)

        try:
            return wait_until(seen, timeout, what)
        except AssertionError as why:
            raise AssertionError(f"{why}; seen last: {last}; {self.order('complaints')}") from None

    def wait_playing(self, frames=30, timeout=20):
        """Frames advance, by so many from now."""
        began = self.look()["frames"]
        return self.wait(f"{frames} frames more than {began}", lambda seen: seen["frames"] >= began + frames, timeout)

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        faded = "document.getAnimations().every((a) => !(a instanceof CSSTransition))"
        wait_until(lambda: self.read(faded), 5, "nothing fades in or out")
        self.order("shot", path=str(SHOTS / f"{name}.png"))

    def assert_content(self, address):
        """Nothing failed in a script or was refused by the content policy, and nobody but the edge was asked."""
        assert self.order("complaints") == []
        assert self.order("hosts") == [address]


def missing():
    """What the tests need that is not here; "" when all is."""
    if not Path("/usr/bin/chromium").exists():
        return "no chromium (deploy/packages browser)"
    if not shutil.which("node") or not (HERE / "node_modules/playwright-core").exists():
        return "no playwright-core (deploy/libraries tests/browser)"
    return ""
