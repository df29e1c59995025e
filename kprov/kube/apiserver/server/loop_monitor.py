"""Find what holds the event loop: every request of a process waits while one step of another one runs.

A timer on the loop measures how late it runs, and how much CPU time the loop's thread used since. A thread
looks at the timer; while it is overdue, the thread notes which task runs, on whose behalf, and where. A
request itself costs nothing, and the two cost 100 short wake-ups a second.

uvloop has no hook for slow callbacks, and asyncio's debug mode costs half of the throughput.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, thread_time
from types import FrameType
from typing import Final, Protocol

#: No step of a request may hold the loop longer.
BUDGET_SECONDS: Final = 0.05
_TICK_SECONDS: Final = 0.02
_MAX_SAMPLES: Final = 1000
#: Report a step that still runs after so many seconds: it may never end.
_ALARM_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the loop's thread did at one moment. task: its identity, 0 outside of tasks."""

    task: int
    request: tuple[str, str, str, str, str]
    stack: str


class Reporter(Protocol):
    """Gets the findings."""

    def describe_request(self, frame: FrameType) -> tuple[str, str, str, str, str]:
        """Find verb, group, resource, subresource and user of the request that a stack works for."""

    def observe_lag(self, seconds: float) -> None:
        """Count how late the loop ran a timer."""

    def report_step(self, seconds: float, sample: Sample | None) -> None:
        """Report a step that held the loop. sample: None if nobody saw it."""

    def report_running(self, seconds: float, sample: Sample) -> None:
        """Report a step that holds the loop and has not ended."""


class LoopMonitor:
    """Watches the loop that calls `start` until `stop`."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._due = monotonic()
        self._cpu = 0.0
        self._samples: list[Sample] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the timer and the thread. Called on the loop."""
        loop = asyncio.get_running_loop()
        ident = threading.get_ident()
        self._cpu = thread_time()
        self._schedule(loop)
        self._thread = threading.Thread(
            target=self._watch, args=(loop, ident), name="loop-monitor", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop both. Called on the loop."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    # on the loop

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = monotonic() + _TICK_SECONDS
        self._timer = loop.call_later(_TICK_SECONDS, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        late, cpu = max(monotonic() - self._due, 0.0), thread_time()
        samples, self._samples = self._samples, []
        self._reporter.observe_lag(late)
        # A machine without a free CPU makes the timer late, too; a step has used the CPU.
        held = min(late, cpu - self._cpu)
        if held > BUDGET_SECONDS:
            seconds, sample = attribute(held, samples)
            if seconds > BUDGET_SECONDS:
                self._reporter.report_step(seconds, sample)
        self._cpu = cpu
        self._schedule(loop)

    # in the thread

    def _watch(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        alarmed_for = 0.0
        while not self._stopped.wait(_TICK_SECONDS):
            due = self._due
            late = monotonic() - due
            if late < _TICK_SECONDS or len(self._samples) >= _MAX_SAMPLES:
                continue
            sample = self._take_sample(loop, ident)
            if sample is None:
                continue
            if late > _ALARM_SECONDS and due != alarmed_for:
                alarmed_for = due
                self._reporter.report_running(late, sample)

    def _take_sample(self, loop: asyncio.AbstractEventLoop, ident: int) -> Sample | None:
        frame = sys._current_frames().get(ident)  # noqa: SLF001  the documented way to another thread's stack
        if frame is None:
            return None
        samples = self._samples
        task = id(asyncio.current_task(loop))
        is_same = bool(samples) and samples[-1].task == task
        request = samples[-1].request if is_same else self._reporter.describe_request(frame)
        sample = Sample(task, request, format_stack(frame))
        samples.append(sample)
        return sample


def attribute(held: float, samples: Sequence[Sample]) -> tuple[float, Sample | None]:
    """Return the longest step of an iteration that held the loop, and a sample from its middle.

    An iteration of the loop runs each task at most once, so that samples of one task are of one step.
    """
    if not samples:
        return held, None
    task, count = Counter(sample.task for sample in samples).most_common(1)[0]
    matching_samples = [sample for sample in samples if sample.task == task]
    return held * count / len(samples), matching_samples[count // 2]


def format_stack(frame: FrameType | None, most: int = 8) -> str:
    """Return the innermost frames on one line, the innermost first."""
    parts: list[str] = []
    while frame is not None and len(parts) < most:
        code = frame.f_code
        folder, _, name = code.co_filename.rpartition("/")
        parts.append(f"{folder.rpartition('/')[2]}/{name}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(parts)
