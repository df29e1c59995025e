"""The kind and version of a request body."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from kprov.kube.apiserver.request import body
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.component_base.http11.body import Body
from kprov.kube.machinery.status import StatusError
from tests.unit.loop_clock import LoopClock, run_loop


def test_an_eviction_may_have_its_old_version() -> None:
    evicted = {"kind": "Eviction", "apiVersion": "policy/v1beta1", "metadata": {"name": "p"}}
    found = body.apply_type_meta(dict(evicted), ("policy", "v1", "Eviction"))
    assert found["apiVersion"] == "policy/v1"
    with pytest.raises(StatusError):
        body.apply_type_meta(dict(evicted), ("policy", "v1", "PodDisruptionBudget"))


async def test_a_body_that_arrives_too_slowly_is_rejected() -> None:
    clock = LoopClock()
    request = Request("POST", "/", CIMultiDict({"Content-Length": "100"}))
    request.body = Body()
    reading = asyncio.create_task(body.read(request))
    for _ in range(4):
        await run_loop(5)
        request.body.feed(b"x")
        await clock.advance(body.MAX_SECONDS / 4 + 1)
    with pytest.raises(StatusError, match="did not arrive within 32 seconds") as caught:
        await reading
    assert caught.value.code == 408
    assert not request.keep_alive
