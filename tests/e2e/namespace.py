"""Another machine: a network namespace behind a cable, in which a test opens sockets, and which can fall silent."""
import ctypes
import os
import random
import subprocess
from contextlib import contextmanager

import pytest

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=20)


def _enter(path):
    with open(path, "rb") as file:
        if _libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {path}")


class Machine:
    """Its own address is `address`, ours on the cable is `host`. `vanish`: nothing reaches it or leaves it, and nobody
    is told: no FIN, no RST, no unreachable."""

    def __init__(self):
        if os.geteuid() != 0 or _run("ip", "netns", "list", check=False).returncode:
            pytest.skip("no network namespaces here: needs root and iproute2")
        tag = f"{random.randrange(16 ** 6):06x}"
        self.name, ours, theirs = f"weir-{tag}", f"wh{tag}", f"wn{tag}"
        network = f"10.{random.randrange(128, 255)}.{random.randrange(256)}"
        self.host, self.address = f"{network}.1", f"{network}.2"
        made = _run("ip", "netns", "add", self.name, check=False)
        if made.returncode:
            pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
        try:
            _run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", self.name)
            _run("ip", "addr", "add", f"{self.host}/30", "dev", ours)
            _run("ip", "link", "set", ours, "up")
            for command in (["addr", "add", f"{self.address}/30", "dev", theirs], ["link", "set", theirs, "up"],
                            ["link", "set", "lo", "up"]):
                _run("ip", "-n", self.name, *command)
        except Exception:
            self.close()
            raise

    @contextmanager
    def inside(self):
        """Sockets that this thread opens meanwhile are the machine's."""
        own = "/proc/thread-self/ns/net"
        with open(own, "rb") as before:
            _enter(f"/run/netns/{self.name}")
            try:
                yield
            finally:
                if _libc.setns(before.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns back")

    def vanish(self):
        chain = "add chain ip weir {0} {{ type filter hook {0} priority 0; policy drop; }}"
        rules = "; ".join(["add table ip weir", chain.format("input"), chain.format("output")])
        _run("ip", "netns", "exec", self.name, "nft", rules)

    def come_back(self):
        _run("ip", "netns", "exec", self.name, "nft", "delete table ip weir")

    def close(self):
        _run("ip", "netns", "del", self.name, check=False)  # the cable goes with it
