"""The end-to-end tests' fixtures for nodes and encoders, and a browser."""
import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
spec = importlib.util.spec_from_file_location("e2e_conftest", HERE.parent / "e2e/conftest.py")
e2e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e)

import browser as browsers  # noqa: E402

children, nodes, cluster, encoder, clip, clip_tags, changing_tags = (
    e2e.children, e2e.nodes, e2e.cluster, e2e.encoder, e2e.clip, e2e.clip_tags, e2e.changing_tags)
pytest_runtest_makereport = e2e.pytest_runtest_makereport


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    why = browsers.missing()
    if why:
        pytest.skip(why)
    opened = browsers.Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()
