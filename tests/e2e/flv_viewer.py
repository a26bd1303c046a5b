"""A viewer by HTTP-FLV."""
import flv
import web
from process import SLOW


class FlvViewer:
    """HTTP-FLV's body as it comes."""

    def __init__(self, node, name="live/cam1"):
        self.raw = web.RawConnection(node.http_port, timeout=20 * SLOW)
        self.raw.send(b"GET /%s.flv HTTP/1.0\r\nHost: x\r\n\r\n" % name.encode())
        while b"\r\n\r\n" not in self.raw.buffer:
            self.raw._more()
        head, rest = self.raw.buffer.split(b"\r\n\r\n", 1)
        assert b" 200 " in head, head
        self.reader, self.tags = flv.Reader(), []
        self.tags += self.reader.feed(rest)

    def close(self):
        self.raw.socket.close()

    def next(self, wanted):
        while True:
            while self.tags:
                tag = self.tags.pop(0)
                if wanted(tag):
                    return tag
            data = self.raw.socket.recv(65536)
            assert data, "the body ended"
            self.tags += self.reader.feed(data)
