"""Questions to the user while a run goes on; nobody is asked where there is no terminal."""

from __future__ import annotations

import getpass
import select
import sys
import time

from kprov.cli.output import console


def step(name: str) -> str:
    """--step's answer: y, n or c; n at the input's end, as nothing may run that nobody agreed to."""
    while True:
        console.print(
            f"Perform task: {name} (y: yes, n: no, c: this and all others) [n]: ", end="", markup=False
        )
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not answer:
            return "n"
        if answer in ("y", "yes", "n", "no", "c", "continue"):
            return answer[0]


def pause(prompt: str, *, seconds: float | None, echo: bool) -> str:
    """What was typed; nothing after so many seconds, or at once where nobody can type."""
    there = sys.stdin is not None and sys.stdin.isatty()
    if seconds is not None:
        console.print(f"Pausing for {seconds:g} seconds" + (f": {prompt}" if prompt else ""), markup=False)
        if not there:
            time.sleep(seconds)
            return ""
        console.print("(Enter goes on now, Ctrl-C ends the run)")
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.readline().rstrip("\n") if ready else ""
    if not there:
        return ""
    asked = prompt or "Press Enter to go on, Ctrl-C to end the run"
    if not echo:
        console.print(asked, end="", markup=False)
        return getpass.getpass("")
    console.print(asked, end=" ", markup=False)
    return sys.stdin.readline().rstrip("\n")
