"""Streams to a program: over an SSH channel, or of a process on this machine."""

from __future__ import annotations

import os
import select
import subprocess
import threading

import paramiko


class ChannelStream:
    """An SSH channel as a session's stream."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._errors = bytearray()
        channel.settimeout(None)

    def send(self, data: bytes) -> None:
        self._channel.sendall(data)

    def receive(self, size: int) -> bytes:
        if self._starting():
            self._channel.settimeout(0.05)
            try:
                return self._channel.recv(size)
            finally:
                self._channel.settimeout(None)
        return self._channel.recv(size)

    #: Until the agent speaks, sudo may ask on the other stream: look at both in turns.
    started = False

    def _starting(self) -> bool:
        return not self.started

    def errors(self, *, wait: bool) -> str:
        while self._channel.recv_stderr_ready() or (
            wait and not self._channel.eof_received and not self._channel.closed
        ):
            part = self._channel.recv_stderr(65536)
            if not part:
                break
            self._errors += part
        return self._errors.decode(errors="replace")

    def close(self) -> None:
        self._channel.close()


class ProcessStream:
    """A process of this machine as a session's stream."""

    started = False

    def __init__(self, line: str) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._errors = bytearray()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def _collect(self) -> None:
        assert self._process.stderr is not None
        while part := os.read(self._process.stderr.fileno(), 65536):
            self._errors += part

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def receive(self, size: int) -> bytes:
        assert self._process.stdout is not None
        if not self.started and not select.select([self._process.stdout], [], [], 0.05)[0]:
            raise TimeoutError
        return os.read(self._process.stdout.fileno(), size)

    def errors(self, *, wait: bool) -> str:
        if wait:
            self._reader.join(timeout=5)
        return self._errors.decode(errors="replace")

    def close(self) -> None:
        for file in (self._process.stdin, self._process.stdout):
            assert file is not None
            file.close()
        self._process.wait()
        self._reader.join(timeout=5)
        assert self._process.stderr is not None
        self._process.stderr.close()
