"""Questions to the user while a run goes on; nobody is asked where there is no terminal."""

from __future__ import annotations

import getpass
import sys
import time

from kprov.cli.output import keys
from kprov.cli.output.tables import console, errors
from kprov.inventory import secrets
from kprov.playbook.results.run_result import AbortedError


def ask_step(name: str) -> str:
    """--step's answer: y, n or c; n at the input's end, as nothing may run that nobody agreed to."""
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
    """An answer to vars_prompt; nothing where nobody can type."""
    if not sys.stdin.isatty():
        errors.print(f"warning: there is no terminal to ask: {prompt}", style="magenta", markup=False)
        return ""
    if not echo:
        return getpass.getpass(secrets.scrub(prompt))
    console.print(prompt, end="", markup=False)
    return sys.stdin.readline().rstrip("\n")


def pause(task: str, prompt: str, *, seconds: float | None, echo: bool) -> str:
    """What was typed, or nothing after so many seconds, as Ansible's module has it.

    Ctrl-C asks what to do: C goes on, A raises AbortedError. Where nobody can type only time ends it.
    """
    hidden = "" if echo else " (output is hidden)"
    if task:
        console.print(f"[{task}]", markup=False)
    if seconds is not None:
        said = f": {prompt}" if prompt else ""
        console.print(f"Pausing for {seconds:g} seconds{hidden}{said}", markup=False)
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
            asked = prompt or "Press Enter to continue, Ctrl-C to interrupt"
            console.print(f"{asked}{hidden}: ", end="", markup=False)
            text, key = keyboard.typed(ends=(*keys.ENTER, keys.INTERRUPT), echo=echo)
            console.print()
        if key == keys.INTERRUPT:
            console.print("Press C to continue or A to abort")
            text, key = keyboard.typed(ends=("c", "a"))
    if key == "a":
        raise AbortedError
    return text
