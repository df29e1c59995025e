"""Pods that are resized in place: what they still have counts, and what they lose can be used."""

from __future__ import annotations

from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.scheduling.conftest import NODES, Space
from tests.apiserver.scheduling.test_preemption import wait_for_message


def report_resources(space: Space, name: str, amount: int) -> None:
    """Say for the only container of a pod that it has so much of the resource."""
    status = space.get_pod(name)["status"]["containerStatuses"][0]
    amounts = {space.resource: str(amount)}
    status |= {"resources": {"requests": amounts, "limits": amounts}, "allocatedResources": amounts}
    merge(space.server, f"{space.pods}/{name}/status", {"status": {"containerStatuses": [status]}})


def test_a_pod_waits_until_another_one_has_become_smaller(space: Space) -> None:
    space.add_resource(NODES[0], 2)
    space.create_pod("resized", amount=1, priority="low")
    space.run_pods("resized")
    # The spec has the new size already.
    report_resources(space, "resized", 2)
    space.create_pod("next", amount=1, priority="low")
    wait_for_message(
        space,
        "next",
        f"0/2 nodes are available: 2 Insufficient {space.resource}. no new claims to deallocate, preemption: "
        "0/2 nodes are available: 1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling.",
    )
    report_resources(space, "resized", 1)
    space.run_pods("next")
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")
