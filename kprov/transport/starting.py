"""From a started program to an agent that said hello: the password, the archive, and what went wrong."""

from __future__ import annotations

import re
import time
from typing import Any

from kprov.errors import PreflightError, UnreachableError
from kprov.transport import archive, become, clock
from kprov.transport.options import Become
from kprov.transport.wire import LostError, Wire

#: Seconds from the login to the agent's first word, without those that the archive travels.
LIMIT = 60.0
_PREVIEW = 400
_MAGIC = archive.MAGIC.decode()


class TerminalNeededError(Exception):
    """The host lets nobody become another user without a terminal."""


def start(wire: Wire, host: str, who: Become | None, python: str) -> dict[str, Any]:
    """The agent's hello. Raises PreflightError, UnreachableError, TerminalNeededError."""
    answered, said = False, ""
    begun, until = time.time(), time.monotonic() + LIMIT
    while True:
        # A question may come on either stream, and has no end of line: look at both in turns.
        patience = 0.02 if who and who.password and not answered else 0.25 if who else 10.0
        try:
            line, part = wire.line(min(patience, max(0.0, until - time.monotonic())))
        except EOFError as error:
            raise _not_started(wire, host, who, python, f"{said}{error}") from None
        if line is not None:
            said = f"{said}{line}\n"[-_PREVIEW:]
        if who is not None and who.password is not None:
            count = become.asks(who, line or part, wire.stream.errors(wait=False))
            if count and not answered:
                answered = True
                wire.answered()
                _send(wire, host, who.password.encode() + b"\n")
            elif count > 1 or (answered and part and become.asks(who, part, "")):
                raise PreflightError(host, f"{who.method}: the password for {who.user} was refused")
        elif who is not None and become.asks(who, part, wire.stream.errors(wait=False)):
            raise PreflightError(host, become.refusal(who, f"{who.exe} asks for one"))
        if line is not None and _MAGIC in line:
            word, _, detail = line.partition(_MAGIC)[2].partition(" ")
            if word == "ok":
                break
            if word == "need":
                _send(wire, host, archive.travelling())
                until = time.monotonic() + LIMIT
            elif word == "old":
                text = f"Python 3.9 or newer is needed on the host; {python} is {detail}"
                raise PreflightError(host, f"{text} (ansible_python_interpreter)")
        if time.monotonic() > until:
            heard = (said + wire.stream.errors(wait=False)).strip()[-_PREVIEW:]
            text = (
                f"logged in, but the agent has not started within {LIMIT:g} s: the host is very slow, or its"
            )
            text += " login shell or sudo waits for something"
            raise UnreachableError(host, text + (f"; it said: {heard}" if heard else ""))
    try:
        hello = wire.read()
        return {**hello, "skew": clock.skew(hello["time"], begun, time.time())}
    except LostError as error:
        raise UnreachableError(host, f"the agent ended at its start: {error}") from None


def _send(wire: Wire, host: str, data: bytes) -> None:
    try:
        wire.send(data)
    except LostError as error:
        raise UnreachableError(host, f"the connection was lost while the agent started: {error}") from None


def _not_started(wire: Wire, host: str, who: Become | None, python: str, said: str) -> Exception:
    said = (said + wire.stream.errors(wait=True)).replace(become.PROMPT, "").strip()[-_PREVIEW:]
    if who is not None and become.needs_terminal(said):
        return TerminalNeededError(said)
    if re.search(r"(?:python|env|exec|sh)[^\n]*: (?:command )?(?:not found|No such file)", said) and not (
        who is not None and f"{who.exe}: not found" in said
    ):
        text = "Python 3.9 or newer is needed on the host and was not found"
        return PreflightError(host, f"{text} (ansible_python_interpreter: {python}): {said}")
    if "nknown option" in said and "-I" in said:
        text = "Python 3.9 or newer is needed on the host"
        return PreflightError(host, f"{text}; {python} is Python 2 (ansible_python_interpreter)")
    if "Traceback" in said:
        return PreflightError(host, f"the agent did not start: {said}")
    if who is not None:
        return PreflightError(host, become.refusal(who, said))
    return PreflightError(host, f"the agent did not start: {said or 'the host closed the channel'}")
