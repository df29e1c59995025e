"""Parameters and errors of pods/log."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import pytest

from kprov.kube.apiserver.subresources import pod_log as log
from kprov.kube.machinery.status import StatusError
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, Trick, hostile


def test_log_parameters_for_the_kubelet() -> None:
    query = {"follow": "true", "previous": "false", "tailLines": "0", "container": "c"}
    assert log.build_query("p", query) == [("follow", "true"), ("tailLines", "0")]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"tailLines": "-1"}, 422),
        ({"limitBytes": "0"}, 422),
        ({"sinceSeconds": "0"}, 422),
        ({"sinceSeconds": "1", "sinceTime": "2026-01-01T00:00:00Z"}, 422),
        ({"stream": "Stdout"}, 422),
        ({"sinceTime": "x"}, 400),
        ({"stream": "Stdout", "tailLines": "1"}, 422),
        ({"tailLines": "x"}, 400),
        ({"tailLines": ""}, 400),
    ],
)
def test_invalid_log_parameters_are_rejected(query: dict[str, str], code: int) -> None:
    with pytest.raises(StatusError) as caught:
        log.build_query("p", query)
    assert caught.value.code == code


def test_a_kubelets_error_keeps_its_text() -> None:
    assert log.convert_error(400, "is waiting to start", "p").message == "is waiting to start"
    missing = log.convert_error(404, "no such pod", "p")
    assert (missing.reason, missing.status["details"]["causes"][0]["message"]) == ("NotFound", "no such pod")
    # Nobody has asked it to switch protocols.
    assert log.convert_error(101, "", "p").code == 500


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2020-01-01T00:00:00.123456+02:00", "2019-12-31T22:00:00Z"), ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), ("", "0001-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_the_kubelet_gets_the_time_of_a_log_in_utc(given: str, sent: str) -> None:
    assert log.build_query("p", {"sinceTime": given}) == [("sinceTime", sent)]


@pytest.mark.parametrize("name", hostile_server.HEADS)
async def test_a_hostile_kubelets_head_is_a_clear_error(name: str) -> None:
    trick, text = hostile_server.HEADS[name]
    async with hostile(trick) as server:
        url = urlsplit(f"http://127.0.0.1:{server.port}/containerLogs/a/b/c")
        with pytest.raises(StatusError) as caught:
            await log._request_log(url, ssl.create_default_context())
        assert caught.value.code == 500
        assert caught.value.message.startswith(f'Get "{url.geturl()}": ')
        assert text in caught.value.message
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("trick", [*hostile_server.ENDLESS.values(), *(each for each, _ in hostile_server.BODIES.values())])  # fmt: skip
async def test_only_the_beginning_of_a_kubelets_error_is_read(trick: Trick) -> None:
    async with hostile(trick) as server:
        url = urlsplit(f"http://127.0.0.1:{server.port}/containerLogs/a/b/c")
        connection, head = await log._request_log(url, ssl.create_default_context())
        async with connection:
            assert len(await log._read_error(log._decompress(connection, head))) <= 50_000
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND
