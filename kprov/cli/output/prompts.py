"""Asks the user during a run. Without a terminal no question is asked."""

from __future__ import annotations

import getpass
import sys
import time

from kprov.cli.output import keys
from kprov.cli.output.tables import console, errors
from kprov.inventory import secrets
from kprov.playbook.results.run_result import AbortedError


def ask_step(name: str) -> str:
    """Ask for --step: y, n or c. The end of input means n, because no task may run without consent."""
    while True:
        console.print(
            f"Perform task: {name} (y: yes, n: no, c: this and all others) [n]: ", end="", markup=False
        )
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not answer:
            if not line:
                console.print()
            return "n"
        if answer in ("y", "yes", "n", "no", "c", "continue"):
            return answer[0]


def ask_variable(prompt: str, *, echo: bool) -> str:
    """Ask for a variable of vars_prompt; return nothing without a terminal."""
    if not sys.stdin.isatty():
        errors.print(f"warning: there is no terminal to ask: {prompt}", style="magenta", markup=False)
        return ""
    if not echo:
        return getpass.getpass(secrets.scrub(prompt))
    console.print(prompt, end="", markup=False)
    return sys.stdin.readline().rstrip("\n")


def pause(task: str, prompt: str, *, seconds: float | None, echo: bool) -> str:
    """Return the typed text, or nothing after `seconds`, as Ansible's module pause does.

    Ctrl-C asks what to do: C continues, A raises AbortedError. Without a terminal only time ends it.
    """
    hidden = "" if echo else " (output is hidden)"
    if task:
        console.print(f"[{task}]", markup=False)
    if seconds is not None:
        title = f": {prompt}" if prompt else ""
        console.print(f"Pausing for {seconds:g} seconds{hidden}{title}", markup=False)
    if not keys.can_read_keys():
        if seconds is None:
            errors.print("warning: there is no terminal; the pause is skipped", style="magenta")
        time.sleep(seconds or 0)
        return ""
    with keys.open_keyboard() as keyboard:
        if seconds is not None:
            console.print("(press Ctrl-C, then C to continue now or A to abort)", markup=False)
            _, key = keyboard.typed(ends=(keys.INTERRUPT,), seconds=seconds)
            text = ""
        else:
            question = prompt or "Press Enter to continue, Ctrl-C to interrupt"
            console.print(f"{question}{hidden}: ", end="", markup=False)
            text, key = keyboard.typed(ends=(*keys.ENTER, keys.INTERRUPT), echo=echo)
            console.print()
        if key == keys.INTERRUPT:
            console.print("Press C to continue or A to abort")
            text, key = keyboard.typed(ends=("c", "a"))
    if key == "a":
        raise AbortedError
    return text
