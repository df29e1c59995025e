"""Pods are ended by priority, the least important first."""

from typing import Any

import pytest

from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.kubelet.config.configuration import KubeletConfiguration, read_document
from kprov.kube.kubelet.config.shutdown_period import ShutdownPeriod
from kprov.kube.kubelet.shutdown.groups import group_pods, make_schedule
from tests.unit.kube.kubelet.kubelet_builders import pod

CRITICAL = 2_000_000_000


def test_critical_pods_get_the_end_of_the_time() -> None:
    assert make_schedule(60, 20) == [ShutdownPeriod(0, 40), ShutdownPeriod(CRITICAL, 20)]
    assert make_schedule(60, 0) == [ShutdownPeriod(0, 60), ShutdownPeriod(CRITICAL, 0)]
    assert make_schedule(0, 0) == []


def test_priorities_are_sorted_and_replace_the_two_periods() -> None:
    assert make_schedule(0, 0, [ShutdownPeriod(1000, 5), ShutdownPeriod(0, 10)]) == [
        ShutdownPeriod(0, 10),
        ShutdownPeriod(1000, 5),
    ]


@pytest.mark.parametrize(
    ("priority", "expected"),
    [(None, 0), (-5, 0), (0, 0), (99, 0), (100, 100), (101, 100), (999, 100), (1000, 1000), (CRITICAL, 1000)],
)
def test_pod_belongs_to_the_highest_period_that_it_reaches(priority: int | None, expected: int) -> None:
    schedule = [ShutdownPeriod(0, 1), ShutdownPeriod(100, 1), ShutdownPeriod(1000, 1)]
    made = pod(priority=priority)
    found = [period.priority for period, members in group_pods(schedule, [made]) if members]
    assert found == [expected]


def test_pod_below_the_lowest_priority_belongs_to_the_first_period() -> None:
    found = group_pods([ShutdownPeriod(10, 1), ShutdownPeriod(20, 1)], [pod(priority=0)])
    assert [len(members) for _, members in found] == [1, 0]


def read(**document: Any) -> KubeletConfiguration:
    config = KubeletConfiguration()
    read_document(config, document)
    return config


def test_configuration_by_priority() -> None:
    config = read(shutdownGracePeriodByPodPriority=[{"priority": 5, "shutdownGracePeriodSeconds": 7}])
    assert config.shutdown_periods == [ShutdownPeriod(5, 7)]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"shutdownGracePeriod": "500ms"}, "shutdownGracePeriod: expected 0 or at least 1s, found '500ms'"),
        (
            {"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "20s"},
            "shutdownGracePeriodCriticalPods: must not be longer than shutdownGracePeriod",
        ),
        (
            {"shutdownGracePeriodByPodPriority": [{"priority": 1}]},
            "shutdownGracePeriodByPodPriority[0]: expected the numbers",
        ),
        (
            {
                "shutdownGracePeriod": "10s",
                "shutdownGracePeriodByPodPriority": [{"priority": 1, "shutdownGracePeriodSeconds": 1}],
            },
            "shutdownGracePeriodByPodPriority: cannot be combined with shutdownGracePeriod",
        ),
    ],
)
def test_wrong_configuration_names_its_field(document: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**document)
    assert text in str(caught.value)
