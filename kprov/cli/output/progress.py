"""Shows a run: a live view on a terminal, else one line per event (format: docs/cli.md)."""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.text import Text

from kprov.cli.output import prompts
from kprov.cli.output.live_view import View
from kprov.cli.output.result_lines import diff_lines, failure_reasons, result_and_items
from kprov.cli.output.tables import COLOURS, console, errors, on_terminal
from kprov.playbook.results.run_result import RunResult, SilentCallbacks

if TYPE_CHECKING:
    from rich.live import Live

_STYLES = {**COLOURS, "failed": "bold red", "ignored": "magenta", "skipped": "cyan", "retry": "magenta"}
_BAD = ("failed", "unreachable", "ignored")
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


class Progress(SilentCallbacks):
    """Prints a run. Successful tasks without changes are shown only with `verbose`; 2 shows results.

    `quiet`: only warnings stay on the screen.
    """

    def __init__(self, *, diff: bool = False, verbose: int = 0, quiet: bool = False) -> None:
        self._quiet = quiet
        self._diff = diff
        self._verbose = verbose
        self._started = time.monotonic()
        self._outcomes: dict[str, dict[str, int]] = {}
        self._view = View()
        self._task = ""
        self._live: Live | None = None
        if on_terminal():
            from rich.live import Live

            self._live = Live(self._view, console=console, transient=True, refresh_per_second=8)
            atexit.register(self._live.stop)  # restore the cursor also after an error

    def play_started(self, name: str, hosts: list[str]) -> None:
        """Print a headline for the play."""
        self._flush()
        self._view.play(name)
        self._line("play", f"{name} ({len(hosts)} {'host' if len(hosts) == 1 else 'hosts'})", "bold")
        self._show()

    def task_started(self, name: str, *, handler: bool, hosts: list[str]) -> None:
        """Print the last task's outcome, and show this task while it runs."""
        del handler
        self._flush()
        self._task = name
        self._view.task(name, hosts)

    def host_started(self, host: str, task: str) -> None:
        """Show that a host works on the task."""
        self._view.started(host, task)

    def retry(self, host: str, task: str, attempt: int, remaining: int) -> None:
        """Show a retry in the live view, or print a line."""
        self._view.retry(host, attempt, remaining)
        if self._live is None or self._verbose:
            self._line("retry", f"{host}: {task}: attempt {attempt}, {remaining} left")

    def host_done(
        self, host: str, task: str, outcome: str, result: dict[str, Any], seconds: float, place: str
    ) -> None:
        """Print failures, messages and diffs immediately; on a terminal print the rest after the task."""
        del seconds
        self._view.done(host)
        counts = self._outcomes.setdefault(task, {})
        counts[outcome] = counts.get(outcome, 0) + 1
        bad = outcome in _BAD
        is_printed = bad or self._verbose > 0 or (outcome == "changed" and self._live is None)
        says = outcome == "ok" and any(
            item.get("_ansible_verbose_always") for item in result_and_items(result)
        )
        if is_printed or says:
            self._line(outcome, f"{host}: {task}" + (f" ({place})" if bad and place else ""))
        for line in failure_reasons(result) if bad else []:
            self._detail(line)
        if is_printed and result.get("unforeseen"):
            self._detail("known only when the changes before it are made")
        if says and self._verbose < 2:
            self._messages(result)
        if self._verbose > 1:
            public_values = {key: value for key, value in result.items() if not key.startswith("_")}
            for line in json.dumps(public_values, indent=2, sort_keys=True, default=str).splitlines():
                self._detail(line)
        if self._diff and outcome == "changed":
            for line in diff_lines(result):
                self._detail(f"{host}: {line}", _DIFF_STYLES.get(line[:1], ""))

    def warning(self, text: str) -> None:
        """On standard error."""
        with self._aside():
            errors.print(f"warning: {text}", style="magenta", markup=False)

    def ask_step(self, name: str) -> str:
        """Ask until the answer is y, n or c; return n without a terminal."""
        self._flush()
        with self._aside():
            return prompts.ask_step(name)

    def pause(self, prompt: str, *, seconds: float | None, echo: bool) -> str:
        """Ask the user or wait."""
        self._flush()
        with self._aside():
            return prompts.pause(self._task, prompt, seconds=seconds, echo=echo)

    def ask(self, prompt: str, *, echo: bool) -> str:
        """Ask for a variable."""
        with self._aside():
            return prompts.ask_variable(prompt, echo=echo)

    def no_hosts(self, play: str) -> None:
        """Print that a play has no hosts."""
        self._flush()
        self._line("no hosts", play, "dim")

    def run_finished(self, result: RunResult) -> None:
        """Print the last task's outcome."""
        del result
        self._flush()
        self.interrupted()

    def interrupted(self) -> None:
        """Restore the terminal."""
        if self._live is not None:
            self._live.stop()

    def _show(self) -> None:
        if self._live is not None:
            self._live.start()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Suspend the live view, for questions and for standard error."""
        is_live = self._live is not None and self._live.is_started
        self.interrupted()
        try:
            yield
        finally:
            if is_live:
                self._show()

    def _flush(self) -> None:
        outcomes, self._outcomes = self._outcomes, {}
        if self._live is None:
            return
        for task, counts in outcomes.items():
            worst = next((name for name in ("unreachable", "failed", "changed") if name in counts), "")
            if worst:
                summary = ", ".join(
                    f"{number} {name}" for name, number in counts.items() if name != "skipped"
                )
                self._line(worst, f"{task}: {summary}")

    def _line(self, word: str, text: str, style: str = "") -> None:
        if self._quiet:
            return
        clock = f"{time.monotonic() - self._started:7.1f}s"
        console.print(
            Text.assemble(f"{clock}  ", (f"{word:<11}", style or _STYLES.get(word, "")), " ", (text, style))
        )

    def _messages(self, result: dict[str, Any]) -> None:
        for item in result_and_items(result)[1:] or [result]:
            for key, value in item.items():
                if key.startswith("_") or key in ("changed", "failed", "item", "ansible_loop_var"):
                    continue
                text = value if isinstance(value, str) else json.dumps(value, indent=2, default=str)
                for line in (text if key == "msg" else f"{key}: {text}").splitlines():
                    self._detail(line)

    def _detail(self, line: str, style: str = "") -> None:
        if not self._quiet:
            console.print(f"           {line}", style=style, markup=False)
