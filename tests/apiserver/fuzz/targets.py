"""Objects that requests are to hit: one of each kind that tests know a body of, called `fuzz` in `fuzz`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.apiserver.conformance.operations import KINDS
from tests.apiserver.servers import ApiServer

NAME: Final = "fuzz"
_TEMPLATE: Final = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
}
_WORK: Final = {"selector": {"matchLabels": {"app": "a"}}, "template": _TEMPLATE}
_MORE: Final[dict[str, dict[str, Any]]] = {
    "/api/v1/namespaces/fuzz/configmaps": {"data": {"a": "b"}},
    "/api/v1/namespaces/fuzz/pods": {"spec": _TEMPLATE["spec"]},
    "/api/v1/namespaces/fuzz/secrets": {"data": {"a": "YQ=="}},
    "/api/v1/namespaces/fuzz/services": {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}},
    "/api/v1/namespaces/fuzz/serviceaccounts": {},
    "/api/v1/namespaces/fuzz/events": {"involvedObject": {"namespace": "fuzz"}},
    "/api/v1/namespaces/fuzz/limitranges": {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "9"}}]}},
    "/api/v1/nodes": {},
    "/apis/apps/v1/namespaces/fuzz/deployments": {"spec": _WORK},
    "/apis/apps/v1/namespaces/fuzz/daemonsets": {"spec": _WORK},
    "/apis/apps/v1/namespaces/fuzz/replicasets": {"spec": _WORK},
    "/apis/apps/v1/namespaces/fuzz/statefulsets": {"spec": {**_WORK, "serviceName": "s"}},
    "/apis/networking.k8s.io/v1/namespaces/fuzz/networkpolicies": {"spec": {"podSelector": {}}},
}
#: Of the kinds above, to patch them by hand.
COLLECTIONS: Final = tuple(_MORE)


def fill(server: ApiServer) -> None:
    """Make all that is missing."""
    server.post("/api/v1/namespaces", {"metadata": {"name": NAME}})
    for place, name, body in _all():
        server.post(place, {**body, "metadata": {"name": name}})


def everything() -> list[str]:
    """Paths of what `fill` makes."""
    return [f"{place}/{name}" for place, name, _ in _all()]


def _all() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Collection, name, body."""
    for path, body in _MORE.items():
        yield path, NAME, body
    for kind in KINDS:
        name = NAME if kind.name == "a{}" else kind.name.format("1")
        scope = f"/namespaces/{NAME}" if kind.namespaced else ""
        yield f"{kind.path}{scope}/{kind.plural}", name, kind.body
