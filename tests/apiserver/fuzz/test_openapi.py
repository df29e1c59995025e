"""schemathesis: requests made from the published OpenAPI, half of them against what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from random import Random
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from tests.apiserver.fuzz.targets import NAME, fill
from tests.apiserver.fuzz.wire import Judge
from tests.apiserver.servers import ApiServer

#: What is behind these is no part of the server: kubelets, pods and services.
_ELSEWHERE: Final = ("/proxy", "/exec", "/attach", "/portforward", "/log")
_SEED: Final = 20
_A_TURN: Final = 4
#: Its own headers steer the connection.
_OURS: Final = {"authorization", "accept-encoding", "connection", "content-length", "host", "cookie"}


def test_requests_made_from_the_openapi_are_answered_or_refused(
    server: ApiServer, judge: Judge, share: Callable[[float], int]
) -> None:
    fill(server)
    operations = list(_operations(server.get("/openapi/v2").json))
    chance = Random(_SEED)
    chance.shuffle(operations)
    wanted = share(0.5)
    for operation in cycle(operations):
        if judge.played >= wanted:
            break
        _play(operation, judge, chance)


def _operations(document: dict[str, Any]) -> Iterator[Any]:
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = found.ok() if isinstance(found, Ok) else None
        assert operation is not None, found
        if not any(part in operation.path for part in _ELSEWHERE):
            yield operation


def _play(operation: Any, judge: Judge, chance: Random) -> None:
    """Some requests of an operation: as it describes them or not, most at something that is there."""
    mode = chance.choice([GenerationMode.NEGATIVE, GenerationMode.POSITIVE])
    place = {"namespace": NAME, "name": NAME} if chance.random() < 0.75 else None

    @settings(
        max_examples=_A_TURN,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(mode, path_parameters=place))
    def run(case: Any) -> None:
        prepared = requests.Request(**case.as_transport_kwargs(base_url="https://127.0.0.1")).prepare()
        body: Any = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
        headers = [
            (name, value if isinstance(value, bytes) else value.encode("latin-1", "replace"))
            for name, value in prepared.headers.items()
            if name.lower() not in _OURS
        ]
        judge.play(str(prepared.method), prepared.path_url, headers, body)

    with suppress(Unsatisfiable):  # nothing is against what some operations say
        run()
