"""How a run ended: hosts by outcome, what took longest, what failed and what to do."""

from __future__ import annotations

from kprov.cli.output import console, table
from kprov.playbook.result import RunResult

_HEAD = ("HOST", "OK", "CHANGED", "UNREACHABLE", "FAILED", "SKIPPED", "RESCUED", "IGNORED")


def show(result: RunResult, *, check: bool) -> None:
    """A row a host, as ansible-playbook counts; failures again, with their place."""
    del check
    console.print()
    table(
        _HEAD,
        [
            tuple(
                str(value)
                for value in (
                    name,
                    s.ok,
                    s.changed,
                    s.unreachable,
                    s.failed,
                    s.skipped,
                    s.rescued,
                    s.ignored,
                )
            )
            for name, s in result.hosts.items()
        ],
    )
    for error in result.errors:
        console.print(f"{error['host']}: {error['task']} ({error['place']})", style="red", markup=False)
        console.print(f"  {error['message']}", markup=False)
    slowest = sorted(result.tasks, key=lambda task: -task.seconds)[:5]
    if slowest:
        said = ", ".join(f"{task.name} {task.seconds:.1f} s" for task in slowest)
        console.print(f"slowest tasks: {said}", style="dim", markup=False)
    if result.errors and result.journal is not None:
        console.print("kprov resume goes on where it ended", markup=False)
