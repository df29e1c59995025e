"""A log's answer over HTTP: to who stays, and to who goes in the middle."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.kubelet.logs.log_file import LogOptions
from kprov.kube.kubelet.server import log_response
from tests.unit.kube.http_server import listening

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Kubelet:
    """Serves one log; `ended` once its answer is over."""

    def __init__(self, path: Path, *, follow: bool) -> None:
        self.path = path
        self.follow = follow
        self.runs = True
        self.ended = asyncio.Event()

    async def handle(self, request: Request) -> BaseResponse:
        try:
            options = LogOptions(follow=self.follow)
            return await log_response.send_log(request, str(self.path), options, lambda: self.runs)
        finally:
            self.ended.set()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(b"2026-01-01T00:00:01.000000001Z stdout F one\n")
    return path


async def test_a_log_is_sent_whole(log: Path) -> None:
    kubelet = Kubelet(log, follow=False)
    async with listening(kubelet.handle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert (await reader.read()).endswith(b"4\r\none\n\r\n0\r\n\r\n")
        writer.close()


async def _follow_and_leave(port: int, kubelet: Kubelet, *, runs: bool = True) -> None:
    """Read the first line, then go; runs: whether the container still does then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    await reader.readuntil(b"one\n")
    kubelet.runs = runs
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("quiet", [True, False])
async def test_following_ends_with_its_client_without_a_word(
    log: Path, caplog: pytest.LogCaptureFixture, quiet: bool
) -> None:
    """Also when the container writes nothing at which it could be noticed."""
    kubelet = Kubelet(log, follow=True)
    async with listening(kubelet.handle) as port:
        await _follow_and_leave(port, kubelet)
        if not quiet:
            with log.open("ab") as file:
                file.write(b"2026-01-01T00:00:02.000000001Z stdout F two\n")
        async with asyncio.timeout(20):
            await kubelet.ended.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_end_of_a_container_whose_reader_has_gone_is_no_failure(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The client goes while the end is being read."""
    kubelet = Kubelet(log, follow=True)
    async with listening(kubelet.handle) as port:
        await _follow_and_leave(port, kubelet, runs=False)
        async with asyncio.timeout(20):
            await kubelet.ended.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
