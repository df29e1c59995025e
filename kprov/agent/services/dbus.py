"""Questions to systemd over its private socket: D-Bus without a bus, for root only, standard library only.

Source: the D-Bus specification (message format, type system) and sd-bus's private listener, which needs no
Hello and no destination. A question takes some 0.2 ms where `systemctl` takes 10 ms to start.
"""

from __future__ import annotations

import _socket  # What the module around it brings is a thirtieth of the agent's start.
import os
import struct
from typing import Any, Sequence, Tuple

SOCKET = "/run/systemd/private"
_TIMEOUT = 30.0
_FIXED = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_PROPERTIES = "org.freedesktop.DBus.Properties"
#: Object path, interface, member, arguments.
_Call = Tuple[str, str, str, Tuple[str, ...]]


class DBusError(Exception):
    """The manager refused a call; `name` is the error's name on the bus."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Reader:
    """Values out of a little-endian message, by signature."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data, self.offset = data, offset

    def align(self, size: int) -> None:
        self.offset = (self.offset + size - 1) // size * size

    def values(self, signature: str) -> list[Any]:
        found, at = [], 0
        while at < len(signature):
            end = _type_end(signature, at)
            found.append(self.value(signature[at:end]))
            at = end
        return found

    def value(self, kind: str) -> Any:
        first = kind[0]
        if first in _FIXED:
            size = struct.calcsize(_FIXED[first])
            self.align(size)
            found = struct.unpack_from("<" + _FIXED[first], self.data, self.offset)[0]
            self.offset += size
            return bool(found) if first == "b" else found
        if first in "so":
            return self._text(self.value("u"))
        if first == "g":
            return self._text(self.value("y"))
        if first == "v":
            return self.value(self.value("g"))
        if first in "({":
            self.align(8)
            return tuple(self.values(kind[1:-1]))
        size = self.value("u")
        self.align(8 if kind[1] in "({xtd" else struct.calcsize(_FIXED.get(kind[1], "I")))
        end = self.offset + size
        items = []
        while self.offset < end:
            items.append(self.value(kind[1:]))
        return dict(items) if kind[1] == "{" else items

    def _text(self, size: int) -> str:
        found = self.data[self.offset : self.offset + size].decode("utf-8", "surrogateescape")
        self.offset += size + 1
        return found


def _type_end(signature: str, at: int) -> int:
    """Where the complete type that starts at `at` ends."""
    while signature[at] == "a":
        at += 1
    if signature[at] not in "({":
        return at + 1
    depth = 0
    while True:
        depth += (signature[at] in "({") - (signature[at] in ")}")
        at += 1
        if not depth:
            return at


def encode_call(serial: int, path: str, interface: str, member: str, texts: tuple[str, ...]) -> bytes:
    """A method call whose arguments are all strings."""
    body = b""
    for text in texts:
        body += b"\0" * (-len(body) % 4) + _encode_text(text)
    fields = [(1, "o", path), (2, "s", interface), (3, "s", member)]
    header = b""
    for code, kind, text in fields:
        header += b"\0" * (-len(header) % 8) + bytes([code, 1]) + kind.encode() + b"\0" + _encode_text(text)
    if texts:
        signature = b"s" * len(texts)
        header += (
            b"\0" * (-len(header) % 8) + bytes([8, 1]) + b"g\0" + bytes([len(signature)]) + signature + b"\0"
        )
    start = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(header))
    return start + header + b"\0" * (-len(header) % 8) + body


def _encode_text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<I", len(data)) + data + b"\0"


class Manager:
    """The system's manager; one connection, opened when first asked and again after it was lost."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path
        self._socket: _socket.socket | None = None
        self._buffer = b""
        self._serial = 0

    def usable(self) -> bool:
        """Whether this process may ask at all."""
        return os.geteuid() == 0 and os.path.exists(self.path) and not os.environ.get("SYSTEMD_OFFLINE")

    def call(self, path: str, interface: str, member: str, *texts: str) -> list[Any]:
        """One call's answer. Raises DBusError, OSError."""
        return self._ask([(path, interface, member, texts)])[0]

    def get(self, path: str, interface: str, names: list[str]) -> dict[str, Any]:
        """Properties of one object. Raises DBusError, OSError."""
        calls = [(path, _PROPERTIES, "Get", (interface, name)) for name in names]
        return {name: answer[0] for name, answer in zip(names, self._ask(calls))}

    def _ask(self, calls: Sequence[_Call]) -> list[list[Any]]:
        for again in (False, True):
            try:
                return self._exchange(calls)
            except (OSError, EOFError) as error:
                # The manager closes it when it executes itself anew; reading twice does no harm.
                self.close()
                if again:
                    raise ConnectionResetError(f"systemd's socket: {error}") from None
        return []

    def _exchange(self, calls: Sequence[_Call]) -> list[list[Any]]:
        if self._socket is None:
            self._connect()
        sock = self._socket
        assert sock is not None
        wanted, questions = {}, b""
        for index, (path, interface, member, texts) in enumerate(calls):
            self._serial += 1
            wanted[self._serial] = index
            questions += encode_call(self._serial, path, interface, member, texts)
        sock.sendall(questions)
        answers: list[list[Any]] = [[] for _ in calls]
        refused: DBusError | None = None
        while wanted:
            fields, body, kind = self._read(sock)
            index_or_none = wanted.pop(fields.get(5, 0), None) if kind in (2, 3) else None
            if index_or_none is None:
                continue
            values = Reader(body).values(fields.get(8, ""))
            if kind == 3:
                refused = DBusError(fields.get(4, ""), str(values[0]) if values else "")
            answers[index_or_none] = values
        if refused is not None:
            raise refused
        return answers

    def _connect(self) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        self._socket.connect(self.path)
        self._socket.sendall(
            b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\nBEGIN\r\n"
        )
        while b"\r\n" not in self._buffer:
            self._fill(self._socket)
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        if not line.startswith(b"OK"):
            raise ConnectionRefusedError("systemd does not take this user's questions")

    def _fill(self, sock: _socket.socket) -> None:
        part = sock.recv(65536)
        if not part:
            raise EOFError
        self._buffer += part

    def _read(self, sock: _socket.socket) -> tuple[dict[int, Any], bytes, int]:
        while len(self._buffer) < 16:
            self._fill(sock)
        _, kind, _, _, body, _, fields = struct.unpack("<cBBBIII", self._buffer[:16])
        head = (16 + fields + 7) // 8 * 8
        while len(self._buffer) < head + body:
            self._fill(sock)
        whole, self._buffer = self._buffer[: head + body], self._buffer[head + body :]
        reader = Reader(whole, 12)
        return dict(reader.value("a(yv)")), whole[head:], kind

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""
