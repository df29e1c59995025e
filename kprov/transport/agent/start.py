"""Starts an agent: sends the archive, waits for its hello, explains failures."""

from __future__ import annotations

import re
import time
from typing import Any

from kprov.errors import AnswerError, NoPythonError, PreflightError, UnreachableError
from kprov.transport import clock
from kprov.transport.agent import answers, archive, become
from kprov.transport.agent.become_dialog import BecomeDialog, TerminalNeededError
from kprov.transport.agent.channel import AgentChannel, LostError
from kprov.transport.options.host_options import Become

_NEEDED = "Python 3.9 or newer is needed on the host"
_WAY_OUT = "install python with ansible.builtin.raw, or set ansible_python_interpreter"
_MAGIC = archive.MAGIC.decode()


def start_agent(
    channel: AgentChannel, host: str, who: Become | None, python: str, *, timeout: float
) -> dict[str, Any]:
    """Start the agent and return its hello. `timeout`: the connection's, in seconds.

    Raises PreflightError, NoPythonError, UnreachableError, TerminalNeededError.
    """
    started_at, dialog = time.time(), BecomeDialog(channel, host, who, timeout)
    while True:
        try:
            line = dialog.line()
        except EOFError as error:
            dialog.check_cut()
            raise _start_error(dialog, python, str(error)) from None
        if _MAGIC not in line:
            continue
        word, _, detail = line.partition(_MAGIC)[2].partition(" ")
        if word == "ok":
            break
        if word == "need":
            dialog.send(archive.frame_archive())
            dialog.wait_anew()
        elif word == "old":
            raise NoPythonError(host, f"{_NEEDED}; {python} is {detail} ({_WAY_OUT})")
    try:
        hello = answers.check_hello(channel.read(answers.MAX_HELLO))
        return {**hello, "skew": clock.clock_skew(hello["time"], started_at, time.time())}
    except answers.MalformedAnswerError as error:
        raise AnswerError(host, f"the agent sent a malformed answer: {error}") from None
    except LostError as error:
        dialog.check_cut()
        raise UnreachableError(host, f"the agent exited during its start: {error}") from None


def _start_error(dialog: BecomeDialog, python: str, error_text: str) -> Exception:
    host, who = dialog.host, dialog.who
    error_text = dialog.collect_output(error_text)
    if who is not None and become.is_terminal_refusal(error_text):
        return TerminalNeededError(error_text)
    if re.search(
        r"(?:python|env|exec|sh)[^\n]*: (?:command )?(?:not found|No such file)", error_text
    ) and not (who is not None and f"{who.exe}: not found" in error_text):
        interpreter = f"ansible_python_interpreter: {python}; {_WAY_OUT}"
        return NoPythonError(host, f"{_NEEDED} and was not found ({interpreter}): {error_text}")
    if "nknown option" in error_text and "-I" in error_text:
        return NoPythonError(host, f"{_NEEDED}; {python} is Python 2 ({_WAY_OUT})")
    if "Traceback" in error_text:
        return PreflightError(host, f"the agent did not start: {error_text}")
    if who is not None:
        return PreflightError(host, become.explain_refusal(who, error_text))
    return PreflightError(host, f"the agent did not start: {error_text or 'the host closed the channel'}")
