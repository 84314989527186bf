"""A real HTTP server on this machine that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("localhost.pem")

PATIENCE = 30
"""Seconds; something that has not come by then does not come."""

Answer = Callable[["Handler"], object]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name http.server looks for
        self.close_connection = True
        self.server.asked.append((self.path, {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}))
        self.server.answer(self)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def raw(self, text: bytes) -> None:
        """Send exactly that."""
        self.wfile.write(text)
        self.wfile.flush()

    def rows(self, *rows: str, end: str = "\r\n") -> None:
        """Answer as a range service does."""
        self.body("".join(f"{row}{end}" for row in rows).encode())

    def body(self, content: bytes, status: int = 200, **headers: str) -> None:
        """Answer with that."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def until_cut(self) -> None:
        """Say nothing more until the other side has closed the connection."""
        self.connection.settimeout(PATIENCE)
        if self.rfile.read(1) == b"":
            self.server.cut.release()

    def drip(self, text: bytes) -> None:
        """Send a byte at a time, each in good time, as long as somebody listens."""
        never = threading.Event()
        try:
            for byte in text:
                self.raw(bytes((byte,)))
                never.wait(0.01)
        except OSError:
            self.server.cut.release()


class Server(ThreadingHTTPServer):
    """On a free port of 127.0.0.1."""

    daemon_threads = True

    def __init__(self, answer: Answer, *, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and headers of each request."""
        self.cut = threading.Semaphore(0)
        """Given once for each connection that the other side has closed before it was answered."""
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}/range/"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: that the other side goes away is what some tests are about."""


@contextmanager
def serving(answer: Answer, *, tls: bool = False) -> Iterator[Server]:
    """Serve until the end of the block."""
    with Server(answer, tls=tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
