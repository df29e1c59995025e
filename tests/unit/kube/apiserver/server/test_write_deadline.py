"""A write goes on without its client, and ends quietly."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from kprov.kube.apiserver.server.write_deadline import finish_write
from kprov.kube.component_base.http11.body import ClientGoneError
from kprov.kube.machinery import status


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """What asyncio complains of."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


class Write:
    """A write that ends when a test sets `goes_on`, with `error` if it is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.ended = asyncio.Event()
        self.error = error

    async def work(self) -> str:
        self.begun.set()
        await self.goes_on.wait()
        self.ended.set()
        if self.error is not None:
            raise self.error
        return "done"


async def test_a_result_and_an_error_are_the_works() -> None:
    write = Write()
    write.goes_on.set()
    assert await finish_write(write.work(), 5) == "done"
    failing = Write(status.unauthorized())
    failing.goes_on.set()
    with pytest.raises(status.StatusError):
        await finish_write(failing.work(), 5)


@pytest.mark.parametrize(
    "error", [None, status.unauthorized(), ClientGoneError("in the middle of its body"), ValueError("broken")]
)
async def test_without_its_client_it_goes_on(
    error: Exception | None, complaints: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    write = Write(error)
    waiting = asyncio.create_task(finish_write(write.work(), 5))
    await write.begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    del waiting
    write.goes_on.set()
    await write.ended.wait()
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
    assert ("did not wait" in caplog.text) == isinstance(error, ValueError)


async def test_too_late_is_a_504_and_it_goes_on(complaints: list[dict[str, Any]]) -> None:
    write = Write(status.unauthorized())
    with pytest.raises(status.StatusError) as caught:
        await finish_write(write.work(), 0.01)
    assert caught.value.code == 504
    write.goes_on.set()
    await write.ended.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_an_error_that_comes_with_the_clients_end_is_not_complained_of(
    complaints: list[dict[str, Any]],
) -> None:
    write = Write(status.unauthorized())
    waiting = asyncio.create_task(finish_write(write.work(), 5))
    await write.begun.wait()
    write.goes_on.set()
    await write.ended.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    del waiting
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
