"""Fixtures: every test has nodes, ports, folders and processes of its own, so that any may run beside any other."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import flv  # noqa: E402
import media  # noqa: E402
from encoder import Encoder  # noqa: E402
from namespace import Machine  # noqa: E402
from process import Children  # noqa: E402
from redis import RedisCluster  # noqa: E402
from weir import Cluster, Node  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of every log that the test's processes wrote."""
    report = (yield).get_result()
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder:
        for log in sorted(folder.glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-4000:]))


@pytest.fixture
def children(tmp_path):
    opened = Children(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def nodes(children):
    """Makes single nodes: nodes("edge", {"registry.origins": …}). They must end well when the test is over."""
    made = []

    def make(role, settings=None, **options):
        made.append(Node(children, role, settings, **options))
        return made[-1]

    yield make
    for node in reversed(made):
        node.finish()


@pytest.fixture
def cluster(children):
    """Makes clusters: cluster(workers=2, origin={…}, edge={…})."""
    made = []

    def make(**options):
        made.append(Cluster(children, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


@pytest.fixture
def machine():
    """Another machine, which can vanish."""
    made = Machine()
    yield made
    made.close()


@pytest.fixture
def redis_cluster(children):
    """Makes clusters: redis_cluster(origins=2, edges=2, workers=1, origin={…}, edge={…})."""
    made = []

    def make(**options):
        made.append(RedisCluster(children, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


@pytest.fixture
def redis_trouble(nodes):
    """redis_trouble(settings): the one line by which an origin with these says why it cannot use Redis."""
    made = []

    def tell(settings):
        node = nodes("origin", {"registry.backend": "redis", **settings}, name=f"troubled{len(made)}")
        made.append(node)
        node.is_ready = lambda: "redis cannot be used" in node.log_text()
        node.start()
        lines = node.log_lines("redis cannot be used")
        assert len(lines) == 1
        return lines[0]

    return tell


@pytest.fixture
def encoder(clip_tags):
    """Starts encoders of the clip: encoder(port, retry=True)."""
    made = []

    def make(port, tags=None, **options):
        made.append(Encoder(port, tags or clip_tags, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Six seconds of H.264 with B-frames and AAC, a keyframe each second, as an FLV file."""
    return media.make_clip(tmp_path_factory.mktemp("clip") / "clip.flv")


@pytest.fixture(scope="session")
def clip_tags(clip):
    return flv.read_file(clip)


@pytest.fixture(scope="session")
def changing_tags(clip_tags, tmp_path_factory):
    """The clip, and behind it one whose sound has another rate."""
    other = flv.read_file(media.make_clip(tmp_path_factory.mktemp("other") / "other.flv", sample_rate=44100))
    return flv.joined(clip_tags, other)
