"""ServiceAccount: sets the service account of a pod and mounts a token of it.

Source: upstream plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Mapping
from typing import Any, Final, Self

from kprov.kube.apiserver.admission import mountable_secrets
from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.authz import pod_references
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery.json_object import JsonObject

MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
MIRROR: Final = "kubernetes.io/config.mirror"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_TOKEN_SECONDS: Final = 60 * 60 + 7
#: Annotation of accounts whose pods may only use the listed secrets.
ENFORCED: Final = "kubernetes.io/enforce-mountable-secrets"
_DEFAULT_TRIES: Final = 10
_PAUSE_SECONDS: Final = 0.15


class ServiceAccount(AdmissionPlugin):
    name = "ServiceAccount"
    resources = frozenset({("", "pods")})

    def __init__(self, accounts: ObjectReader) -> None:
        self._accounts = accounts

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("", "serviceaccounts"))

    async def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        if attributes.operation != "CREATE" or attributes.subresource or pod is None:
            return
        spec = pod["spec"]
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            _check_mirror(attributes, pod)
            return
        spec.setdefault("serviceAccountName", "default")
        spec["serviceAccountName"] = spec["serviceAccountName"] or "default"
        # spec.serviceAccount is the deprecated name of the field, which clients still use.
        spec["serviceAccount"] = spec["serviceAccountName"]
        account = await self._find_account(attributes, spec["serviceAccountName"])
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = copy.deepcopy(account["imagePullSecrets"])
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken", True)
        if wanted:
            _mount_token(spec)

    async def validate(self, attributes: Attributes) -> None:
        pod = attributes.obj
        is_new = attributes.operation == "CREATE" and not attributes.subresource
        is_debugged = attributes.operation == "UPDATE" and attributes.subresource == "ephemeralcontainers"
        if pod is None or not (is_new or is_debugged):
            return
        spec = pod["spec"]
        if is_new and MIRROR in (pod["metadata"].get("annotations") or {}):
            _check_mirror(attributes, pod)
            return
        if not spec.get("serviceAccountName"):
            text = f"no service account specified for pod {attributes.namespace}/{pod['metadata']['name']}"
            raise forbidden_error(attributes, text)
        account = await self._find_account(attributes, spec["serviceAccountName"])
        annotations = account["metadata"].get("annotations") or {}
        if annotations.get(ENFORCED, "").lower() in {"1", "t", "true"}:
            reason = mountable_secrets.find_problem(account, spec, only_ephemeral=is_debugged)
            if reason:
                raise forbidden_error(attributes, reason)

    async def _find_account(self, attributes: Attributes, name: str) -> Mapping[str, Any]:
        """Find the account. Wait for the default account of a new namespace."""
        shared = self._accounts.lister.get_shared(attributes.namespace, name)
        for attempt in range(_DEFAULT_TRIES if name == "default" else 1):
            if shared is not None:
                return shared
            if attempt:
                await asyncio.sleep(_PAUSE_SECONDS)
            await self._accounts.catch_up()
            shared = self._accounts.lister.get_shared(attributes.namespace, name)
        if shared is not None:
            return shared
        where = f"{attributes.namespace}/{name}"
        text = f'error looking up service account {where}: serviceaccount "{name}" not found'
        raise forbidden_error(attributes, text)


def _check_mirror(attributes: Attributes, pod: JsonObject) -> None:
    spec = pod["spec"]
    if spec.get("serviceAccountName"):
        raise forbidden_error(attributes, "a mirror pod may not reference service accounts")
    if any(reference[0] == "secrets" for reference in pod_references.list_references(pod)):
        raise forbidden_error(attributes, "a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if source.get("serviceAccountToken") is not None:
                raise forbidden_error(
                    attributes, "a mirror pod may not use ServiceAccountToken volume projections"
                )


def _mount_token(spec: JsonObject) -> None:
    """Add a volume (token, CA, namespace) and mount it in containers without a mount at its path."""
    volumes = spec.get("volumes") or []
    name = next((v["name"] for v in volumes if v["name"].startswith(VOLUME_PREFIX)), "")
    needed = False
    name = name or VOLUME_PREFIX + "".join(secrets.choice(_LETTERS) for _ in range(5))
    mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
    for part in ("initContainers", "containers"):
        for container in spec.get(part) or ():
            mounts = container.get("volumeMounts") or []
            if not any(existing["mountPath"] == MOUNT_PATH for existing in mounts):
                container["volumeMounts"] = [*mounts, mount]
                needed = True
    if needed and not any(volume["name"] == name for volume in volumes):
        spec["volumes"] = [*volumes, {"name": name, "projected": _build_sources()}]


def _build_sources() -> JsonObject:
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
        "defaultMode": 420,
    }
