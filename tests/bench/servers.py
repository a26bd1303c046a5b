"""The contestants' processes: Weir's nodes, nginx with its RTMP module, and the kernel's floor. Each on free ports of loopback, on one core."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import weir
from process import wait_until

SERVER_CORE, LOAD_CORE = "0", "1"
QUIET = {"logging.level": "error", "node.workers": 1}
NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


def program(name):
    return weir.program("edge").parent / f"bench_{name}"


def on_core(core, command, priority="2"):
    """Before whatever else the machine does, where we have the right to be; a disturbance that is measured has priority 1."""
    urgent = ["chrt", "--rr", priority] if os.geteuid() == 0 else []
    return ["taskset", "-c", core, *urgent, *command]


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def cpu_seconds(pid):
    """User and system time of a process's threads, as the scheduler knows it."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def can_merge():
    """Whether this build's edges have the keys that set how writes are merged."""
    return "`edge.merge`" in weir.run_program("edge", "--print-config-docs").stdout


class PinnedNode(weir.Node):
    cores = SERVER_CORE

    def command(self):
        return on_core(self.cores, super().command())

    @property
    def pid(self):
        return self.child.pid

    def counters(self):
        """(writes, bytes) that the sockets took."""
        metrics = self.metrics()
        return metrics["weir_socket_writes_total"], metrics["weir_socket_sent_bytes_total"]

    def address_of(self, protocol):
        return f"127.0.0.1:{self.rtmp_port if protocol == 'rtmp' else self.http_port}"


def start_origin(children, cores=LOAD_CORE, **settings):
    origin = PinnedNode(children, "origin", {**QUIET, **settings}, name=fresh_name(children, "origin"))
    origin.cores = cores
    return origin.start()


def start_edge(children, origin, apps=None, cores=SERVER_CORE, **settings):
    """`apps` gives each app's edge.merge."""
    edge = PinnedNode(children, "edge", {**QUIET, "registry.origins": origin.relay, "edge.linger": "1s", **settings},
                      name=fresh_name(children, "edge"))
    edge.cores = cores
    if apps:
        lines = [line for app, merge in apps.items() for line in (f"  {app}:", "    edge:", f"      merge: {merge}")]
        path = children.folder / f"{edge.name}.yaml"
        path.write_text("\n".join(["apps:", *lines, ""]))
        edge.command_options = ["--config", path]
    return edge.start()


def fresh_name(children, role):
    number = 1
    while (children.folder / f"{role}{number}").exists():
        number += 1
    return f"{role}{number}"


def publish(children, port, stream, clip, count=1, cores=LOAD_CORE):
    """Encoders that stamp their clock; returns when all of them publish."""
    name = f"publish-{port}-{stream.replace('/', '-')}"
    command = [program("publish"), "--to", f"127.0.0.1:{port}", "--stream", stream, "--clip", clip.path, "--count", count]
    child = children.start(name, on_core(cores, command))
    wait_until(lambda: not child.running() or "publishing" in child.text(), 30, f"{stream} is published")
    assert child.running(), child.text()
    return child


def wait_port(child, port):
    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return not child.running()
    wait_until(answers, 10, f"port {port} is open")
    assert child.running(), child.text()


class Floor:
    """Writes a clip's bytes and nothing else, on the schedule of `merge_ms`, to viewers of one protocol."""

    def __init__(self, children, clip, merge_ms, protocol="flv"):
        self.port = weir.free_port()
        command = [program("floor"), "--listen", self.port, "--clip", clip.path, "--merge", merge_ms]
        command += ["--rtmp"] if protocol == "rtmp" else []
        self.child = children.start(f"floor-{protocol}-{merge_ms}-{self.port}", on_core(SERVER_CORE, command))
        wait_port(self.child, self.port)

    @property
    def pid(self):
        return self.child.pid

    def address_of(self, _):
        return f"127.0.0.1:{self.port}"

    def counters(self):
        before = self.child.text().count("\n")
        self.child.signal(signal.SIGUSR1)
        wait_until(lambda: self.child.text().count("\n") > before, 5, "the floor tells its counters")
        told = json.loads(self.child.text().splitlines()[-1])
        return told["writes"], told["bytes"]


class Nginx:
    """Debian's nginx and libnginx-mod-rtmp, with a configuration of our own; never its daemon."""

    @staticmethod
    def missing():
        if not shutil.which("nginx") and not Path("/usr/sbin/nginx").exists():
            return "nginx is not installed"
        return None if NGINX_MODULE.exists() else "libnginx-mod-rtmp is not installed"

    def __init__(self, children):
        self.port = weir.free_port()
        name = fresh_name(children, "nginx")
        folder = children.folder / name
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
load_module {NGINX_MODULE};
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
rtmp {{ server {{ listen 127.0.0.1:{self.port}; chunk_size 4096; ping 1h; application live {{ live on; }} }} }}
""")
        self.child = children.start(name, on_core(SERVER_CORE, [shutil.which("nginx") or "/usr/sbin/nginx", "-e",
                                                                folder / "error.log", "-p", folder, "-c", config]))
        wait_port(self.child, self.port)

    @property
    def pid(self):
        return self.child.pid

    def address_of(self, _):
        return f"127.0.0.1:{self.port}"

    def counters(self):
        return None


def count_writes(children, pid, seconds):
    """System calls that write to sockets, of a process over `seconds`; None without strace."""
    calls = count_calls(children, pid, seconds, "write,writev,sendto,sendmsg")
    return sum(calls.values()) or None


def count_calls(children, pid, seconds, wanted="all"):
    """{system call: how often} of a process over `seconds`; empty without strace."""
    if not shutil.which("strace"):
        return {}
    summary = children.folder / f"strace-{pid}"
    command = ["strace", "-f", "-c", "-o", summary, "-e", f"trace={wanted}", "-p", str(pid)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
        time.sleep(seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
    rows = [line.split() for line in summary.read_text().splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) > 3 and row[3].isdigit() and row[-1] != "total"}
