"""Runs PostFilter and combines what the plugins did (upstream's RunPostFilterPlugins)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kprov.kube.scheduler.framework.plugin import CycleState, FilterResult, PostFilterResult


async def run_post_filters(cycle: CycleState, filtered: FilterResult) -> PostFilterResult:
    """Call all PostFilter plugins until one finds a node, and combine their messages and their work."""
    messages: list[str] = []
    works: list[Callable[[], Awaitable[bool]]] = []
    node: str | None = ""
    for plugin in cycle.profile.post_filters:
        result = await plugin.post_filter(cycle, filtered)
        if result is None:
            continue
        node = result.node
        if result.message:
            messages.append(result.message)
        if result.work is not None:
            works.append(result.work)
        if result.is_final or node:
            break
    return PostFilterResult(node, "" if node else ", ".join(messages), _join_works(works))


def _join_works(works: Sequence[Callable[[], Awaitable[bool]]]) -> Callable[[], Awaitable[bool]] | None:
    """Return a function that runs all works, one after the other, and succeeds if all do."""
    if len(works) < 2:
        return works[0] if works else None

    async def run() -> bool:
        results = [await work() for work in works]
        return all(results)

    return run
