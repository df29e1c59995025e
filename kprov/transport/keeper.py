"""The process that holds connections between runs: sockets, and what it takes to go on with them.

Run as a file by `kprov.transport.kept`, with the listening socket as standard input. It takes the standard
library alone and nothing of kprov, so that it is small. It sends nothing over the connections and reads
nothing from them: one that its host closes, or that nobody comes back for in time, is closed. It ends with
the last.

Requests, one a packet, a JSON header and perhaps raw bytes after a line feed:

| request | with | answer |
|---|---|---|
| `{"keep": KEY, "seconds": N}` | the state, the socket (SCM_RIGHTS) | none |
| `{"take": KEY}` | | `1`, the state, the socket; or `0` |
"""

import contextlib
import json
import os
import select
import socket
import struct
import time
from pathlib import Path

#: Bytes of a packet: what a Unix socket takes by default, with room to spare.
LARGEST = 65536
#: Seconds in which a process that has started it says what to keep.
_PATIENCE = 10.0


class Kept:
    """A connection of some other process's."""

    def __init__(self, key: str, state: bytes, sock: socket.socket, until: float) -> None:
        self.key, self.state, self.sock, self.until = key, state, sock, until


class Keeper:
    """All connections, by their descriptors."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._kept: dict[int, Kept] = {}
        self._clients: dict[int, socket.socket] = {}
        self._poll = select.poll()
        self._poll.register(listening, select.POLLIN)
        #: When it ends at the latest if nothing is given to it.
        self._patience = time.monotonic() + _PATIENCE

    def run(self) -> None:
        """Serve until there is nothing left to keep."""
        while self._kept or time.monotonic() < self._patience:
            ends = [one.until for one in self._kept.values()] or [self._patience]
            wait = max(0.0, min(ends) - time.monotonic())
            for fd, _ in self._poll.poll(wait * 1000 + 1):
                self._serve(fd)
            now = time.monotonic()
            for fd in [fd for fd, one in self._kept.items() if one.until <= now]:
                self._drop(fd)

    def _serve(self, fd: int) -> None:
        if fd == self._listening.fileno():
            client, _ = self._listening.accept()
            if _user(client) == os.getuid():
                self._clients[client.fileno()] = client
                self._poll.register(client, select.POLLIN)
            else:
                client.close()
        elif fd in self._kept:
            # Its host has closed it.
            self._drop(fd)
        elif fd in self._clients:  # and not what was taken in the same moment as its host closed it
            client = self._clients[fd]
            try:
                more = self._answer(client)
            except (OSError, ValueError, KeyError, TypeError):
                # What others are kept for does not end with a request that makes no sense.
                more = False
            if not more:
                self._poll.unregister(fd)
                del self._clients[fd]
                client.close()

    def _answer(self, client: socket.socket) -> bool:
        """Whether the client may say more."""
        data, fds, _, _ = socket.recv_fds(client, LARGEST, 1)
        if not data:
            return False
        given = [socket.socket(fileno=fd) for fd in fds]
        header, _, state = data.partition(b"\n")
        request = json.loads(header)
        if "keep" in request and given:
            sock = given[0]
            until = time.monotonic() + float(request["seconds"])
            self._kept[sock.fileno()] = Kept(request["keep"], state, sock, until)
            self._poll.register(sock, select.POLLRDHUP)
            self._patience = 0.0
            return True
        found = next((fd for fd, one in self._kept.items() if one.key == request["take"]), None)
        if found is None:
            client.send(b"0")
        else:
            one = self._kept[found]
            socket.send_fds(client, [b"1" + one.state], [found])
            self._drop(found)
        return True

    def _drop(self, fd: int) -> None:
        self._poll.unregister(fd)
        self._kept.pop(fd).sock.close()


def _user(client: socket.socket) -> int:
    _, user, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(user)


def main() -> None:
    if os.fork():
        # Who started it waits for this alone.
        return
    listening = socket.socket(fileno=0)
    path = listening.getsockname()
    try:
        Keeper(listening).run()
    finally:
        # Who comes from now on finds nobody, and starts another.
        with contextlib.suppress(OSError):
            Path(path).unlink()


if __name__ == "__main__":
    main()
