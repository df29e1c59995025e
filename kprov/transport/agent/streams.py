"""Streams to a program: over an SSH channel, or of a process on this machine."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from typing import cast

import paramiko

from kprov.transport.ssh.paramiko_transport import Transport

#: Bytes of standard error that are kept, from its end.
_MAX_ERRORS = 16 << 20


def _append_bounded(errors: bytearray, part: bytes) -> None:
    errors += part
    if len(errors) > _MAX_ERRORS:
        del errors[: len(errors) - _MAX_ERRORS // 2]


class ChannelStream:
    """An SSH channel as a session's stream."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._errors = bytearray()

    def send(self, data: bytes, timeout: float) -> None:
        self._channel.settimeout(timeout)
        transport, remaining = self.transport(), memoryview(data)
        while remaining:
            remaining = remaining[transport.send_data(self._channel, remaining) :]

    def receive(self, size: int, timeout: float) -> bytes:
        self._channel.settimeout(timeout)
        return self._channel.recv(size)

    def errors(self, *, wait: bool) -> str:
        channel = self._channel
        channel.settimeout(5)
        with contextlib.suppress(TimeoutError):
            while channel.recv_stderr_ready() or (wait and not channel.eof_received and not channel.closed):
                part = channel.recv_stderr(65536)
                if not part:
                    break
                _append_bounded(self._errors, part)
        return self._errors.decode(errors="replace")

    def close(self) -> None:
        self._channel.close()

    def end(self) -> str:
        return "the agent ended" if self.ended() else "the host closed the connection"

    def cut(self) -> bool:
        return not self.transport().is_active()

    def ended(self) -> bool:
        """Whether the program has ended while the connection is open."""
        transport = self._channel.get_transport()
        return bool(transport.is_active() and (self._channel.eof_received or self._channel.closed))

    def code(self) -> int | None:
        code = self._channel.recv_exit_status()
        return code if code >= 0 else None

    def transport(self) -> Transport:
        """Return the connection it runs over."""
        return cast("Transport", self._channel.get_transport())


class ProcessStream:
    """A process of this machine as a session's stream, on a terminal of its own where `terminal`."""

    def __init__(self, line: str, *, terminal: bool = False) -> None:
        start = ["setsid", "--ctty", "/bin/sh", "-c", line] if terminal else ["/bin/sh", "-c", line]
        if terminal:
            self._sink, other = os.openpty()
            self._source = os.dup(self._sink)
            self._process = subprocess.Popen(
                start, stdin=other, stdout=other, stderr=subprocess.PIPE, start_new_session=True
            )
            os.close(other)
        else:
            self._process = subprocess.Popen(
                start,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._sink, self._source = (
                os.dup(self._process.stdin.fileno()),
                os.dup(self._process.stdout.fileno()),
            )
            self._process.stdin.close()
            self._process.stdout.close()
        self._closed = False
        self._receiving = threading.Lock()
        self._errors = bytearray()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as file:
            while part := os.read(file.fileno(), 65536):
                _append_bounded(self._errors, part)

    def send(self, data: bytes, timeout: float) -> None:
        view = memoryview(data)
        while view:
            if not select.select([], [self._sink], [], timeout)[1]:
                raise TimeoutError
            view = view[os.write(self._sink, view[:65536]) :]

    def receive(self, size: int, timeout: float) -> bytes:
        with self._receiving:
            if self._closed:
                return b""
            if not select.select([self._source], [], [], timeout)[0]:
                raise TimeoutError
            return os.read(self._source, size)

    def errors(self, *, wait: bool) -> str:
        if wait:
            self._reader.join(timeout=5)
        return self._errors.decode(errors="replace")

    def end(self) -> str:
        return "the agent ended"

    def cut(self) -> bool:
        return False

    def code(self) -> int | None:
        return self._process.wait()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        os.close(self._sink)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            # It finishes its task, as an agent does whose connection was lost.
            return
        # Its end has woken every waiting reader.
        with self._receiving:
            os.close(self._source)
        # A background process may keep standard error open: the reader thread ends with it.
        self._reader.join(timeout=0.2)
