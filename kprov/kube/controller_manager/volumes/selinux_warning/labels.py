"""SELinux labels of a pod's volumes. Functions of values (selinuxwarning/translator, pkg/volume/util)."""

from collections import defaultdict
from typing import Any, Final

from kprov.kube.api.core import Container, Pod

_FIELDS: Final = ("user", "role", "type", "level")


def collect_labels(pod: Pod) -> dict[str, set[str]]:
    """Return the labels with which the pod's containers mount each volume, by its name in the pod."""
    labels_by_volume: dict[str, set[str]] = defaultdict(set)
    spec = pod.spec
    for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
        options = _get_options(pod, container)
        for mount in container.volume_mounts:
            labels = labels_by_volume[mount.name]
            if options is not None:
                labels.add(make_label(options))
    return dict(labels_by_volume)


def make_label(options: dict[str, Any]) -> str:
    """user:role:type:level. Defaults are on the nodes, so that missing parts stay empty."""
    label = ":".join(options.get(field) or "" for field in _FIELDS)
    return "" if label == ":::" else label


def are_conflicting(label: str, other: str) -> bool:
    """Whether two labels cannot be those of one mount. Empty parts fit any, except for the level."""
    *names, level = zip(_split(label), _split(other), strict=True)
    return level[0] != level[1] or any(a and b and a != b for a, b in names)


def _split(label: str) -> list[str]:
    parts = label.split(":", 3)
    return parts + [""] * (4 - len(parts))


def _get_options(pod: Pod, container: Container) -> dict[str, Any] | None:
    """Return the container's options, by default the pod's."""
    own = (container.security_context or {}).get("seLinuxOptions")
    return own if own is not None else (pod.spec.security_context or {}).get("seLinuxOptions")
