"""Work of the controllers of service accounts, tokens and roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from kprov.kube.machinery import timestamps
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.failover.work import Work

_ROLES: Final = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
_ROLE_LABEL: Final = "example.com/round"
_LONG_AGO: Final = "2020-01-01"
_TRACKING: Final = (
    "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
)
_SECRETS: Final = "/api/v1/namespaces/kube-system/secrets"
_CLUSTER_INFO: Final = "/api/v1/namespaces/kube-public/configmaps"


class NewNamespace(Work):
    """A new namespace gets its service account and the certificate of the authority."""

    @property
    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}-fresh"

    def begin(self) -> None:
        ok(self.server, "POST", "/api/v1/namespaces", {"metadata": {"name": f"{self.namespace}-fresh"}})

    def is_done(self) -> bool:
        names = ("serviceaccounts/default", "configmaps/kube-root-ca.crt")
        return all(self.server.get(f"{self._path}/{name}").status == 200 for name in names)

    def clean(self) -> None:
        ok(self.server, "DELETE", self._path)


class TokenSecret(Work):
    """A secret gets the token of a service account, and goes with the account."""

    def begin(self) -> None:
        self.create("serviceaccounts", {"metadata": {"name": "robot"}})
        metadata = {"name": "robot", "annotations": {"kubernetes.io/service-account.name": "robot"}}
        self.create("secrets", {"metadata": metadata, "type": "kubernetes.io/service-account-token"})
        self._is_deleted = False

    def is_done(self) -> bool:
        if not self.exists("secrets", "robot"):
            return self._is_deleted
        if not self._is_deleted and "token" in self.get("secrets", "robot").get("data", {}):
            ok(self.server, "DELETE", self.path("serviceaccounts", "robot"))
            self._is_deleted = True
        return False


class LegacyToken(Work):
    """A generated token that nobody uses. The controller looks when it starts, which a new leader does."""

    def prepare(self) -> None:
        eventually(lambda: self.server.get(_TRACKING).status == 200)
        merge(self.server, _TRACKING, {"data": {"since": _LONG_AGO}})
        body = {"metadata": {"name": "old-robot"}, "secrets": [{"name": "old-token"}]}
        self.create("serviceaccounts", body)

    def begin(self) -> None:
        labels = {
            "kubernetes.io/legacy-token-last-used": _LONG_AGO,
            "kubernetes.io/legacy-token-invalid-since": _LONG_AGO,
        }
        annotations = {"kubernetes.io/service-account.name": "old-robot"}
        metadata = {"name": "old-token", "labels": labels, "annotations": annotations}
        self.create("secrets", {"metadata": metadata, "type": "kubernetes.io/service-account-token"})

    def is_done(self) -> bool:
        return not self.exists("secrets", "old-token")


class BootstrapToken(Work):
    """The cluster's information is signed with a token until the token expires."""

    @property
    def _id(self) -> str:
        return f"r{self.number:05}"

    @property
    def _path(self) -> str:
        return f"{_SECRETS}/bootstrap-token-{self._id}"

    def prepare(self) -> None:
        body = {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": "{}"}}
        assert self.server.ask("POST", _CLUSTER_INFO, body).status in {201, 409}

    def begin(self) -> None:
        data = {
            "token-id": self._id,
            "token-secret": "0123456789abcdef",
            "usage-bootstrap-signing": "true",
            "usage-bootstrap-authentication": "true",
        }
        body = {"type": "bootstrap.kubernetes.io/token", "stringData": data}
        ok(self.server, "POST", _SECRETS, body | {"metadata": {"name": f"bootstrap-token-{self._id}"}})
        self._has_expired = False

    def is_done(self) -> bool:
        signatures = ok(self.server, "GET", f"{_CLUSTER_INFO}/cluster-info")["data"]
        is_signed = f"jws-kubeconfig-{self._id}" in signatures
        if self._has_expired:
            return not is_signed and self.server.get(self._path).status == 404
        if is_signed:
            past = timestamps.show(datetime.now(UTC) - timedelta(seconds=1))
            merge(self.server, self._path, {"stringData": {"expiration": past}})
            self._has_expired = True
        return False


class AggregatedRole(Work):
    """A role gets the rules of other roles."""

    _count: Final = 3

    def begin(self) -> None:
        rule = {"clusterRoleSelectors": [{"matchLabels": {_ROLE_LABEL: self.namespace}}]}
        ok(self.server, "POST", _ROLES, {"metadata": {"name": self.namespace}, "aggregationRule": rule})
        for number in range(self._count):
            metadata = {"name": f"{self.namespace}-{number}", "labels": {_ROLE_LABEL: self.namespace}}
            rules = [{"apiGroups": ["example.com"], "resources": [f"things{number}"], "verbs": ["get"]}]
            ok(self.server, "POST", _ROLES, {"metadata": metadata, "rules": rules})

    def is_done(self) -> bool:
        rules = ok(self.server, "GET", f"{_ROLES}/{self.namespace}").get("rules") or ()
        return len(rules) == self._count

    def clean(self) -> None:
        for name in ("", *(f"-{number}" for number in range(self._count))):
            ok(self.server, "DELETE", f"{_ROLES}/{self.namespace}{name}")


ACCOUNT_WORK: Final[tuple[type[Work], ...]] = (
    NewNamespace,
    TokenSecret,
    LegacyToken,
    BootstrapToken,
    AggregatedRole,
)
