"""Labels of Docker containers that say what they are in CRI's terms (cri-dockerd: core/docker_service.go)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

#: "podsandbox" or "container".
TYPE: Final = "io.kubernetes.docker.type"
SANDBOX: Final = "podsandbox"
CONTAINER: Final = "container"
#: Of a container: the identifier of its sandbox.
SANDBOX_ID: Final = "io.kubernetes.sandbox.id"
#: Of a container: where CRI's clients look for its log.
LOG_PATH: Final = "io.kubernetes.container.logpath"
#: Of a sandbox: "POD".
CONTAINER_NAME: Final = "io.kubernetes.container.name"
_ANNOTATION: Final = "annotation."
#: Labels of this program, and of the image's builders, that CRI's clients do not see.
_INTERNAL: Final = frozenset({TYPE, SANDBOX_ID, LOG_PATH})


def make_labels(
    labels: Mapping[str, str], annotations: Mapping[str, str], internal: Mapping[str, str]
) -> dict[str, str]:
    """Return Docker's labels: CRI's labels, its annotations with a prefix, and this program's."""
    return {**labels, **{_ANNOTATION + name: value for name, value in annotations.items()}, **internal}


def split_labels(docker_labels: Mapping[str, str] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Return CRI's labels and annotations of Docker's labels."""
    labels, annotations = {}, {}
    for name, value in (docker_labels or {}).items():
        if name.startswith(_ANNOTATION):
            annotations[name.removeprefix(_ANNOTATION)] = value
        elif name not in _INTERNAL:
            labels[name] = value
    return labels, annotations


def make_filters(kind: str, selector: Mapping[str, str], more: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return Docker's filters for containers of a kind. more: other labels as NAME=VALUE."""
    wanted = [f"{TYPE}={kind}", *more, *(f"{name}={value}" for name, value in selector.items())]
    return {"label": wanted}
