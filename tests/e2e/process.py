"""Processes that a test starts. Each is ended by its process id when the test is over, whatever became of the test."""
import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path

# How many times longer everything may take: nodes under sanitizers are slower.
SLOW = float(os.environ.get("WEIR_SLOW", "1"))
SANITIZER = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def wait_until(condition, timeout, what):
    """The first true value of `condition()`, or an AssertionError after `timeout` seconds (times SLOW)."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout * SLOW:g} s: {what}")
        time.sleep(0.02)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One process, in a session of its own, its output appended to `log`."""

    def __init__(self, arguments, log, stdout=None, env=None):
        self.arguments = [str(a) for a in arguments]
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=stdout or output, stderr=output, env=env,
                start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def wait(self, timeout):
        """The exit status; an AssertionError if the process still runs after `timeout` seconds (times SLOW)."""
        try:
            return self.process.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments[0]} still runs after {timeout * SLOW:g} s") from None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def stop(self, timeout=10):
        """SIGTERM, and SIGKILL if that does not end it. The exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self):
        self.signal(signal.SIGKILL)
        status = self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        return status


class Children:
    """All that a test started; `close` runs at its end."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.open = []

    def start(self, name, arguments, **options):
        child = Child(arguments, self.folder / f"{name}.log", **options)
        self.open.append(child)
        return child

    def close(self):
        for child in reversed(self.open):
            child.kill()
