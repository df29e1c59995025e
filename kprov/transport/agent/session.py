"""A running agent on a host, and messages to it. Every change to a host goes through here.

If the connection is lost during a message, it is opened again once and the agent reports the outcome: see
docs/decisions/005-lost-connections.md.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kprov.agent import protocol
from kprov.errors import AnswerError, HostError, UnreachableError
from kprov.transport.agent import answers
from kprov.transport.agent.answers import MalformedAnswerError
from kprov.transport.agent.channel import AgentChannel, LostError
from kprov.transport.agent.contents import start_checksums

#: Opens a channel to a new agent: (name, lost channel) -> channel and the agent's hello.
Open = Callable[[str, AgentChannel | None], tuple[AgentChannel, dict[str, Any]]]

#: Identifies this process to agents, which do not change a host at the same time as those of another process.
_RUN = uuid.uuid4().hex
#: Checksums that results have besides the SHA-256 that identifies a content.
_EXTRA_CHECKSUMS = ("sha1", "md5")


@dataclass(frozen=True)
class Message:
    """One module and its items."""

    module: str
    items: list[dict[str, Any]]
    contents: Mapping[str, bytes | Path]
    check: bool
    diff: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def encoded(self) -> bytes:
        """Return the frame with the small contents."""
        small = {
            sha: data
            for sha, data in self.contents.items()
            if isinstance(data, bytes) and len(data) <= protocol.INLINE_BYTES
        }
        blobs = [[sha, len(data)] for sha, data in small.items()]
        return protocol.encode_frame({**self.header, "blobs": blobs}, b"".join(small.values()))

    @property
    def header(self) -> dict[str, Any]:
        return {
            "message": self.id,
            "run": _RUN,
            "module": self.module,
            "items": self.items,
            "check": self.check,
            "diff": self.diff,
        }


class Session:
    """Runs tasks on one host as one user, one caller at a time. `notice` gets messages for a waiting user."""

    def __init__(self, host: str, opener: Open, notice: Callable[[str, str], None]) -> None:
        self.host = host
        self._open = opener
        self._notice = notice
        self._lock = threading.Lock()
        self._closed = False
        self._channel: AgentChannel | None = None
        self._connect(None)

    def run(
        self,
        module: str,
        items: list[dict[str, Any]],
        contents: Mapping[str, bytes | Path] | None = None,
        *,
        check: bool = False,
        diff: bool = False,
        recover: bool = True,
    ) -> list[dict[str, Any]]:
        """Run a module for items ({"args": {...}, "environment": {...}}) and return its results.

        `contents` are files for the host by SHA-256; large ones are sent only on request. A lost
        connection is opened again once (not with `recover` False, for tasks that end it on purpose).
        Raises UnreachableError if that fails, AnswerError for an answer that no agent sends.
        """
        message = Message(module, items, contents or {}, check, diff)
        with self._lock:
            if self._channel is None:
                self._connect(None)
            try:
                return self._run_message(message, recover=recover)
            except MalformedAnswerError as error:
                # Its next bytes cannot be told from another answer.
                if self._channel is not None:
                    self._channel.stream.close()
                    self._channel = None
                text = f"the agent sent a malformed answer to {module}: {error}"
                raise AnswerError(self.host, text) from None

    def _run_message(self, message: Message, *, recover: bool) -> list[dict[str, Any]]:
        try:
            return self._exchange(message)
        except LostError as lost:
            if self._closed or not recover:
                raise UnreachableError(self.host, f"the connection was lost: {lost}") from None
            try:
                return self._recover_message(message, lost)
            except LostError as second_loss:
                self._channel = None
                text = f"the connection was lost ({lost}), made again, and lost again ({second_loss})"
                raise UnreachableError(self.host, text) from None

    def end(self) -> None:
        """Tell the agent to exit and to stop what it runs."""
        self._closed = True
        if self._channel is not None:
            self._channel.bye()

    @property
    def clock_skew(self) -> float:
        """Seconds that the host's clock is ahead of this machine's."""
        return float(self._hello["skew"])

    def close(self, timeout: float = 3.0) -> bool:
        """End the agent and wait for its exit (else sshd drops the goodbye); return whether it exited."""
        channel = self._channel
        ended = channel is None
        if not self._closed:
            self.end()
        if channel is not None:
            # A running message ends with the agent.
            if self._lock.acquire(timeout=max(0.0, timeout)):
                try:
                    ended = channel.ended(timeout)
                finally:
                    self._lock.release()
            channel.stream.close()
        return ended

    def _connect(self, lost: AgentChannel | None) -> None:
        self._name = uuid.uuid4().hex
        self._channel, self._hello = self._open(self._name, lost)

    def _exchange(self, message: Message) -> list[dict[str, Any]]:
        assert self._channel is not None
        self._channel.send(message.encoded())
        while True:
            answer = self._channel.read()
            if "need" in answer:
                content = message.contents.get(answers.read_text(answer, "need"))
                if content is None:
                    raise MalformedAnswerError("it asks for a content that the task does not have")
                self._send_content(self._channel, content)
            elif "waiting" in answer:
                self._notice(self.host, answers.read_text(answer, "waiting"))
            elif "results" in answer:
                return answers.read_results(answer, message.module, len(message.items))
            else:
                answers.refuse_unknown(answer)

    def _send_content(self, channel: AgentChannel, content: bytes | Path) -> None:
        if isinstance(content, bytes):
            channel.send(protocol.encode_frame({"content": True, "end": True}, content))
            return
        # Sent along, so that the host need not read a large file again for its results.
        checksums = start_checksums(content, *_EXTRA_CHECKSUMS)
        with content.open("rb") as file:
            while part := file.read(protocol.CHUNK_BYTES):
                channel.send(protocol.encode_frame({"content": True}, part))
        sums = dict(zip(_EXTRA_CHECKSUMS, checksums.result(), strict=True))
        channel.send(protocol.encode_frame({"content": True, "end": True, "sums": sums}))

    def _recover_message(self, message: Message, lost: LostError) -> list[dict[str, Any]]:
        """Return the results of a message whose connection was lost. Raises LostError if it is lost again."""
        old_session, old_greeting, old_channel = self._name, self._hello, self._channel
        self._channel = None
        self._notice(self.host, f"the connection was lost ({lost}); connecting again")
        try:
            self._connect(old_channel)
        except HostError as error:
            text = f"the connection was lost ({lost}) and cannot be made again: {error.reason}"
            if protocol.is_changing(message.header):
                text += f"; it is unknown whether {message.module} ran"
            raise UnreachableError(self.host, text) from None
        if not protocol.is_changing(message.header):
            return self._exchange(message)
        if self._hello["boot"] != old_greeting["boot"]:
            text = f"the host was restarted while {message.module} ran on it; it is unknown how far it got"
            return [_failed_result(text) for _ in message.items]
        if not old_greeting["keeps"]:
            text = f"the connection was lost ({lost}), and the host has no folder to store results in"
            return [
                _failed_result(f"{text}; it is unknown how far {message.module} got") for _ in message.items
            ]
        outcome, results = self._request_outcome(old_session, message)
        if outcome == "died":
            item_text = (
                f" in item {len(results) + 1} of {len(message.items)}" if len(message.items) > 1 else ""
            )
            text = f"the agent died while it ran {message.module}{item_text} ({lost})"
            text += "; it is unknown whether it finished"
            results = [*results, _failed_result(text)]
        remaining = message.items[len(results) :]
        if remaining:
            remaining_message = Message(
                message.module, remaining, message.contents, message.check, message.diff
            )
            results = [*results, *self._exchange(remaining_message)]
        return results

    def _request_outcome(self, session: str, message: Message) -> tuple[str, list[dict[str, Any]]]:
        assert self._channel is not None
        self._channel.send(protocol.encode_frame({"find_out": session, "message": message.id}))
        has_noticed = False
        while True:
            answer = self._channel.read()
            if answer.get("outcome") == "running":
                if not has_noticed:
                    self._notice(self.host, f"connected again; {message.module} still runs on the host")
                has_noticed = True
            elif "outcome" in answer:
                return answers.read_outcome(answer, message.module, len(message.items))
            else:
                answers.refuse_unknown(answer)


def _failed_result(text: str) -> dict[str, Any]:
    return {"changed": False, "failed": True, "msg": text}
