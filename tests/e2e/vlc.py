"""VLC as a player without a screen, asked each second what it has shown."""
import os
import re
import shutil
import signal

from process import wait_until

ASK = 'while sleep 1; do echo stats; done | "$@"'  # by its standard input: over a socket its answers stop now and then


def missing():
    """Why it cannot play here; "" when it can."""
    if not shutil.which("vlc"):
        return "no vlc (deploy/packages test)"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "vlc does not run as root, and there is no setpriv"
    return ""


class Vlc:
    def __init__(self, children, url):
        someone = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        self.child = children.start("vlc", [
            "sh", "-c", ASK, "sh", *someone, "vlc", "-I", "oldrc", "--rc-fake-tty", "--no-lua", "--no-dbus",
            "--no-media-library", "--vout=dummy", "--aout=dummy", url], env={**os.environ, "HOME": "/"})

    def counted(self, what):
        """The newest number of that name, e.g. "frames displayed"; 0: there is none yet."""
        assert self.child.running(), f"VLC is gone: {self.child.text()[-2000:]}"
        found = re.findall(rf"\| {what} *: +(\d+)", self.child.text())
        return int(found[-1]) if found else 0

    def wait_shown(self, pictures, timeout):
        wait_until(lambda: self.counted("frames displayed") >= pictures, timeout, f"{pictures} pictures")

    def close(self):
        """The shell that asks and VLC are one session."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.kill()
