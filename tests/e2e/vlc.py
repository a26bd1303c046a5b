"""VLC as a player without a screen, told and asked over a socket."""
import os
import re
import shutil
import socket

from process import SLOW, wait_until
from weir import free_port

END = b"end of statistical info"


def missing():
    """Why it cannot play here; "" when it can."""
    if not shutil.which("vlc"):
        return "no vlc (deploy/packages test)"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "vlc does not run as root, and there is no setpriv"
    return ""


class Vlc:
    def __init__(self, children, url):
        port = free_port()
        someone = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        self.child = children.start("vlc", [
            *someone, "vlc", "-I", "oldrc", "--rc-fake-tty", f"--rc-host=127.0.0.1:{port}", "--no-lua", "--no-dbus",
            "--no-media-library", "--vout=dummy", "--aout=dummy", url], env={**os.environ, "HOME": "/"})
        self.connection = wait_until(lambda: self.connect(port), 20, "VLC listens")

    def connect(self, port):
        assert self.child.running(), self.child.text()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20 * SLOW)
        except OSError:
            return None

    def statistics(self):
        """{what: number} of all that it counts, e.g. "frames displayed"."""
        self.connection.sendall(b"stats\n")
        text = b""
        while END not in text:
            piece = self.connection.recv(65536)
            assert piece, f"VLC is gone: {self.child.text()[-2000:]}"
            text += piece
        return {name: int(number) for name, number in re.findall(r"\| (\w[\w ]*?) *: +(\d+)", text.decode())}

    def close(self):
        self.connection.close()
        self.child.stop()
