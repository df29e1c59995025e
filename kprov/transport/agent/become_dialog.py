"""Reads the first lines of a program that runs as another user, and answers the password prompt."""

from __future__ import annotations

import time

from kprov.errors import ConnectionLostError, PreflightError, UnreachableError
from kprov.transport.agent import become
from kprov.transport.agent.channel import AgentChannel, LostError
from kprov.transport.options.host_options import Become

#: Seconds from the login to the program's first word, at least; a longer ansible_timeout counts.
#: The transfer of the archive does not count.
LIMIT = 60.0
_PREVIEW = 400


class TerminalNeededError(Exception):
    """The host allows becoming another user only on a terminal."""


class BecomeDialog:
    """One started program. `line` answers a password prompt while it waits."""

    def __init__(self, channel: AgentChannel, host: str, who: Become | None, timeout: float) -> None:
        self.channel, self.host, self.who = channel, host, who
        self._limit = max(LIMIT, timeout)
        self._has_answered = False
        self._output = ""
        self.wait_anew()

    def wait_anew(self) -> None:
        """Give the program the time limit from now."""
        self._until = time.monotonic() + self._limit

    def line(self) -> str:
        """Return the next line of the program's output.

        Raises PreflightError (rejected), UnreachableError (too slow), EOFError (end, with a partial line).
        """
        while True:
            # A prompt may come on either stream and does not end the line: poll both.
            needs_password = self.who is not None and self.who.password is not None and not self._has_answered
            patience = 0.02 if needs_password else 0.25 if self.who else 10.0
            line, part = self.channel.line(min(patience, max(0.0, self._until - time.monotonic())))
            if self.who is not None:
                self._answer(self.who, line, part)
            if line is not None and time.monotonic() <= self._until:
                self._output = f"{self._output}{line}\n"[-_PREVIEW:]
                return line
            if time.monotonic() > self._until:
                raise self._too_slow()

    def _answer(self, who: Become, line: str | None, part: str) -> None:
        errors = self.channel.stream.errors(wait=False)
        if who.password is None:
            if become.count_prompts(who, part, errors):
                raise PreflightError(self.host, become.explain_refusal(who, f"{who.exe} asks for one"))
            return
        count = become.count_prompts(who, line or part, errors)
        if count and not self._has_answered:
            self._has_answered = True
            self.channel.answered()
            self.send(who.password.encode() + b"\n")
        elif count > 1 or (self._has_answered and part and become.count_prompts(who, part, "")):
            raise PreflightError(self.host, f"{who.method}: wrong password for becoming {who.user}")

    def send(self, data: bytes) -> None:
        """Send data to the program. Raises UnreachableError."""
        try:
            self.channel.send(data)
        except LostError as error:
            text = f"the connection was lost while the agent started: {error}"
            raise UnreachableError(self.host, text) from None

    def check_cut(self) -> None:
        """Raise ConnectionLostError if the connection ended before the program did."""
        if self.channel.stream.cut():
            raise ConnectionLostError(self.host, "the connection was lost before any task started")

    def collect_output(self, rest: str) -> str:
        """Return the end of all output until the program exits, without prompts."""
        output = self._output + rest + self.channel.stream.errors(wait=True)
        return output.replace(become.PROMPT, "").strip()[-_PREVIEW:]

    def _too_slow(self) -> UnreachableError:
        heard = (self._output + self.channel.stream.errors(wait=False)).strip()[-_PREVIEW:]
        text = (
            f"logged in, but the agent did not start within {self._limit:g} s: the host is very slow, or its"
        )
        text += " login shell or sudo waits for input"
        return UnreachableError(self.host, text + (f"; it said: {heard}" if heard else ""))
