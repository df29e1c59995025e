"""Command lines that start the agent as another user, and the prompts and refusals of sudo, su and doas."""

from __future__ import annotations

import re
import shlex

from kprov.transport.agent import archive
from kprov.transport.options.host_options import Become

PROMPT = "[kprov asks for the password] "
#: Prompts of su and doas, in several languages: LC_ALL=C does not reach every PAM module.
_QUESTION = re.compile(r"(?:password|passwort|mot de passe|contraseña|пароль)[^\n]*[:：]\s*$", re.IGNORECASE)
_NEEDS_TERMINAL = re.compile(
    r"must have a tty|tty is required|a terminal is required|must be run from a terminal", re.IGNORECASE
)
_REFUSED = re.compile(
    r"authentication fail|incorrect password|auth\w* failed|permission denied|sorry, try again", re.IGNORECASE
)


def agent_command(python: str, become: Become | None, session: str, *, terminal: bool = False) -> str:
    """Return the command line that starts the agent. On a terminal it first turns the line discipline off."""
    words = [*shlex.split(python), *archive.PYTHON_OPTIONS, "-c", archive.BOOTSTRAP]
    return _become_line([*words, archive.archive_name(), session], become, terminal=terminal)


def script_command(
    script: str, shell: str, become: Become | None, mark: str, *, terminal: bool = False
) -> str:
    """Return the command line that runs a script in a shell. Its output follows a line with the mark."""
    # The outer shell turns a signal that ends the script into an exit code.
    outer = f'echo {mark}; "$0" -c "$1" </dev/null; exit $?'
    return _become_line(["/bin/sh", "-c", outer, shell, script], become, terminal=terminal)


def _become_line(words: list[str], become: Become | None, *, terminal: bool) -> str:
    line = "exec " + shlex.join(_program_words(become, words) if become is not None else words)
    return f"stty raw -echo; {line}" if terminal else line


def _program_words(become: Become, words: list[str]) -> list[str]:
    flags = shlex.split(become.flags) if become.flags is not None else None
    exe = shlex.split(become.exe)
    if become.method == "su":
        run = "exec " + shlex.join(words)
        return ["env", "LC_ALL=C", *exe, *(flags or []), become.user, "-c", run]
    if become.method == "doas":
        ask = ["-n"] if become.password is None else []
        return [*exe, *(flags if flags is not None else []), *ask, "-u", become.user, *words]
    flags = [flag for flag in (flags if flags is not None else ["-H"]) if flag not in ("-n", "-S")]
    ask = ["-S", "-p", PROMPT] if become.password is not None else ["-n"]
    return [*exe, *flags, *ask, "-u", become.user, "--", *words]


def requires_terminal(become: Become | None) -> bool:
    """Whether the method reads passwords only from a terminal: doas always, su in some versions."""
    return become is not None and become.password is not None and become.method in ("su", "doas")


def count_prompts(become: Become, line: str, errors: str) -> int:
    """Count the password prompts in a line without its end and in standard error."""
    if become.method == "sudo":
        return line.count(PROMPT) + errors.count(PROMPT)
    return int(_QUESTION.search(line) is not None) + int(_QUESTION.search(errors) is not None)


def is_terminal_refusal(output: str) -> bool:
    """Whether the output says that the method needs a terminal (requiretty)."""
    return _NEEDS_TERMINAL.search(output) is not None


def explain_refusal(become: Become, output: str) -> str:
    """Say why the login user cannot become this user, and which variable to set."""
    exe = re.escape(become.exe)
    if re.search(rf"{exe}['’]?: (?:command )?(?:not found|No such file)", output):
        return f"{become.exe} is not installed on the host, and the login user is not {become.user}"
    if become.password is not None and (_REFUSED.search(output) or not output):
        hint = "wrong password"
    elif become.password is None:
        hint = "no password: set ansible_become_password or use --ask-become-pass"
    else:
        hint = f"{become.method} does not allow it"
    output = output or f"{become.exe} printed nothing"
    return f"cannot become {become.user} with {become.method} ({hint}): {output}"
