"""Fixtures of the stories: a lab and a cluster of its own for each, and the clips that encoders send."""
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import flv  # noqa: E402
import media  # noqa: E402
import net  # noqa: E402
from cluster import Cluster  # noqa: E402
from process import Children  # noqa: E402

ROUNDS = int(os.environ.get("WEIR_REPEAT", "1"))


def pytest_generate_tests(metafunc):
    if ROUNDS > 1:
        metafunc.fixturenames.append("round_number")
        metafunc.parametrize("round_number", range(1, ROUNDS + 1))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of every log that the story's processes wrote."""
    report = (yield).get_result()
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    item.failed = getattr(item, "failed", False) or report.failed
    if report.failed and folder:
        for log in sorted(folder.glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-4000:]))


@pytest.fixture(scope="session")
def namespaces():
    why = net.why_not()
    if why:
        pytest.skip(f"no network namespaces can be made here (root is needed): {why}")


@pytest.fixture
def lab(namespaces):
    made = net.Lab()
    yield made
    made.close()


@pytest.fixture
def children(tmp_path, lab):
    opened = Children(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def cluster(lab, children, tags, request):
    """Makes the story's cluster: cluster(origins=3, edges=3, origin={…}). The invariants are checked at its end."""
    made = []

    def make(**options):
        made.append(Cluster(lab, children, tags, request.function.__name__[len("story_"):], **options))
        return made[-1]

    yield make
    try:
        if not getattr(request.node, "failed", False):
            for one in made:
                one.finish()
    finally:
        for one in made:
            one.close()


def seamless(file, video, audio):
    """The clip's configurations and its first frames, so many of each kind."""
    tags = flv.read_file(file)
    left = {flv.VIDEO: video, flv.AUDIO: audio}
    kept = []
    for tag in tags:
        if tag.is_config():
            kept.append(tag)
        elif tag.is_frame() and left[tag.type]:
            left[tag.type] -= 1
            kept.append(tag)
    assert not any(left.values()), f"the clip is too short: {left}"
    return kept


@pytest.fixture(scope="session")
def tags(tmp_path_factory):
    """H.264 and AAC with a keyframe each 0.96 s. Its 3.84 s are whole frames of both, so that it can be repeated without a seam."""
    file = tmp_path_factory.mktemp("clip") / "clip.flv"
    return seamless(media.make_clip(file, seconds=4, rate=25, gop=0.96, bframes=0), video=96, audio=180)


@pytest.fixture(scope="session")
def other_tags(tmp_path_factory):
    """The same with another resolution, another rate and B-frames; 3.2 s."""
    file = tmp_path_factory.mktemp("other") / "clip.flv"
    return seamless(media.make_clip(file, seconds=4, rate=30, gop=0.8, size="480x270"), video=96, audio=150)
