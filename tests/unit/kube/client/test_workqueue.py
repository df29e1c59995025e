"""The contract of a work queue."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from kprov.kube.client import QueueClosed, WorkQueue, run_workers


async def test_a_key_added_twice_is_got_once() -> None:
    queue = WorkQueue[str]()
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_key_added_while_processed_is_queued_again_when_done() -> None:
    queue = WorkQueue[str]()
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    assert len(queue) == 0
    queue.done(key)
    assert await queue.get() == "a"


async def test_a_later_key_wakes_a_waiting_worker_and_the_earliest_time_counts() -> None:
    queue = WorkQueue[str]()
    getter = asyncio.create_task(queue.get())
    queue.add_after("a", 3600)
    queue.add_after("a", 0.01)
    assert await asyncio.wait_for(getter, 20) == "a"


async def test_failures_are_counted_until_forgotten() -> None:
    queue = WorkQueue[str](base_delay=100)
    queue.add_rate_limited("a")
    queue.add_rate_limited("a")
    assert queue.failures("a") == 2
    queue.forget("a")
    assert queue.failures("a") == 0
    queue.shut_down()


async def test_a_closed_queue_ends_its_workers() -> None:
    queue = WorkQueue[str]()
    getter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.shut_down()
    with pytest.raises(QueueClosed):
        await getter


async def test_failed_sync_is_retried() -> None:
    queue = WorkQueue[str]("test", base_delay=0.001)
    calls = 0

    async def sync(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ValueError("not yet")
        queue.shut_down()

    queue.add("a")
    await asyncio.wait_for(run_workers(queue, sync, workers=2), 20)
    assert calls == 3


async def test_metrics_show_for_how_long_keys_are_in_work() -> None:
    def read(name: str) -> float:
        return REGISTRY.get_sample_value(f"workqueue_{name}", {"name": "in-work"}) or 0.0

    queue = WorkQueue[str]("in-work")
    queue.add("a")
    queue.add("b")
    assert read("unfinished_work_seconds") == 0
    first, second = await queue.get(), await queue.get()
    await asyncio.sleep(0.01)
    longest, all_together = read("longest_running_processor_seconds"), read("unfinished_work_seconds")
    assert 0.01 <= longest < all_together
    queue.done(first)
    queue.done(second)
    assert read("longest_running_processor_seconds") == read("unfinished_work_seconds") == 0


async def test_queues_of_one_name_have_their_metrics_together() -> None:
    def read(name: str) -> float:
        return REGISTRY.get_sample_value(f"workqueue_{name}", {"name": "shared"}) or 0.0

    first, second = WorkQueue[str]("shared"), WorkQueue[str]("shared")
    first.add("a")
    first.add("b")
    second.add("c")
    assert read("depth") == read("adds_total") == 3
    for queue in (first, second):
        queue.done(await queue.get())
    assert read("depth") == 1
    key = await first.get()
    await asyncio.sleep(0.01)
    assert read("unfinished_work_seconds") >= 0.01
    first.done(key)
    assert read("depth") == read("unfinished_work_seconds") == 0


async def test_a_key_that_is_added_while_it_is_in_work_counts_for_the_depth() -> None:
    def read_depth() -> float | None:
        return REGISTRY.get_sample_value("workqueue_depth", {"name": "again"})

    queue = WorkQueue[str]("again")
    queue.add("a")
    key = await queue.get()
    queue.add("a")
    queue.add("b")
    assert read_depth() == 2
    await queue.get()
    assert read_depth() == 1
    queue.done(key)
    assert (await queue.get(), read_depth()) == ("a", 0)
