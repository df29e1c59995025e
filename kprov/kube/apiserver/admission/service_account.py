"""ServiceAccount: every pod acts as an account of its namespace and gets that account's token as a volume.

Source: upstream plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes
from kprov.kube.apiserver.registry.store import Registry
from kprov.kube.machinery import status

Object = dict[str, Any]
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
MIRROR: Final = "kubernetes.io/config.mirror"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_TOKEN_SECONDS: Final = 60 * 60 + 7


class ServiceAccount(AdmissionPlugin):
    name = "ServiceAccount"
    operations = frozenset({"CREATE"})
    resources = frozenset({("", "pods")})

    def __init__(self, registry: Registry) -> None:
        self._accounts = registry.store("", "serviceaccounts")

    async def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        if (attributes.resource.group, attributes.resource.plural, attributes.subresource) != (
            "",
            "pods",
            "",
        ) or pod is None:
            return
        spec = pod["spec"]
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            _check_mirror(attributes, spec)
            return
        spec.setdefault("serviceAccountName", "default")
        spec["serviceAccountName"] = spec["serviceAccountName"] or "default"
        # The old name of the field is still sent by and shown to clients.
        spec["serviceAccount"] = spec["serviceAccountName"]
        account = await self._find(attributes, spec["serviceAccountName"])
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = account["imagePullSecrets"]
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken", True)
        if wanted:
            _mount_token(spec)

    async def _find(self, attributes: Attributes, name: str) -> Object:
        account = self._accounts.lister.get(attributes.namespace, name)
        if account is None:
            await self._accounts.fresh()
            account = self._accounts.lister.get(attributes.namespace, name)
        if account is None:
            where = f"{attributes.namespace}/{name}"
            text = f'error looking up service account {where}: serviceaccount "{name}" not found'
            raise status.forbidden(attributes.resource, attributes.name, text)
        return account


def _check_mirror(attributes: Attributes, spec: Object) -> None:
    if spec.get("serviceAccountName"):
        raise status.forbidden(
            attributes.resource, attributes.name, "a mirror pod may not reference service accounts"
        )


def _mount_token(spec: Object) -> None:
    """A projected volume (token, CA, namespace), mounted where no container has something of its own."""
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
        spec["volumes"] = [*volumes, {"name": name, "projected": _sources()}]


def _sources() -> Object:
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
