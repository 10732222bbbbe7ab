"""A small HTTP server of files that answers Range requests and writes down which."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = b"<!doctype html><title>Playback</title><video muted playsinline></video>"
PIECE_BYTES = 16_384


class RangeServer:
    """Serves a folder's MP4 files and one page with a video element, on the loopback interface.

    While `held_after` is set, no byte of a file from that one on is sent.
    """

    def __init__(self, folder: Path) -> None:
        self.ranges: list[tuple[str, str]] = []
        """(path, Range header) of every request for a file."""
        self.held_after: int | None = None
        self._freed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path == "/":
                    self._answer(200, "text/html", PAGE, {})
                    return
                path = folder / self.path.lstrip("/")
                if path.suffix != ".mp4" or not path.exists():
                    self._answer(404, "text/plain", b"", {})
                    return
                asked = self.headers.get("Range", "")
                server.ranges.append((self.path, asked))
                content = path.read_bytes()
                first, last = _bounds(asked, len(content))
                place = {"Content-Range": f"bytes {first}-{last}/{len(content)}", "Accept-Ranges": "bytes"}
                self._answer(206 if asked else 200, "video/mp4", content[first : last + 1], place, first)

            def _answer(self, status: int, kind: str, content: bytes, headers: dict[str, str], first: int = 0) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Cache-Control", "no-store")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for at in range(0, len(content), PIECE_BYTES):
                        end = at + PIECE_BYTES
                        if server.held_after is not None and first + end > server.held_after:
                            server.wait()
                        self.wfile.write(content[at:end])
                except OSError:
                    # The player has seen enough of it.
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A browser drops connections as it likes."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.free()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hold_after(self, count: int) -> None:
        """Send no byte of a file from `count` on, until `free`."""
        self._freed.clear()
        self.held_after = count

    def free(self) -> None:
        self.held_after = None
        self._freed.set()

    def wait(self) -> None:
        self._freed.wait(60)


def _bounds(asked: str, size: int) -> tuple[int, int]:
    """The first and the last byte that are asked for."""
    first, _, last = asked.removeprefix("bytes=").partition("-")
    return int(first or 0), min(int(last or size - 1), size - 1)
