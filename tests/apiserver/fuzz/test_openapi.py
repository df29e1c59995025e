"""schemathesis: requests made from the published OpenAPI, half of them against what it says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any, Final

import requests
from hypothesis import given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from tests.apiserver.fuzz.openapi import operations
from tests.apiserver.fuzz.seeds import GENERATED, SEED
from tests.apiserver.fuzz.targets import NAME, fill
from tests.apiserver.fuzz.wire import Judge
from tests.apiserver.servers import ApiServer

_A_TURN: Final = 4
#: A round has one of them for half of the operations, the next round the other.
_MODES: Final = (GenerationMode.NEGATIVE, GenerationMode.POSITIVE)
#: Its own headers steer the connection.
_OURS: Final = {"authorization", "accept-encoding", "connection", "content-length", "host", "cookie"}


def test_requests_made_from_the_openapi_are_answered_or_refused(
    server: ApiServer, judge: Judge, share: Callable[[float], int]
) -> None:
    fill(server)
    document = server.get("/openapi/v2").json
    published = {
        (verb, path) for path, verbs in document["paths"].items() for verb in verbs if verb != "parameters"
    }
    met: set[tuple[str, str]] = set()
    wanted = share(0.5)
    chance = Random(SEED)
    for turn in count():
        for index, operation in enumerate(operations(document, chance)):
            if judge.played >= wanted:
                # A run this long has to have met them all.
                assert met == published or wanted < len(published) * _A_TURN
                return
            place = {"namespace": NAME, "name": NAME} if chance.random() < 0.75 else None
            _play(operation, _MODES[(turn + index) % 2], place, chance.getrandbits(32), judge)
            met.add((operation.method, operation.path))


def _play(
    operation: Any, mode: GenerationMode, place: dict[str, str] | None, number: int, judge: Judge
) -> None:
    """Some requests of an operation: as it describes them or not, most at something that is there."""

    @seed(number)
    @settings(GENERATED, max_examples=_A_TURN)
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

    before = judge.played
    with suppress(Unsatisfiable):  # nothing is against what some operations say
        run()
    if judge.played == before:
        assert mode is GenerationMode.NEGATIVE, operation.path
        _play(operation, GenerationMode.POSITIVE, place, number, judge)
