"""What keeps a drain from its end, from kubectl's messages."""

from __future__ import annotations

from kprov.operations.nodes.eviction import find_pending

# As kubectl 1.32 prints it.
BLOCKED = """\
Warning: ignoring DaemonSet-managed Pods: kube-system/agent-x
error when evicting pods/"web-1" -n "shop" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.
error when evicting pods/"web-1" -n "shop" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.
error when evicting pods/"web-2" -n "shop" (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.
There are pending pods in node "node3" when an error occurred: [error when waiting for pod "slow" in namespace "shop" to terminate: context deadline exceeded, error when evicting pods/"web-1" -n "shop": global timeout reached: 15s]
pod/web-1
pod/slow
error: unable to drain node "node3" due to error: [error when waiting for pod "slow" in namespace "shop" to terminate: context deadline exceeded, error when evicting pods/"web-1" -n "shop": global timeout reached: 15s], continuing command...
"""


def test_each_pod_is_named_once_with_its_reason() -> None:
    assert find_pending(BLOCKED) == [
        "pod shop/slow: it is evicted and has not ended",
        "pod shop/web-1: Cannot evict pod as it would violate the pod's disruption budget.",
    ]


def test_other_messages_name_no_pod() -> None:
    assert find_pending('Error from server (NotFound): nodes "x" not found\n') == []
