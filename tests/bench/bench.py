"""What every scenario shares: its folder, its raw rows, and the machine's quiet."""
import contextlib
import fcntl
import json
import struct
import sys
import tempfile
import time
from pathlib import Path

from process import Children


class Bench:
    """Rows go to a file as they are measured, one JSON object a line."""

    def __init__(self, results, quick, lock=None, seconds=3, viewers=None):
        self.results, self.quick, self.lock, self.seconds, self.viewers = results, quick, lock, seconds, viewers
        results.mkdir(parents=True, exist_ok=True)
        self.path = results / f"rows-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.jsonl"
        self.rows = []

    def keep(self, scenario, **row):
        row = {"scenario": scenario, **row}
        self.rows.append(row)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row

    @contextlib.contextmanager
    def quiet(self):
        """One measured block. With a lock file, no other holder of it works at the same time."""
        if not self.lock:
            yield
            return
        with open(self.lock, "a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def awake():
    """Processors that have nothing to do wait for work rather than sleep: to wake one costs whoever does it, more here and less there.
    The kernel's PM QoS interface; ends with the file. Where we may not, they sleep as always."""
    try:
        file = open("/dev/cpu_dma_latency", "wb", buffering=0)
    except OSError as error:
        say(f"processors may sleep: {error}")
        yield
        return
    with file:
        file.write(struct.pack("i", 0))
        yield


@contextlib.contextmanager
def processes():
    with tempfile.TemporaryDirectory() as folder:
        children = Children(Path(folder))
        try:
            yield children
        finally:
            children.close()


def read_rows(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def say(text):
    print(text, file=sys.stderr, flush=True)
