"""What a whole pod asks for."""

from __future__ import annotations

from typing import Any

from kprov.kube.component_helpers.pod_resources import compute_pod_resources


def container(name: str, cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": {"cpu": cpu}}} | more


def asked(spec: dict[str, Any], status: dict[str, Any] | None = None) -> str:
    return str(compute_pod_resources({"spec": spec, "status": status or {}}, "requests").get("cpu"))


def test_containers_are_summed_and_init_containers_are_a_minimum() -> None:
    both = [container("a", "100m"), container("b", "200m")]
    assert asked({"containers": both}) == "300m"
    assert asked({"containers": both, "initContainers": [container("i", "1")]}) == "1"


def test_sidecars_run_beside_all_that_follows() -> None:
    sidecar = container("s", "50m", restartPolicy="Always")
    spec = {"containers": [container("a", "100m")], "initContainers": [sidecar, container("i", "200m")]}
    assert asked(spec) == "250m"


def test_the_pods_own_amounts_and_its_overhead() -> None:
    spec = {"containers": [container("a", "100m")], "overhead": {"cpu": "10m"}}
    assert asked(spec) == "110m"
    assert asked(spec | {"resources": {"requests": {"cpu": "1"}}}) == "1010m"


def test_what_a_resize_has_not_yet_freed_still_counts() -> None:
    spec = {"containers": [container("a", "100m")]}
    state = {"name": "a", "resources": {"requests": {"cpu": "500m"}}}
    assert asked(spec, {"containerStatuses": [state]}) == "500m"
    pending = {"type": "PodResizePending", "reason": "Infeasible"}
    small = {"name": "a", "resources": {"requests": {"cpu": "50m"}}}
    assert asked(spec, {"containerStatuses": [small], "conditions": [pending]}) == "50m"
