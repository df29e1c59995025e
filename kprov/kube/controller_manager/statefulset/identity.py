"""The identity of a stateful set's pods: their ordinals, names and labels (stateful_set_utils.go)."""

import re
from typing import Final

from kprov.kube.api.apps import StatefulSet
from kprov.kube.api.core import Pod

POD_NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"

_POD_NAME: Final = re.compile(r"(.*)-([0-9]+)")
_LARGEST_ORDINAL: Final = 2**31 - 1


def split_pod_name(name: str) -> tuple[str, int]:
    """Return the set's name and the ordinal in the name of a pod. ("", -1) for a name of another form."""
    match = _POD_NAME.fullmatch(name)
    if match is None:
        return "", -1
    ordinal = int(match[2])
    return match[1], ordinal if ordinal <= _LARGEST_ORDINAL else -1


def get_ordinal(pod: Pod) -> int:
    return split_pod_name(pod.metadata.name)[1]


def is_member(ss: StatefulSet, pod: Pod) -> bool:
    """Whether the pod's name is that of a pod of the set."""
    return split_pod_name(pod.metadata.name)[0] == ss.metadata.name


def get_ordinals(ss: StatefulSet) -> range:
    """Return the ordinals of the pods that the set should have."""
    start = (ss.spec.ordinals or {}).get("start", 0)
    return range(start, start + ss.spec.replicas)


def make_pod_name(ss: StatefulSet, ordinal: int) -> str:
    return f"{ss.metadata.name}-{ordinal}"


def make_identity_labels(ss: StatefulSet, ordinal: int) -> dict[str, str]:
    return {POD_NAME_LABEL: make_pod_name(ss, ordinal), POD_INDEX_LABEL: str(ordinal)}


def has_identity(ss: StatefulSet, pod: Pod) -> bool:
    """Whether name and label of a pod are those of a pod of the set."""
    parent, ordinal = split_pod_name(pod.metadata.name)
    name = pod.metadata.name
    return (
        ordinal >= 0
        and parent == ss.metadata.name
        and name == make_pod_name(ss, ordinal)
        and pod.metadata.labels.get(POD_NAME_LABEL) == name
    )
