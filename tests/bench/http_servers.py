"""The contestants of serving files: Weir's edge with a stream that stands still, and nginx with the same bytes in /dev/shm."""
import re
import shutil
import signal
import socket
import ssl
import tempfile
import time
import urllib.request
from pathlib import Path

import servers
import tls
import weir
from process import wait_until

STREAM, TRACK = "live/cam", "v"
GZIP = {"Accept-Encoding": "gzip"}  # as browsers ask
PLAYLIST_MIN = 4000
PATIENCE = {"rtmp.idle_timeout": "30m"}  # with an encoder that stands still
WINDOW = {"package.window": 36, "stream.log_duration": "120s"}


def get(port, path, **headers):
    """(body as it came, headers) by HTTP in clear."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read(), dict(answer.headers)


class Still:
    """An origin and an edge with a stream that comes to a halt with `halt`: the encoder sleeps, so that answers do not change any more."""

    def __init__(self, children, clip, workers=1, cores=servers.SERVER_CORE, playlist_min=PLAYLIST_MIN):
        self.certificate = tls.make_certificate(children.folder, f"bench{workers}", ["localhost"])
        self.tls_port = weir.free_port()
        self.origin = servers.start_origin(children, **PATIENCE, **WINDOW)
        self.edge = servers.start_edge(children, self.origin, cores=cores, **{
            **tls.settings({"one": self.certificate}, self.tls_port), "https.reload": "1h", "edge.session_urls": "false",
            "node.workers": workers, **PATIENCE, **WINDOW})
        self.encoder = servers.publish(children, self.origin.rtmp_port, STREAM, clip)
        self.folder = f"/{STREAM}/{TRACK}"
        self.playlist, self.playlist_min = self.folder + "/index.m3u8", playlist_min
        self.try_playlist()  # the first who asks has the stream fetched

    def try_playlist(self):
        try:
            return get(self.edge.http_port, self.playlist)[0].decode()
        except OSError:
            time.sleep(0.2)
            return ""

    def halt(self):
        wait_until(lambda: len(self.try_playlist()) >= self.playlist_min, 150, "the playlist is long enough")
        self.encoder.signal(signal.SIGSTOP)
        time.sleep(0.5)
        segments = re.findall(r"^[^#].*\.m4s$", self.try_playlist(), re.M)
        self.segment = f"{self.folder}/{segments[len(segments) // 2]}"
        return self

    def port(self, kind):
        return self.tls_port if kind == "tls" else self.edge.http_port

    @property
    def pid(self):
        return self.edge.pid


KEPT = ("Cache-Control", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary")

LOCATION = """location {prefix} {{ {headers}
    add_header Last-Modified ""; types {{ }} default_type {type}; etag on; }}
"""


class NginxFiles:
    """Debian's nginx as people tune it: one worker, long-lived connections, no log of accesses, open files cached."""

    @staticmethod
    def missing():
        return None if shutil.which("nginx") or Path("/usr/sbin/nginx").exists() else "nginx is not installed"

    def __init__(self, children, still):
        self.files = Path(tempfile.mkdtemp(prefix="weir-bench-", dir="/dev/shm"))
        locations = "".join(self.store(still.edge.http_port, path) for path in (still.playlist, still.segment))
        self.ports = dict(zip(("clear", "clear-sendfile", "tls"), weir.free_ports(3)))
        folder = children.folder / servers.fresh_name(children, "nginx-files")
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(self.configuration(folder, locations, still.certificate))
        self.child = children.start(folder.name, servers.on_core(servers.SERVER_CORE, [
            shutil.which("nginx") or "/usr/sbin/nginx", "-e", folder / "error.log", "-p", folder, "-c", config]))
        servers.wait_port(self.child, self.ports["clear"])
        for path in (still.playlist, still.segment):
            for how in ({}, GZIP):
                assert get(self.port("clear"), path, **how)[0] == get(still.edge.http_port, path, **how)[0], f"{path} differs"

    def store(self, port, path):
        """Keeps the file, with its gzip form if it has one, and tells nginx the header lines that Weir gave it."""
        body, headers = get(port, path)
        file = self.files / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        packed, told = get(port, path, **GZIP)
        if told.get("Content-Encoding") == "gzip":
            file.with_name(file.name + ".gz").write_bytes(packed)
        lines = " ".join(f'add_header {name} "{headers[name]}";' for name in KEPT if name in headers)
        return LOCATION.format(prefix=f"= {path}", headers=lines, type=headers["Content-Type"])

    def configuration(self, folder, locations, certificate):
        common = f"root {self.files}; access_log off;\n{locations}"
        return f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
keepalive_requests 1000000000; keepalive_timeout 600s; server_tokens off; gzip off; gzip_static on; tcp_nodelay on;
open_file_cache max=100 inactive=600s; open_file_cache_valid 600s;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
server {{ listen 127.0.0.1:{self.ports['clear']} backlog=4096; sendfile off; {common} }}
server {{ listen 127.0.0.1:{self.ports['clear-sendfile']} backlog=4096; sendfile on; tcp_nopush on; {common} }}
server {{ listen 127.0.0.1:{self.ports['tls']} ssl http2 backlog=4096; sendfile off; ssl_certificate {certificate[0]};
    ssl_certificate_key {certificate[1]}; ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; {common} }}
}}
"""

    def port(self, kind):
        return self.ports[kind]

    @property
    def pid(self):
        return self.child.pid

    def close(self):
        shutil.rmtree(self.files, ignore_errors=True)


def cipher_of(port):
    """What a handshake with default offers agrees on."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        with context.wrap_socket(plain) as secure:
            return f"{secure.version()} {secure.cipher()[0]}"
