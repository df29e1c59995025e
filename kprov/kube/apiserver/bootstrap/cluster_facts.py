"""Cluster facts in the API: the default ServiceCIDR, and the day since which legacy token use is recorded.

Source: upstream pkg/controlplane/controller (defaultservicecidr, legacytokentracking).
"""

from __future__ import annotations

import asyncio
import logging
from argparse import Namespace
from collections.abc import Callable
from typing import Final

from kprov.kube.apiserver.bootstrap import system
from kprov.kube.apiserver.registry.core.service.allocators.events import Recorder
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)


_GROUP: Final = "networking.k8s.io"
_CIDR: Final = "kubernetes"
_NAMESPACE: Final = "kube-system"
_CIDR_SECONDS: Final = 10.0
_TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
_TRACKING_SECONDS: Final = 60.0


async def run_service_cidr(options: Namespace, registry: Registry, done: Callable[[], None]) -> None:
    """Create a missing ServiceCIDR: the post-start hook start-kubernetes-service-cidr-controller."""
    store = registry.store(_GROUP, "servicecidrs")
    cidrs = [part.strip() for part in options.service_cluster_ip_range.split(",") if part]
    recorder = Recorder(registry, "kubernetes-service-cidr-controller")
    while True:
        current = store.lister.get("", _CIDR)
        if current is None:
            wanted = {"metadata": {"name": _CIDR}, "spec": {"cidrs": cidrs}}
            await system.ensure(registry, _GROUP, "servicecidrs", "", wanted)
        else:
            await _follow_flags(registry, current, cidrs, recorder)
        if current is None or (current["spec"].get("cidrs") == cidrs and _lacks_ready(current)):
            context = make_system_context("update", store.resource, "", _CIDR)
            await store.update(context, "", _CIDR, _add_ready, subresource="status")
        done()
        await asyncio.sleep(_CIDR_SECONDS)


async def _follow_flags(
    registry: Registry, current: JsonObject, cidrs: list[str], recorder: Recorder
) -> None:
    """Add a second address family of the flags to the object; report other differences as an event."""
    had = (current.get("spec") or {}).get("cidrs") or []
    if had == cidrs or current["metadata"].get("deletionTimestamp"):
        return
    if len(had) != 1 or len(cidrs) != 2 or had[0] != cidrs[0]:
        shown = f"[{' '.join(had)}] does not match the controller flag configurations [{' '.join(cidrs)}]"
        await recorder.warn(
            current, "KubernetesDefaultServiceCIDRInconsistent", f"The default ServiceCIDR {shown}"
        )
        return
    store = registry.store(_GROUP, "servicecidrs")

    def change(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"]["cidrs"] = cidrs
        return obj

    await store.update(make_system_context("update", store.resource, "", _CIDR), "", _CIDR, change)


def _lacks_ready(obj: JsonObject) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return not any(
        condition.get("type") == "Ready" and condition.get("status") != "Unknown" for condition in conditions
    )


def _add_ready(obj: JsonObject | None) -> JsonObject:
    assert obj is not None
    conditions = (obj.setdefault("status", {}).get("conditions")) or []
    obj["status"]["conditions"] = [
        *(condition for condition in conditions if condition["type"] != "Ready"),
        {
            "type": "Ready",
            "status": "True",
            "reason": "",
            "message": "Kubernetes default Service CIDR is ready",
            "lastTransitionTime": timestamps.now(),
        },
    ]
    return obj


async def run_token_tracking(registry: Registry, done: Callable[[], None]) -> None:
    """Write the day once: the post-start hook start-legacy-token-tracking-controller."""
    store = registry.store("", "configmaps")
    while True:
        current = store.lister.get(_NAMESPACE, _TRACKING)
        if current is None:
            await system.ensure_namespace(registry, _NAMESPACE)
            wanted = {"metadata": {"name": _TRACKING}, "data": {"since": _format_today()}}
            await system.ensure(registry, "", "configmaps", _NAMESPACE, wanted)
        elif not _is_day((current.get("data") or {}).get("since", "")):
            context = make_system_context("update", store.resource, _NAMESPACE, _TRACKING)
            await store.update(context, _NAMESPACE, _TRACKING, _build_tracking_object)
        done()
        await asyncio.sleep(_TRACKING_SECONDS)


def _build_tracking_object(obj: JsonObject | None) -> JsonObject:
    assert obj is not None
    if not _is_day((obj.get("data") or {}).get("since", "")):
        obj["data"] = (obj.get("data") or {}) | {"since": _format_today()}
    return obj


def _format_today() -> str:
    return timestamps.now().partition("T")[0]


def _is_day(text: str) -> bool:
    return timestamps.is_valid(f"{text}T00:00:00Z")
