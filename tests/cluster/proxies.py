"""HAProxy before the nodes: one address for encoders, one for players."""
from nodes import HTTP, RTMP
from process import wait_until

CONFIG = """
defaults
    timeout connect 500ms
    timeout client 1m
    timeout server 1m
    default-server check inter 200ms fall 1 rise 1
    option redispatch 1
    retries 3

listen encoders
    mode tcp
    bind :{rtmp}
    balance first
{origins}

listen players
    mode http
    bind :{http}
    balance roundrobin
    option httpchk GET /readyz
    retry-on conn-failure empty-response response-timeout
{edges}
"""


class Balancer:
    """Encoders go to the first origin that answers; players' requests go round the edges, and again to another one when
    one gives no answer."""

    def __init__(self, host, children, origins, edges):
        self.host, self.name = host, "balancer"
        self.rtmp_port, self.http_port = RTMP, HTTP
        file = children.folder / "haproxy.cfg"
        file.write_text(CONFIG.format(
            rtmp=RTMP, http=HTTP,
            origins="\n".join(f"    server {one.name} {one.host.public}:{RTMP} maxconn 100" for one in origins),
            edges="\n".join(f"    server {one.name} {one.host.public}:{HTTP}" for one in edges)))
        self.child = host.start(children, "haproxy", ["/usr/sbin/haproxy", "-db", "-f", file])
        with host.inside():
            wait_until(self._listens, 10, "haproxy listens")

    def _listens(self):
        with open("/proc/thread-self/net/tcp", encoding="ascii") as file:
            return f":{HTTP:04X} " in file.read()
