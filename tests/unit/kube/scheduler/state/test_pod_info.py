"""The sums of a pod."""

from __future__ import annotations

from typing import Any

from kprov.kube.scheduler.state import pod_info
from tests.builders.pods import view_pod


def test_init_containers_count_by_the_largest_and_sidecars_with_the_rest() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"name": "c", "resources": {"requests": {"cpu": cpu}}} | more

    plain = view_pod(initContainers=[container("3")], cpu="1")
    assert pod_info.build_pod_info(plain).requests[pod_info.CPU] == 3000
    sidecar = view_pod(initContainers=[container("1", restartPolicy="Always"), container("2")], cpu="1")
    assert pod_info.build_pod_info(sidecar).requests[pod_info.CPU] == 3000
