"""Clients that open a stream and do not read it."""

from __future__ import annotations

import re

import pytest

from tests.apiserver.abuse.raw_client import send_get
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import ApiServer

_MAPS = "/api/v1/namespaces/default/configmaps"
#: One event of a watch. The bound of a watch is 32 MiB.
_EVENT_BYTES = 900_000
_EVENTS = 45


def count_watches(server: ApiServer) -> int:
    """The watches of config maps that the server serves."""
    text = server.get("/metrics").body.decode()
    lines = re.findall(
        r'^apiserver_longrunning_requests\{.*resource="configmaps".*verb="WATCH".*\} (\S+)$',
        text,
        re.MULTILINE,
    )
    return sum(int(float(number)) for number in lines)


@pytest.mark.parametrize("websocket", [False, True])
def test_a_watch_whose_client_does_not_read_is_ended(server: ApiServer, websocket: bool) -> None:
    name = f"large-{websocket}".lower()
    server.post(_MAPS, {"metadata": {"name": name}})
    wire = send_get(server, f"{_MAPS}?watch=true&fieldSelector=metadata.name={name}", websocket=websocket)
    eventually(lambda: count_watches(server) == 1)
    for number in range(_EVENTS):
        changed = {"metadata": {"name": name}, "data": {"a": str(number % 10) * _EVENT_BYTES}}
        assert server.ask("PUT", f"{_MAPS}/{name}", changed).status == 200
    eventually(lambda: count_watches(server) == 0)
    wire.close()
    server.ask("DELETE", f"{_MAPS}/{name}")
