"""Calls systemd over its private socket: D-Bus without a bus, only for root, with the standard library.

Source: the D-Bus specification (message format, type system) and sd-bus's private listener, which needs no
Hello and no destination. A call takes some 0.2 ms; `systemctl` takes 10 ms to start.
"""

from __future__ import annotations

import _socket  # Without the module socket, the agent's start takes three percent less time.
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
    """Reads values from a little-endian message by their signature."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data, self.offset = data, offset

    def align(self, size: int) -> None:
        self.offset = (self.offset + size - 1) // size * size

    def read_values(self, signature: str) -> list[Any]:
        items, start = [], 0
        while start < len(signature):
            end = _find_type_end(signature, start)
            items.append(self.read_value(signature[start:end]))
            start = end
        return items

    def read_value(self, kind: str) -> Any:
        code = kind[0]
        if code in _FIXED:
            size = struct.calcsize(_FIXED[code])
            self.align(size)
            number = struct.unpack_from("<" + _FIXED[code], self.data, self.offset)[0]
            self.offset += size
            return bool(number) if code == "b" else number
        if code in "so":
            return self._read_text(self.read_value("u"))
        if code == "g":
            return self._read_text(self.read_value("y"))
        if code == "v":
            return self.read_value(self.read_value("g"))
        if code in "({":
            self.align(8)
            return tuple(self.read_values(kind[1:-1]))
        size = self.read_value("u")
        self.align(8 if kind[1] in "({xtd" else struct.calcsize(_FIXED.get(kind[1], "I")))
        end = self.offset + size
        items = []
        while self.offset < end:
            items.append(self.read_value(kind[1:]))
        return dict(items) if kind[1] == "{" else items

    def _read_text(self, size: int) -> str:
        text = self.data[self.offset : self.offset + size].decode("utf-8", "surrogateescape")
        self.offset += size + 1
        return text


def _find_type_end(signature: str, index: int) -> int:
    """Return the end of the complete type that starts at `index`."""
    while signature[index] == "a":
        index += 1
    if signature[index] not in "({":
        return index + 1
    depth = 0
    while True:
        depth += (signature[index] in "({") - (signature[index] in ")}")
        index += 1
        if not depth:
            return index


def encode_call(serial: int, path: str, interface: str, member: str, texts: tuple[str, ...]) -> bytes:
    """Encode a method call whose arguments are strings."""
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
    """systemd's manager object. The connection is opened at the first call and after it is lost."""

    def __init__(self, path: str = SOCKET) -> None:
        self.path = path
        self._socket: _socket.socket | None = None
        self._buffer = b""
        self._serial = 0

    def is_usable(self) -> bool:
        """Whether this process may call systemd, and systemd runs."""
        return os.geteuid() == 0 and os.path.exists(self.path) and not os.environ.get("SYSTEMD_OFFLINE")

    def call(self, path: str, interface: str, member: str, *texts: str) -> list[Any]:
        """Call a method; return the values of its reply. Raises DBusError, OSError."""
        return self._send_calls([(path, interface, member, texts)])[0]

    def get_properties(self, path: str, interface: str, names: list[str]) -> dict[str, Any]:
        """Read properties of an object. Raises DBusError, OSError."""
        calls = [(path, _PROPERTIES, "Get", (interface, name)) for name in names]
        return {name: answer[0] for name, answer in zip(names, self._send_calls(calls))}

    def _send_calls(self, calls: Sequence[_Call]) -> list[list[Any]]:
        for is_retry in (False, True):
            try:
                return self._exchange(calls)
            except (OSError, EOFError) as error:
                # systemd closes the connection when it re-executes itself. Calls only read, so retry them.
                self.close()
                if is_retry:
                    raise ConnectionResetError(f"systemd's socket: {error}") from None
        return []

    def _exchange(self, calls: Sequence[_Call]) -> list[list[Any]]:
        if self._socket is None:
            self._connect()
        sock = self._socket
        assert sock is not None
        pending, messages = {}, b""
        for index, (path, interface, member, texts) in enumerate(calls):
            self._serial += 1
            pending[self._serial] = index
            messages += encode_call(self._serial, path, interface, member, texts)
        sock.sendall(messages)
        answers: list[list[Any]] = [[] for _ in calls]
        refusal: DBusError | None = None
        while pending:
            fields, body, kind = self._receive_message(sock)
            index_or_none = pending.pop(fields.get(5, 0), None) if kind in (2, 3) else None
            if index_or_none is None:
                continue
            values = Reader(body).read_values(fields.get(8, ""))
            if kind == 3:
                refusal = DBusError(fields.get(4, ""), str(values[0]) if values else "")
            answers[index_or_none] = values
        if refusal is not None:
            raise refusal
        return answers

    def _connect(self) -> None:
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        self._socket.connect(self.path)
        self._socket.sendall(
            b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\nBEGIN\r\n"
        )
        while b"\r\n" not in self._buffer:
            self._receive(self._socket)
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        if not line.startswith(b"OK"):
            raise ConnectionRefusedError("systemd does not take this user's questions")

    def _receive(self, sock: _socket.socket) -> None:
        part = sock.recv(65536)
        if not part:
            raise EOFError
        self._buffer += part

    def _receive_message(self, sock: _socket.socket) -> tuple[dict[int, Any], bytes, int]:
        while len(self._buffer) < 16:
            self._receive(sock)
        _, kind, _, _, body_size, _, fields_size = struct.unpack("<cBBBIII", self._buffer[:16])
        header_size = (16 + fields_size + 7) // 8 * 8
        while len(self._buffer) < header_size + body_size:
            self._receive(sock)
        message, self._buffer = (
            self._buffer[: header_size + body_size],
            self._buffer[header_size + body_size :],
        )
        reader = Reader(message, 12)
        return dict(reader.read_value("a(yv)")), message[header_size:], kind

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer = None, b""
