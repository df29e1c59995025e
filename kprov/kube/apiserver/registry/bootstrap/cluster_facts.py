"""Facts that others read from the API: the default ServiceCIDR, and the CAs that clients are verified with.

Source: upstream pkg/controlplane/controller/{defaultservicecidr,clusterauthenticationtrust}.
"""

from __future__ import annotations

import asyncio
import json
import logging
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kprov.kube.apiserver.registry.bootstrap import system
from kprov.kube.apiserver.registry.store import Registry, system_context
from kprov.kube.machinery import timestamps

log = logging.getLogger(__name__)

Object = dict[str, Any]

_GROUP: Final = "networking.k8s.io"
_CIDR: Final = "kubernetes"
_NAMESPACE: Final = "kube-system"
_TRUST: Final = "extension-apiserver-authentication"
_LOOK_SECONDS: Final = 300.0


async def service_cidr(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """The post-start hook start-kubernetes-service-cidr-controller."""
    store = registry.store(_GROUP, "servicecidrs")
    if store.lister.get("", _CIDR) is None:
        cidrs = [part.strip() for part in options.service_cluster_ip_range.split(",") if part]
        await system.ensure(
            registry, _GROUP, "servicecidrs", "", {"metadata": {"name": _CIDR}, "spec": {"cidrs": cidrs}}
        )
    context = system_context("update", store.resource, "", _CIDR)
    await store.update(context, "", _CIDR, _ready, subresource="status")
    done()


def _ready(obj: Object | None) -> Object:
    assert obj is not None
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    if not any(condition["type"] == "Ready" for condition in conditions):
        conditions.append(
            {
                "type": "Ready",
                "status": "True",
                "reason": "",
                "message": "Kubernetes default Service CIDR is ready",
                "lastTransitionTime": timestamps.now(),
            }
        )
    return obj


async def authentication_trust(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """The post-start hook start-cluster-authentication-info-controller: follows the CA files."""
    store = registry.store("", "configmaps")
    while True:
        await system.ensure_namespace(registry, _NAMESPACE)
        data = trust_data(options)

        def change(obj: Object | None, data: dict[str, str] = data) -> Object:
            obj = obj or {"metadata": {"name": _TRUST}}
            obj["data"] = (obj.get("data") or {}) | data
            return obj

        context = system_context("update", store.resource, _NAMESPACE, _TRUST)
        await store.update(context, _NAMESPACE, _TRUST, change, create=True)
        done()
        await asyncio.sleep(_LOOK_SECONDS)


def trust_data(options: Namespace) -> dict[str, str]:
    """The config map's data: PEM bundles, and lists as JSON."""
    data: dict[str, str] = {}
    if options.client_ca_file:
        data["client-ca-file"] = Path(options.client_ca_file).read_text()
    if options.requestheader_client_ca_file:
        data["requestheader-client-ca-file"] = Path(options.requestheader_client_ca_file).read_text()
        for flag in (
            "username_headers",
            "uid_headers",
            "group_headers",
            "extra_headers_prefix",
            "allowed_names",
        ):
            values = list(getattr(options, f"requestheader_{flag}"))
            if values or flag != "uid_headers":
                data[f"requestheader-{flag.replace('_', '-')}"] = json.dumps(values, separators=(",", ":"))
    return data
