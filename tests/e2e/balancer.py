"""HAProxy with deploy/haproxy.cfg, its example addresses exchanged for those of a test's nodes."""
import re
import socket

from process import wait_until
from weir import ROOT, free_ports

CONFIG = ROOT / "deploy/haproxy.cfg"
BINDS = {"1935": "encoders", "1936": "viewers_rtmp", "80": "viewers_http"}


class Balancer:
    """Two origins and two edges behind one address for encoders, one for RTMP viewers, one for HTTP viewers."""

    def __init__(self, children, origins, edges, proxied=False):
        """`proxied`: origins are told by the PROXY protocol for whom it connects, as the file says how."""
        self.ports = dict(zip(BINDS.values(), free_ports(3)))
        self.socket_path = children.folder / "haproxy.sock"
        text = re.sub(r"bind :(\d+)", lambda m: f"bind 127.0.0.1:{self.ports[BINDS[m.group(1)]]}", CONFIG.read_text())
        for group, prefix, http in ((origins, "192.0.2.1", 8081), (edges, "192.0.2.2", 8080)):
            for number, node in enumerate(group, 1):
                host = re.escape(f"{prefix}{number}")
                text = re.sub(rf"{host}:1935 port {http}", f"127.0.0.1:{node.rtmp_port} port {node.http_port}", text)
                text = re.sub(rf"{host}:{http}", f"127.0.0.1:{node.http_port}", text)
        if proxied:
            text = re.sub(r"(?m)^(\tserver origin.*)$", r"\1 send-proxy-v2", text)
        assert "192.0.2." not in text.split("global", 1)[1], "a server of the example is not one of the test's"
        text = text.replace("global\n", f"global\n\tstats socket {self.socket_path}\n", 1)
        path = children.folder / "haproxy.cfg"
        path.write_text(text)
        self.http_port = self.ports["viewers_http"]
        self.child = children.start("haproxy", ["haproxy", "-db", "-f", path])
        wait_until(lambda: set(self.servers().values()) == {"UP"}, 15, "all servers are up")

    def servers(self):
        """{"backend/server": "UP", …} as the checks have it."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.socket_path))
                control.sendall(b"show stat\n")
                lines = control.makefile().read().lstrip("# ").splitlines()
        except OSError:
            return {}
        names = lines[0].split(",")
        rows = [dict(zip(names, line.split(","))) for line in lines[1:] if line]
        return {f"{row['pxname']}/{row['svname']}": row["status"] for row in rows
                if row["svname"] not in ("FRONTEND", "BACKEND")}

    def wait_state(self, name, state):
        """Until the balancer sees that node so, by whichever of its protocols."""
        wait_until(lambda: {seen for server, seen in self.servers().items() if server.endswith(f"/{name}")} == {state},
                   15, f"{name} is {state} at the balancer")
