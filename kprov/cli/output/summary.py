"""Prints the end of a run: hosts by outcome, the slowest tasks, failures and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from kprov.cli.output.tables import console, print_table
from kprov.playbook.results.run_result import RunResult

_HEAD = ("HOST", "OK", "CHANGED", "UNREACHABLE", "FAILED", "SKIPPED", "RESCUED", "IGNORED")
_MEANING = {
    0: "all tasks were successful",
    1: "a task failed on a host",
    4: "a host could not be reached",
}
#: Seconds below which a task is not listed as slow.
_WORTH_NAMING = 0.1


def print_summary(result: RunResult, *, check: bool, inventory: Sequence[str]) -> None:
    """Print a row for each host, where OK includes CHANGED as in ansible-playbook, then the failures."""
    console.print()
    if result.hosts:
        print_table(
            _HEAD, [(name, *(str(number) for number in vars(s).values())) for name, s in result.hosts.items()]
        )
    slow = sorted(
        (task for task in result.tasks if task.seconds >= _WORTH_NAMING), key=lambda task: -task.seconds
    )
    if slow:
        console.print("\nslowest tasks (total time of all hosts):", style="dim")
        for task in slow[:5]:
            console.print(f"{task.seconds:9.1f}s  {task.name}", style="dim", markup=False)
    if result.errors and not result.ok:
        console.print("\nfailures:", style="bold red")
        for error in result.errors:
            place = f" ({error['place']})" if error.get("place") else ""
            error_line = f"  {error['host']}: {error.get('outcome', 'failed')}: {error['task']}{place}"
            console.print(error_line, style="red", markup=False)
            for line in error["message"].splitlines():
                console.print(f"    {line}", markup=False)
    if not result.ok and not check and result.journal is not None:
        command = resume_command(inventory)
        console.print(
            f"\nnext: fix the cause, then run `{command}` to continue at the failed tasks", markup=False
        )
    foreseen = "; nothing was changed" if check else ""
    worked = any(any(vars(stats).values()) for stats in result.hosts.values())
    meaning = _MEANING[result.exit_code] if worked else "no task was run on any host"
    console.print(
        f"\ntasks {result.seconds:.1f} s, exit code {result.exit_code}: {meaning}{foreseen}",
        style="bold red" if not result.ok else "green" if worked else "yellow",
        markup=False,
    )


def resume_command(inventory: Sequence[str]) -> str:
    """Return the command that continues a run of this inventory."""
    return shlex.join(["kprov", "resume", *(word for source in inventory for word in ("-i", source))])
