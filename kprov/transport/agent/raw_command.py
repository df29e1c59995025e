"""Runs a command in a host's shell without an agent, for the module raw on hosts without Python."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.errors import PreflightError, UnreachableError
from kprov.transport.agent import become
from kprov.transport.agent.become_dialog import BecomeDialog, TerminalNeededError
from kprov.transport.agent.channel import AgentChannel, LostError
from kprov.transport.options.host_options import Become


@dataclass(frozen=True)
class CommandResult:
    """A program's exit code (128 and the signal that ended it) and output."""

    code: int
    out: str
    err: str


def run_raw(
    channel: AgentChannel, host: str, who: Become | None, mark: str, *, timeout: float
) -> CommandResult:
    """Return the result of a command whose output follows the mark. `timeout`: the connection's, in seconds.

    Raises PreflightError (cannot become the user), UnreachableError (lost), TerminalNeededError.
    """
    dialog = BecomeDialog(channel, host, who, timeout)
    try:
        while dialog.line().strip() != mark:
            pass
    except EOFError as error:
        dialog.check_cut()
        output = dialog.collect_output(str(error))
        if who is not None and become.is_terminal_refusal(output):
            raise TerminalNeededError(output) from None
        if who is not None:
            raise PreflightError(host, become.explain_refusal(who, output)) from None
        raise PreflightError(
            host, f"the login shell of the user does not run commands: {output or 'it exited'}"
        ) from None
    try:
        out = channel.rest()
    except LostError as error:
        raise UnreachableError(host, str(error)) from None
    code = channel.stream.code()
    if code is None:
        raise UnreachableError(host, "the connection was lost; it is unknown how much of the raw command ran")
    errors = channel.stream.errors(wait=True).replace(become.PROMPT, "")
    return CommandResult(code, out.decode("utf-8", "surrogateescape"), errors)
