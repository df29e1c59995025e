"""Frames over a stream to an agent, with keepalives: an agent that is silent too long is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, Protocol

from kprov.agent import protocol
from kprov.transport.agent import answers
from kprov.transport.agent.answers import MalformedAnswerError

_PREVIEW = 400
#: Bytes of one line before the frames begin, and of the output of a program without frames.
_MAX_LINE = 1 << 20
_MAX_OUTPUT = 256 << 20


class LostError(Exception):
    """The connection or the agent is gone; the text says how it was detected."""


class Stream(Protocol):
    """Both directions of a program on the host."""

    def send(self, data: bytes, timeout: float) -> None:
        """Send all data. TimeoutError: the host accepts nothing for `timeout` s; OSError, EOFError: lost."""
        ...

    def receive(self, size: int, timeout: float) -> bytes:
        """Return at most `size` bytes of output, none at its end. TimeoutError if there are none yet."""
        ...

    def errors(self, *, wait: bool) -> str:
        """Return its standard error until now (`wait`: until its end)."""
        ...

    def cut(self) -> bool:
        """Whether the connection to the host has ended, and not just the program."""
        ...

    def end(self) -> str:
        """Say what has ended: the agent or the connection."""
        ...

    def code(self) -> int | None:
        """Wait for the exit code; None if the connection ended first."""
        ...

    def close(self) -> None: ...


class AgentChannel:
    """Frames to and from one agent.

    After `interval` seconds of silence the agent is asked for a sign of life; after `count` it is lost.
    """

    def __init__(self, stream: Stream, *, interval: float, count: int) -> None:
        self.stream = stream
        self._interval = interval
        self._limit = interval * count
        self._buffer = bytearray()
        self._sending = threading.Lock()

    def send(self, data: bytes) -> None:
        """Send the bytes of whole frames. Raises LostError."""
        with self._sending:
            try:
                self.stream.send(data, self._limit)
            except TimeoutError:
                raise LostError(f"the host accepted no data for {self._limit:g} s") from None
            except (OSError, EOFError) as error:
                raise LostError(str(error) or "the connection was closed") from None

    def read(self, limit: int = answers.MAX_HEADER) -> dict[str, Any]:
        """Return the header of the next frame, of `limit` bytes at most. Raises LostError.

        Raises MalformedAnswerError for a frame that no agent sends; the channel is of no use then.
        """
        size, body = protocol.HEAD.unpack(self._take(protocol.HEAD.size))
        if size > limit:
            raise MalformedAnswerError(f"it has {size} bytes, {limit} are allowed")
        if body:
            raise MalformedAnswerError(f"it has a body of {body} bytes")
        return answers.decode_header(self._take(size))

    def line(self, timeout: float) -> tuple[str | None, str]:
        """Return a line of output before the frames begin, or None and the partial line after `timeout`.

        Raises EOFError at its end.
        """
        until = time.monotonic() + timeout
        while True:
            text, newline, rest = bytes(self._buffer).partition(b"\n")
            if newline:
                self._buffer = bytearray(rest)
                return text.decode(errors="replace").rstrip("\r"), ""
            seconds_left = until - time.monotonic()
            if seconds_left <= 0:
                return None, text.decode(errors="replace")
            try:
                part = self.stream.receive(65536, seconds_left)
            except TimeoutError:
                continue
            except OSError:
                part = b""
            if not part or len(self._buffer) > _MAX_LINE:
                raise EOFError(text.decode(errors="replace"))
            self._buffer += part

    def answered(self) -> None:
        """Drop the partial line: a prompt that was answered."""
        self._buffer.clear()

    def rest(self) -> bytes:
        """Return the rest of the output of a program without frames. Raises LostError if it is too long."""
        with contextlib.suppress(OSError):
            while part := self._next():
                self._buffer += part
                if len(self._buffer) > _MAX_OUTPUT:
                    raise LostError(f"the program printed more than {_MAX_OUTPUT} bytes")
        data, self._buffer = bytes(self._buffer), bytearray()
        return data

    def _next(self) -> bytes:
        while True:
            # A full buffer of standard error would block the program.
            self.stream.errors(wait=False)
            try:
                return self.stream.receive(65536, 0.5)
            except TimeoutError:
                continue

    def bye(self) -> None:
        """Tell the agent to exit, if the connection still works."""
        if self._sending.acquire(timeout=1):
            try:
                self.stream.send(protocol.encode_frame({"bye": True}), 1)
            except (OSError, EOFError):
                pass
            finally:
                self._sending.release()

    def ended(self, timeout: float) -> bool:
        """Wait for the agent to exit; return whether it did."""
        until = time.monotonic() + timeout
        while (seconds_left := until - time.monotonic()) > 0:
            try:
                if not self.stream.receive(65536, seconds_left):
                    return True
            except (OSError, EOFError):
                break
        return False

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += self._receive(max(65536, size - len(self._buffer)))
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _receive(self, size: int) -> bytes:
        silent = 0.0
        while True:
            try:
                part = self.stream.receive(size, self._interval)
            except TimeoutError:
                silent += self._interval
                if silent >= self._limit:
                    raise LostError(f"no answer for {silent:g} s") from None
                self.send(protocol.encode_frame({"alive": True}))
                continue
            except (OSError, EOFError) as error:
                raise LostError(str(error) or "the connection was closed") from None
            if not part:
                error_output = self.stream.errors(wait=False).strip()[-_PREVIEW:]
                raise LostError(error_output or self.stream.end())
            return part
