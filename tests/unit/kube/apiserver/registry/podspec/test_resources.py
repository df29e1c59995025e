"""Requests and limits of containers."""

from __future__ import annotations

from kprov.kube.apiserver.registry.podspec import resources


def find_errors(**amounts: dict[str, str]) -> list[str]:
    errors = resources.validate_container_resources(amounts, (), "r")
    return [f"{error.field}: {error.detail}" for error in errors]


def test_a_request_that_equals_its_limit_has_no_errors_of_its_own() -> None:
    assert find_errors(limits={"cpu": "1", "e.com/a": "2"}, requests={"cpu": "1", "e.com/a": "2"}) == []


def test_what_is_wrong_with_a_limit_is_wrong_with_an_equal_request() -> None:
    same = {"e.com/a": "1500m", "x": "1"}
    fields = [error.partition(":")[0] for error in find_errors(limits=same, requests=same)]
    assert fields.count("r.limits[e.com/a]") == fields.count("r.requests[e.com/a]") == 1
    assert fields.count("r.limits[x]") == fields.count("r.requests[x]") > 0


def test_a_request_above_its_limit_is_invalid() -> None:
    (error,) = find_errors(limits={"cpu": "1"}, requests={"cpu": "2"})
    assert error == 'r.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'
