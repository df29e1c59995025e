"""A resize that this kubelet does not do is pending, and the status shows what the containers really have."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.kubelet.cri.pod_state import RuntimeResources
from kprov.kube.kubelet.status.pod_status import generate_pod_status
from kprov.kube.machinery.json_object import JsonObject
from tests.unit.kube.kubelet.kubelet_builders import container, pod, running, state

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
LARGE = {"requests": {"cpu": "300m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
#: What the runtime has for SMALL.
ACTUAL = RuntimeResources(cpu_shares=102, cpu_quota=20_000, cpu_period=100_000, memory_limit=128 << 20)


def generate(spec: JsonObject, old: JsonObject | None = None, **fields: Any) -> JsonObject:
    fields.setdefault("resources", ACTUAL)
    return generate_pod_status(
        pod(container(resources=spec)),
        state(running(**fields)),
        old=old or {},
        waiting={},
        host_ips=[],
        update_ready=lambda _pod, _statuses, _old: None,
        terminal=False,
    )


def get_resources(status: JsonObject) -> JsonObject:
    return {key: value for key, value in status["containerStatuses"][0]["resources"].items() if value}


def find_pending(status: JsonObject) -> JsonObject | None:
    return next((item for item in status["conditions"] if item["type"] == "PodResizePending"), None)


def test_without_a_resize_the_status_shows_the_spec() -> None:
    status = generate(SMALL)
    assert get_resources(status) == SMALL
    assert status["containerStatuses"][0]["allocatedResources"] == SMALL["requests"]
    assert find_pending(status) is None


def test_a_resize_is_pending_and_the_container_keeps_what_it_has() -> None:
    status = generate(LARGE, old=generate(SMALL))
    assert get_resources(status) == SMALL
    assert status["containerStatuses"][0]["allocatedResources"] == SMALL["requests"]
    pending = find_pending(status)
    assert pending is not None
    assert (pending["status"], pending["reason"], pending["observedGeneration"]) == ("True", "Infeasible", 1)
    assert pending["message"].startswith("this kubelet does not resize running containers: c keep")
    assert find_pending(generate(SMALL, old=status)) is None


def test_a_change_of_requests_alone_is_pending_too() -> None:
    """The runtime does not know requests of memory."""
    wanted = {**SMALL, "requests": {"cpu": "100m", "memory": "80Mi"}}
    assert find_pending(generate(wanted, old=generate(SMALL))) is not None


def test_another_way_to_write_the_same_amounts_is_no_resize() -> None:
    same = {"requests": {"cpu": "0.1", "memory": "65536Ki"}, "limits": {"cpu": "0.2", "memory": "134217728"}}
    assert find_pending(generate(same, old=generate(SMALL))) is None


def test_a_container_that_started_again_has_the_new_amounts() -> None:
    larger = RuntimeResources(cpu_shares=307, cpu_quota=100_000, cpu_period=100_000, memory_limit=256 << 20)
    status = generate(LARGE, old=generate(SMALL), id="c-2", resources=larger)
    assert get_resources(status) == LARGE
    assert find_pending(status) is None


def test_a_status_that_an_older_kubelet_wrote_too_early_is_corrected() -> None:
    """It said done: the runtime knows better, but for the requests of memory."""
    old = generate(LARGE, resources=None)
    assert get_resources(old) == LARGE
    status = generate(LARGE, old=old)
    assert get_resources(status) == {
        "requests": {"cpu": "100m", "memory": "96Mi"},
        "limits": {"cpu": "200m", "memory": "128Mi"},
    }
    assert find_pending(status) is not None


@pytest.mark.parametrize("quota", [0, -1])
def test_a_runtime_without_quotas_makes_no_resize_pending(quota: int) -> None:
    """Quotas are off (cpuCFSQuota)."""
    actual = RuntimeResources(cpu_shares=102, cpu_quota=quota, cpu_period=0, memory_limit=128 << 20)
    assert find_pending(generate(SMALL, resources=actual)) is None
