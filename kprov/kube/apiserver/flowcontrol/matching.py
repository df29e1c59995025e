"""FlowSchemas: which one matches a request, and the flow of the request.

Source: apiserver/pkg/util/flowcontrol/rule.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery.json_object import JsonObject

_ALL: Final = "*"
_ACCOUNT: Final = "system:serviceaccount:"


class Counts:
    """Counters of one schema for metrics. They stay when the schema changes."""

    __slots__ = ("dispatched", "rejected", "running", "seats", "waiting", "waits")

    def __init__(self) -> None:
        #: Started requests, running ones and their seats, queued ones.
        self.dispatched = self.running = self.seats = self.waiting = 0
        #: Rejected requests by reason.
        self.rejected: dict[str, int] = {}
        #: Histograms of queued requests by whether they were executed: counts by bucket, then the seconds.
        self.waits: dict[bool, list[float]] = {}


class FlowSchema:
    """One FlowSchema. `level`: the name of its priority level. `precedence`: the lowest match wins."""

    __slots__ = (
        "_rules",
        "by_namespace",
        "by_user",
        "counts",
        "level",
        "name",
        "precedence",
        "uid",
    )

    def __init__(self, obj: JsonObject) -> None:
        spec = obj["spec"]
        self.name: str = obj["metadata"]["name"]
        self.uid: str = obj["metadata"].get("uid", "")
        self.level: str = (spec.get("priorityLevelConfiguration") or {}).get("name", "")
        self.precedence: int = spec.get("matchingPrecedence") or 1000
        method = (spec.get("distinguisherMethod") or {}).get("type", "")
        self.by_user = method == "ByUser"
        self.by_namespace = method == "ByNamespace"
        self._rules: Sequence[JsonObject] = spec.get("rules") or ()
        self.counts = Counts()

    def matches(self, user: UserInfo, info: RequestInfo) -> bool:
        return any(
            any(_matches_subject(subject, user) for subject in rule.get("subjects") or ())
            and (
                any(
                    _matches_resource(resource_rule, info)
                    for resource_rule in rule.get("resourceRules") or ()
                )
                if info.is_resource_request
                else any(_matches_path(path_rule, info) for path_rule in rule.get("nonResourceRules") or ())
            )
            for rule in self._rules
        )

    def find_flow(self, user: UserInfo, info: RequestInfo) -> str:
        """Return the distinguisher of the request's flow; "" if the schema has one flow."""
        return user.name if self.by_user else info.namespace if self.by_namespace else ""


def _matches_subject(subject: JsonObject, user: UserInfo) -> bool:
    match subject.get("kind"):
        case "User":
            name = (subject.get("user") or {}).get("name", "")
            return name in {_ALL, user.name}
        case "Group":
            name = (subject.get("group") or {}).get("name", "")
            return name == _ALL or name in user.groups
        case "ServiceAccount":
            account = subject.get("serviceAccount") or {}
            prefix = f"{_ACCOUNT}{account.get('namespace', '')}:"
            if account.get("name") == _ALL:
                return user.name.startswith(prefix)
            return user.name == f"{prefix}{account.get('name', '')}"
    return False


def _matches_value(values: Sequence[str] | None, value: str) -> bool:
    return bool(values) and (value in values or _ALL in values)  # type: ignore[operator]


def _matches_resource(rule: JsonObject, info: RequestInfo) -> bool:
    whole = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _matches_value(rule.get("verbs"), info.verb)
        and _matches_value(rule.get("apiGroups"), info.api_group)
        and _matches_value(rule.get("resources"), whole)
    ):
        return False
    if not info.namespace:
        return bool(rule.get("clusterScope"))
    return _matches_value(rule.get("namespaces"), info.namespace)


def _matches_path(rule: JsonObject, info: RequestInfo) -> bool:
    if not _matches_value(rule.get("verbs"), info.verb):
        return False
    return any(
        url in {_ALL, info.path} or (url.endswith("*") and info.path.startswith(url[:-1]))
        for url in rule.get("nonResourceURLs") or ()
    )
