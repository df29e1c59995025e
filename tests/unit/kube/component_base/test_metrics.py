"""Metrics in Prometheus' text format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from kprov.kube.component_base import metrics
from kprov.kube.component_base.prometheus import REGISTRY, CounterMetricFamily, Metric


class Parts:
    """Yields one family in two parts, of which one is large."""

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        for numbers in (range(20_000), range(20_000, 20_002)):
            family = CounterMetricFamily("test_parts", "Of two\nlines.", labels=("number",))
            for number in numbers:
                family.add_metric((str(number),), number)
            yield family


async def test_a_rendering_in_steps_is_that_at_once_and_lets_other_tasks_run() -> None:
    before = metrics.render()
    parts = Parts()
    REGISTRY.register(parts)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(count_turns())
    try:
        text = (await metrics.render_in_steps()).decode()
    finally:
        task.cancel()
        REGISTRY.unregister(parts)
    own = [line for line in text.splitlines() if "test_parts" in line]
    assert own[:2] == ["# HELP test_parts_total Of two\\nlines.", "# TYPE test_parts_total counter"]
    assert own[2:] == [f'test_parts_total{{number="{number}"}} {number}.0' for number in range(20_002)]
    assert turns > 0
    names = {line.split(" ")[2] for line in before.decode().splitlines() if line.startswith("# HELP")}
    assert names <= {line.split(" ")[2] for line in text.splitlines() if line.startswith("# HELP")}
