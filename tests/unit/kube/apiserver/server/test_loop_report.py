"""Metrics and log lines of steps that hold the loop."""

from __future__ import annotations

import logging
import sys

import pytest

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.apiserver.server.loop_monitor import Sample
from kprov.kube.apiserver.server.loop_report import LoopReport

_APPLY = ("patch", "apps", "deployments", "status", "alice")


def sample(request: tuple[str, str, str, str, str] = _APPLY) -> Sample:
    return Sample(1, request, "a.py:1 f < b.py:2 g")


def test_a_step_is_logged_once_a_minute_or_when_it_gets_much_longer(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    report = LoopReport(lambda: now)
    with caplog.at_level(logging.WARNING):
        for seconds in (0.06, 0.07, 0.2):
            report.report_step(seconds, sample())
        now = 61.0
        report.report_step(0.06, sample())
    texts = [record.getMessage() for record in caplog.records]
    assert [text.partition(" for ")[2].split()[0] for text in texts] == ["0.060", "0.200", "0.060"]
    assert texts[0] == (
        "a step of patch deployments.apps/status of 'alice' held the event loop for 0.060 s (budget 0.05 s): "
        "a.py:1 f < b.py:2 g"
    )


def test_metrics_count_steps_and_keep_the_longest() -> None:
    report = LoopReport()
    for seconds in (0.06, 0.3, 0.1):
        report.report_step(seconds, sample())
    report.report_step(0.2, None)
    report.observe_lag(0.03)
    lag, steps, longest = report.collect()
    labels = {"verb": "patch", "group": "apps", "resource": "deployments", "subresource": "status"}
    unknown = dict.fromkeys(labels, "")
    assert [(each.labels, each.value) for each in steps.samples] == [(labels, 3), (unknown, 1)]
    assert [(each.labels, each.value) for each in longest.samples] == [(labels, 0.3), (unknown, 0.2)]
    counts = {each.labels.get("le"): each.value for each in lag.samples if each.name.endswith("_bucket")}
    assert (counts["0.025"], counts["0.05"]) == (0, 1)


def test_the_number_of_series_is_bounded() -> None:
    report = LoopReport()
    for number in range(1000):
        report.report_step(0.1, sample(("get", "", f"r{number}", "", "")))
    _, steps, _ = report.collect()
    assert len(steps.samples) == 501
    assert sum(each.value for each in steps.samples) == 1000


def test_the_request_is_found_in_the_stack() -> None:
    info = RequestInfo("/", "list", is_resource_request=True, api_group="apps", resource="deployments")
    report = LoopReport()

    def handle(acting: UserInfo, known: RequestInfo) -> tuple[str, str, str, str, str]:
        assert acting
        assert known
        return report.describe_request(sys._getframe())

    def write(context: RequestContext) -> tuple[str, str, str, str, str]:
        assert context
        return report.describe_request(sys._getframe())

    user = UserInfo("bob")
    assert handle(user, info) == ("list", "apps", "deployments", "", "bob")
    assert write(RequestContext(user=user, info=info)) == ("list", "apps", "deployments", "", "bob")


def test_objects_that_are_being_constructed_are_no_request() -> None:
    """The thread of the monitor would end, and no later step would be seen."""

    def construct(*begun: object) -> tuple[str, str, str, str, str]:
        context, info, user = begun
        assert (context, info, user) == begun
        return LoopReport().describe_request(sys._getframe())

    begun = [object.__new__(kind) for kind in (RequestContext, RequestInfo, UserInfo)]
    assert construct(*begun) == ("", "", "", "", "")
