"""A slow way to a host: a relay that keeps every byte for a while, in order; for kernels without tc's netem."""

from __future__ import annotations

import contextlib
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator


def _forward(source: socket.socket, sink: socket.socket, delay: float) -> None:
    """All bytes from one to the other, each `delay` seconds late, as many at once as come."""
    late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def send() -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = late.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)

    threading.Thread(target=send, daemon=True).start()
    data = b"-"
    while data:
        try:
            data = source.recv(65536)
        except OSError:
            data = b""
        late.put((time.monotonic() + delay, data))


def _serve(address: str, delay: float) -> None:
    """Print the port and relay what comes, until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((address, 22))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(*ends, delay), daemon=True).start()


@contextlib.contextmanager
def relay(address: str, delay: float) -> Iterator[int]:
    """A port of 127.0.0.1 behind which is port 22 of an address, `delay` seconds away in each direction."""
    line = [sys.executable, "-m", "tests.fault.slow", address, str(delay)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    _serve(sys.argv[1], float(sys.argv[2]))
