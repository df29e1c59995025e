"""RBAC: an index of bindings by subject from the watch cache, and decisions cached until a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Self

from kprov.kube.apiserver.authz.rules import allows
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.key_bounds import BoundedCache

GROUP: Final = "rbac.authorization.k8s.io"
_KINDS: Final = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
_REMEMBERED: Final = 8192
#: Users may be in many groups.
_MAX_KEY: Final = 4096
#: The key of a subject in the index: ("User", name) or ("Group", name).
Subject = tuple[str, str]


class RBACAuthorizer:
    """Follows the watch cache from the first request after it is filled; no opinion before."""

    def __init__(self, listers: Mapping[str, CacheReader]) -> None:
        """listers: by plural, of the four kinds of RBAC."""
        self._listers = listers
        self._cluster: dict[Subject, list[JsonObject]] = {}
        self._namespaced: dict[str, dict[Subject, list[JsonObject]]] = {}
        self._rules: dict[tuple[str, str], list[JsonObject]] = {}
        self._stale = True
        self._following = False
        self._remembered: BoundedCache[object, tuple[Decision, str]] = BoundedCache(_REMEMBERED, _MAX_KEY)

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls({plural: stores.store(GROUP, plural).lister for plural in _KINDS})

    def _follow(self) -> bool:
        """Whether the cache has all four kinds; follow them from then on."""
        if not self._following and all(lister.synced for lister in self._listers.values()):
            self._following = True
            for lister in self._listers.values():
                lister.on_change(self._forget_decisions)
        return self._following

    def _forget_decisions(self, *_: object) -> None:
        self._stale = True

    async def authorize(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        """ALLOW with the binding as the reason, or NO_OPINION."""
        if not self._follow():
            return Decision.NO_OPINION, "RBAC: not yet read from etcd"
        if self._stale:
            self._build_index()
        key = (
            user.name, user.groups, info.verb, info.api_group, info.resource, info.subresource,
            info.namespace, info.name, "" if info.is_resource_request else info.path,
        )  # fmt: skip
        known = self._remembered.get(key)
        if known is None:
            known = self._decide(user, info)
            self._remembered.put(key, known)
        return known

    def list_user_rules(self, user: UserInfo, namespace: str) -> list[JsonObject]:
        """All rules of a user in a namespace ("": cluster-wide only)."""
        if self._follow() and self._stale:
            self._build_index()
        return [rule for _, rule in self._list_applicable(user, namespace)]

    def list_role_rules(self, reference: JsonObject, namespace: str) -> list[JsonObject]:
        """Return the rules of the role of a roleRef."""
        if self._follow() and self._stale:
            self._build_index()
        return self._rules.get(_build_role_key(reference, namespace), [])

    def has_role(self, reference: JsonObject, namespace: str) -> bool:
        """Whether the role of a roleRef exists."""
        if self._follow() and self._stale:
            self._build_index()
        return _build_role_key(reference, namespace) in self._rules

    def _decide(self, user: UserInfo, info: RequestInfo) -> tuple[Decision, str]:
        for binding, rule in self._list_applicable(user, info.namespace):
            if allows(rule, info):
                return Decision.ALLOW, _format_reason(binding, user)
        return Decision.NO_OPINION, ""

    def _list_applicable(self, user: UserInfo, namespace: str) -> Iterator[tuple[JsonObject, JsonObject]]:
        """Yield the rules of each role that is bound to the user, once."""
        subjects: list[Subject] = [("User", user.name), *(("Group", group) for group in user.groups)]
        seen: set[tuple[str, str]] = set()
        for index in (self._cluster, self._namespaced.get(namespace, {}) if namespace else {}):
            for subject in subjects:
                for binding in index.get(subject, ()):
                    role = _build_role_key(binding["roleRef"], binding["metadata"].get("namespace", ""))
                    if role not in seen:
                        seen.add(role)
                        for rule in self._rules.get(role, ()):
                            yield binding, rule

    def _build_index(self) -> None:
        self._stale = False
        self._remembered.clear()
        self._rules = {
            (role["metadata"].get("namespace", ""), role["metadata"]["name"]): role.get("rules") or []
            for plural in ("clusterroles", "roles")
            for role in self._listers[plural].list()
        }
        self._cluster = {}
        for binding in self._listers["clusterrolebindings"].list():
            _index_binding(self._cluster, binding)
        self._namespaced = {}
        for binding in self._listers["rolebindings"].list():
            _index_binding(self._namespaced.setdefault(binding["metadata"]["namespace"], {}), binding)


def _index_binding(index: dict[Subject, list[JsonObject]], binding: JsonObject) -> None:
    for subject in binding.get("subjects") or ():
        if subject.get("kind") == "ServiceAccount":
            namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
            key = ("User", f"system:serviceaccount:{namespace}:{subject['name']}")
        else:
            key = (subject.get("kind", ""), subject["name"])
        index.setdefault(key, []).append(binding)


def _build_role_key(reference: JsonObject, namespace: str) -> tuple[str, str]:
    return ("" if reference.get("kind") == "ClusterRole" else namespace, reference["name"])


def _format_reason(binding: JsonObject, user: UserInfo) -> str:
    meta, role = binding["metadata"], binding["roleRef"]
    kind = "RoleBinding" if meta.get("namespace") else "ClusterRoleBinding"
    place = f"{meta['name']}/{meta['namespace']}" if meta.get("namespace") else meta["name"]
    subject = _format_subject(binding, user)
    return f'RBAC: allowed by {kind} "{place}" of {role["kind"]} "{role["name"]}" to {subject}'


def _format_subject(binding: JsonObject, user: UserInfo) -> str:
    for subject in binding.get("subjects") or ():
        if subject.get("kind") == "Group" and subject["name"] in user.groups:
            return f'Group "{subject["name"]}"'
        if subject.get("kind") == "ServiceAccount":
            return f'ServiceAccount "{subject["name"]}/{subject.get("namespace", "")}"'
    return f'User "{user.name}"'
