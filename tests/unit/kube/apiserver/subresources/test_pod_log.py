"""Parameters and errors of pods/log."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.subresources import pod_log as log
from kprov.kube.machinery.status import StatusError


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
