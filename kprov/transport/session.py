"""A running agent on a host: started over a stream, gone with it. The one gate to a host."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from kprov.agent import protocol
from kprov.errors import PreflightError, UnreachableError
from kprov.transport import archive
from kprov.transport.options import Become

PROMPT = "[kprov asks for the password] "
_PREVIEW = 400


class Stream(Protocol):
    """Both directions of a program on the host."""

    def send(self, data: bytes) -> None: ...
    def receive(self, size: int) -> bytes:
        """Some bytes of its output, at most `size`; none at its end."""
        ...

    def errors(self, *, wait: bool) -> str:
        """What it wrote to its standard error until now (`wait`: until its end)."""
        ...

    def close(self) -> None: ...


def command(python: str, become: Become | None) -> str:
    """The line for the login shell that starts the agent."""
    sha256, data = archive.build()
    start = [python, "-c", archive.BOOTSTRAP, sha256, str(len(data))]
    if become is not None:
        if become.method == "su":
            return shlex.join(["su", "-", become.user, "-c", "exec " + shlex.join(start)])
        ask = ["-S", "-p", PROMPT] if become.password is not None else ["-n"]
        if become.method == "doas":
            ask = ["-n"]
        start = [
            become.exe,
            *(["-H"] if become.method == "sudo" else []),
            *ask,
            "-u",
            become.user,
            "--",
            *start,
        ]
        if become.method == "doas":
            start.remove("--")
    return "exec " + shlex.join(start)


class Session:
    """Tasks on one host as one user; one caller at a time."""

    def __init__(self, host: str, stream: Stream, become: Become | None, python: str) -> None:
        self.host = host
        self._stream = stream
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._start(become, python)

    def run(
        self,
        module: str,
        items: list[dict[str, Any]],
        contents: Mapping[str, bytes | Path] | None = None,
        *,
        check: bool = False,
        diff: bool = False,
    ) -> list[dict[str, Any]]:
        """Results of a module for items ({"args": {...}, "environment": {...}}).

        `contents` are files for the host by SHA-256; large ones travel only when the host asks. Raises
        UnreachableError when the connection is lost.
        """
        with self._lock:
            inline = {
                sha: data
                for sha, data in (contents or {}).items()
                if isinstance(data, bytes) and len(data) <= protocol.INLINE_BYTES
            }
            header = {
                "module": module,
                "items": items,
                "check": check,
                "diff": diff,
                "blobs": [[sha, len(data)] for sha, data in inline.items()],
            }
            self._send(protocol.encode(header, b"".join(inline.values())))
            while True:
                answer = self._read_frame()
                if "need" not in answer:
                    results: list[dict[str, Any]] = answer["results"]
                    return results
                self._send_content((contents or {})[answer["need"]])

    def close(self) -> None:
        """End the agent."""
        self._stream.close()

    def _send_content(self, content: bytes | Path) -> None:
        if isinstance(content, bytes):
            self._send(protocol.encode({"end": True}, content))
            return
        with content.open("rb") as file:
            while part := file.read(protocol.CHUNK_BYTES):
                self._send(protocol.encode({}, part))
        self._send(protocol.encode({"end": True}))

    def _send(self, data: bytes) -> None:
        try:
            self._stream.send(data)
        except (OSError, EOFError) as error:
            raise UnreachableError(self.host, f"the connection was lost: {error}") from None

    def _read_frame(self) -> dict[str, Any]:
        head, body = protocol.HEAD.unpack(self._take(protocol.HEAD.size))
        import json

        header: dict[str, Any] = json.loads(self._take(head))
        self._take(body)
        return header

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            part = self._receive(max(65536, size - len(self._buffer)))
            if not part:
                said = self._stream.errors(wait=False).strip()[-_PREVIEW:]
                raise UnreachableError(self.host, "the connection was lost" + (f": {said}" if said else ""))
            self._buffer += part
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _receive(self, size: int) -> bytes:
        try:
            return self._stream.receive(size)
        except (OSError, EOFError) as error:
            raise UnreachableError(self.host, f"the connection was lost: {error}") from None

    def _start(self, become: Become | None, python: str) -> None:
        asked = False
        while True:
            line = self._line(become, asked=asked)
            if line == "password":
                asked = True
                continue
            word, _, detail = line.partition(" ")
            if word == "ok":
                return
            if word == "need":
                self._send(archive.build()[1])
            elif word == "old":
                raise PreflightError(
                    self.host,
                    f"Python 3.9 or newer is needed on the host; "
                    f"{python} is {detail} (ansible_python_interpreter)",
                )
            elif word == "nowhere":
                raise PreflightError(self.host, "neither ~/.cache nor /var/tmp can be written on the host")

    def _line(self, become: Become | None, *, asked: bool) -> str:
        """The bootstrap's next word; answers sudo's question on the way."""
        while True:
            text, found, rest = bytes(self._buffer).partition(b"\n")
            if found:
                self._buffer = bytearray(rest)
                if text.startswith(archive.MAGIC):
                    return text[len(archive.MAGIC) :].decode()
                continue
            if become is not None and become.password is not None:
                asks = self._stream.errors(wait=False).count(PROMPT)
                if asks and not asked:
                    self._send(become.password.encode() + b"\n")
                    return "password"
                if asks > 1:
                    raise PreflightError(self.host, f"{become.method}: the password of the user was refused")
            try:
                part = self._stream.receive(65536)
            except TimeoutError:
                continue
            if not part:
                raise self._not_started(become)
            self._buffer += part

    def _not_started(self, become: Become | None) -> PreflightError:
        said = self._stream.errors(wait=True).replace(PROMPT, "").strip()[-_PREVIEW:]
        missing = re.search(r"(?:sudo|sh|bash|doas|exec): .*(?:not found|No such file)", said)
        if become is not None and re.search(
            rf"{re.escape(become.exe)}: (?:command )?not found|exec: {re.escape(become.exe)}: not found", said
        ):
            return PreflightError(
                self.host, f"{become.method} is not installed on the host, and the user is not {become.user}"
            )
        if missing or ("python" in said.lower() and ("not found" in said or "No such file" in said)):
            return PreflightError(
                self.host,
                f"Python 3.9 or newer is needed on the host and was not found "
                f"(ansible_python_interpreter): {said}",
            )
        if become is not None:
            hint = (
                "no password is known: set ansible_become_password, or ask with --ask-become-pass"
                if become.password is None
                else "the password was refused"
            )
            return PreflightError(
                self.host, f"no sudo for this user ({hint}): {said or become.exe + ' said nothing'}"
            )
        return PreflightError(self.host, f"the agent did not start: {said or 'the host closed the channel'}")
