"""A cable between two nodes that a test may cut: a TCP relay on loopback."""
import selectors
import socket
import threading


class Cable:
    """Listens on `port` and passes everything on to `target`. `cut` ends every connection and lets none through until
    `mend`; `hold` lets nothing pass until `release`, and ends nothing. `tap` is called with all bytes that pass."""

    def __init__(self, target, tap=None):
        self.target, self.tap = target, tap
        self.listener = socket.create_server(("127.0.0.1", 0))
        # Connections inherit it: what is held waits at its sender and not here.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.whole = True
        self.flowing = threading.Event()
        self.flowing.set()
        self.pairs = {}  # socket → the other end
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.bell, wake = socket.socketpair()
        self.selector.register(wake, selectors.EVENT_READ)
        self.wake = wake
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def cut(self):
        with self.lock:
            self.whole = False
            for end in list(self.pairs):
                self._drop(end)

    def mend(self):
        with self.lock:
            self.whole = True

    def hold(self):
        self.flowing.clear()

    def release(self):
        self.flowing.set()

    def close(self):
        self.closing = True
        self.flowing.set()
        self.bell.send(b"x")
        self.thread.join(10)
        assert not self.thread.is_alive(), "the cable's thread hangs"
        self.cut()
        for end in (self.listener, self.bell, self.wake):
            end.close()
        self.selector.close()

    def _drop(self, end):
        other = self.pairs.pop(end, None)
        if other is not None:
            self.selector.unregister(end)
            end.close()
            self._drop(other)

    def _accept(self):
        near, _ = self.listener.accept()
        if not self.whole:
            near.close()
            return
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        far.settimeout(5)
        try:
            far.connect(("127.0.0.1", self.target))
        except OSError:  # nobody is there (yet): as without the cable
            near.close()
            far.close()
            return
        for end, other in ((near, far), (far, near)):
            self.pairs[end] = other
            self.selector.register(end, selectors.EVENT_READ)

    def _pass_on(self, end):
        other = self.pairs.get(end)
        if other is None:
            return
        try:
            data = end.recv(65536)
            if data:
                if self.tap:
                    self.tap(data)
                other.sendall(data)
                return
        except OSError:
            pass
        self._drop(end)

    def _run(self):
        while not self.closing:
            for key, _ in self.selector.select():
                self.flowing.wait()
                with self.lock:
                    if key.fileobj is self.listener:
                        self._accept()
                    elif key.fileobj is not self.wake:
                        self._pass_on(key.fileobj)
