"""Names, paths and numbers of any length."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apiserver.servers import ApiServer

_MAPS = "/api/v1/namespaces/default/configmaps"
_MANY = "9" * 5_000


def count_resident_bytes(server: ApiServer) -> int:
    lines = Path(f"/proc/{server.process}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_long_names_of_anonymous_clients_are_not_kept(server: ApiServer) -> None:
    """Each of them was remembered in a decision."""
    length = 60_000
    for number in range(100):
        server.get(f"{_MAPS}/{number:0{length}}", token=None)
    before = count_resident_bytes(server)
    for number in range(100, 900):
        server.get(f"{_MAPS}/{number:0{length}}", token=None)
    assert count_resident_bytes(server) - before < 800 * length // 2


@pytest.mark.parametrize("parameter", ["limit", "timeoutSeconds", "resourceVersion"])
def test_a_parameter_of_many_digits_is_a_bad_request(server: ApiServer, parameter: str) -> None:
    answer = server.get(f"{_MAPS}?{parameter}={_MANY}")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert "value out of range" in answer.json["message"]


def test_a_quantity_of_many_digits_is_a_bad_request(server: ApiServer) -> None:
    container = {"name": "c", "image": "i", "resources": {"limits": {"cpu": _MANY}}}
    answer = server.post(
        "/api/v1/namespaces/default/pods", {"metadata": {"name": "q"}, "spec": {"containers": [container]}}
    )
    assert answer.status == 400
    assert "unable to parse numeric part of quantity" in answer.json["message"]


def test_a_percentage_of_many_digits_is_invalid(server: ApiServer) -> None:
    budget = {"metadata": {"name": "b"}, "spec": {"minAvailable": f"{_MANY}%"}}
    answer = server.post("/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget)
    assert answer.status == 422
    assert "must not be greater than 100%" in answer.json["message"]


def test_a_hundred_thousand_unknown_fields_are_removed(server: ApiServer) -> None:
    body = {"metadata": {"name": "wide"}, **{f"f{number}": 1 for number in range(100_000)}}
    answer = server.post(f"{_MAPS}?fieldValidation=Strict", body)
    assert answer.status == 400
    assert answer.json["message"].count("unknown field") == 100
