"""Hosts as network namespaces, on two switches, with cables that can be cut.

A Lab is a namespace with two bridges: `public`, where encoders and viewers are, and `private`, where nodes and Redis talk
to each other. The thread that makes it moves into it, so all threads and processes begun later are there too. A Host is a
namespace of its own with a cable to each bridge. Namespaces have no names: they live as long as this process holds them
open or a process is in them, so that nothing is left behind, whatever ends a story, and labs never meet.
"""
import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
NETWORKS = {"public": "10.1.0", "private": "10.2.0"}
SWITCH = 254  # the Lab's own address on each network
# Debian keeps ip and nft where an ordinary user's PATH does not look.
ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
_libc = ctypes.CDLL(None, use_errno=True)


def _system(name, *arguments):
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _current():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(space):
    _system("setns", space, CLONE_NEWNET)


def _tool(command, text):
    """Runs ip or nft on several lines at once, in the calling thread's namespace."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}\n{text}"


def ip(*lines):
    _tool(["ip", "-batch", "-"], "\n".join(lines) + "\n")


def nft(*lines):
    _tool(["nft", "-f", "-"], "\n".join(lines) + "\n")


def why_not():
    """Why this process cannot make namespaces, or "" where it can."""
    home = _current()
    try:
        _system("unshare", CLONE_NEWNET)
        _enter(home)
        ip("link show")
        return ""
    except (OSError, AssertionError) as why:
        return str(why)
    finally:
        os.close(home)


class Space:
    """One network namespace, held open until `close`."""

    def __init__(self):
        before = _current()
        try:
            _system("unshare", CLONE_NEWNET)
            self.file = _current()
            ip("link set lo up")
        finally:
            _enter(before)
            os.close(before)

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.file}"

    def enter(self):
        """The calling thread is in it from now on."""
        _enter(self.file)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in it for a while; what it starts then stays there."""
        before = _current()
        try:
            _enter(self.file)
            yield self
        finally:
            _enter(before)
            os.close(before)

    def close(self):
        os.close(self.file)


class Lab(Space):
    """The switches, and all hosts. The thread that makes it is in it until `close`."""

    def __init__(self):
        self.home = _current()
        super().__init__()
        self.hosts = []
        self.enter()
        for network, prefix in NETWORKS.items():
            ip(f"link add {network} type bridge", f"address add {prefix}.{SWITCH}/24 dev {network}", f"link set {network} up")

    def host(self, name):
        assert len(name) <= 11, "an interface's name has 15 characters"
        self.hosts.append(Host(self, name, len(self.hosts) + 1))
        return self.hosts[-1]

    def close(self):
        _enter(self.home)
        for host in self.hosts:
            host.close()
        super().close()
        os.close(self.home)


class Host(Space):
    """A machine with a cable to each switch. `public` and `private` are its addresses there."""

    def __init__(self, lab, name, number):
        super().__init__()
        self.lab, self.name = lab, name
        self.public, self.private = (f"{prefix}.{number}" for prefix in NETWORKS.values())
        with lab.inside():
            for network in NETWORKS:
                ip(f"link add {self._cable(network)} type veth peer name {network} netns {self.path}",
                   f"link set {self._cable(network)} master {network} up")
        with self.inside():
            ip(*(f"address add {prefix}.{number}/24 dev {network}" for network, prefix in NETWORKS.items()),
               *(f"link set {network} up" for network in NETWORKS))
            nft("table inet weather {", "chain arriving { type filter hook input priority 0; policy accept; }",
                "chain leaving { type filter hook output priority 0; policy accept; }", "}")

    def _cable(self, network):
        return f"{self.name}-{network[:3]}"

    def start(self, children, name, arguments, **options):
        """A process on this host."""
        with self.inside():
            return children.start(name, arguments, **options)

    # --- cables ---

    def cut(self, network):
        """Pulls the cable out at the switch: nobody is told, packets only stay away."""
        with self.lab.inside():
            ip(f"link set {self._cable(network)} down")

    def mend(self, network):
        with self.lab.inside():
            ip(f"link set {self._cable(network)} up")

    # --- what happens to packets on their way ---

    def deafen(self, *others):
        """What the others send no longer arrives here; what this host sends still arrives there."""
        for other in others:
            self._rule(f"arriving ip saddr {{ {other.public}, {other.private} }} drop")

    def part(self, *others):
        """Nothing passes between this host and the others, and nobody is told."""
        self.deafen(*others)
        for other in others:
            self._rule(f"leaving ip daddr {{ {other.public}, {other.private} }} drop")

    def silence(self, port):
        """Nothing that leaves this TCP port of this host arrives anywhere, nor is it heard itself."""
        self._rule(f"leaving tcp sport {port} drop")
        self._rule(f"arriving tcp dport {port} drop")

    def lose(self, percent, port):
        """Loses so many of the packets to and from that TCP port of this host."""
        self._rule(f"arriving tcp dport {port} numgen random mod 100 < {percent} drop")
        self._rule(f"leaving tcp sport {port} numgen random mod 100 < {percent} drop")

    def clear(self):
        """The weather is fine again."""
        with self.inside():
            nft("flush table inet weather")

    def _rule(self, text):
        with self.inside():
            nft(f"add rule inet weather {text}")
