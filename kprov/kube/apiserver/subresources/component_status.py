"""componentstatuses: the health of the scheduler, the controller manager and etcd, checked at each request.

Source: upstream pkg/registry/core/componentstatus, pkg/registry/core/rest/storage_core.go.
"""

from __future__ import annotations

import asyncio
from typing import Final

from multidict import CIMultiDict

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.component_base.http_get import GetError, get_document, open_unverified
from kprov.kube.machinery import field_labels, status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.selectors import FieldSelector, LabelSelector, SelectorError

_DEPRECATED: Final = "v1 ComponentStatus is deprecated in v1.19+"
#: The health endpoints on the API server's host. They have self-signed certificates.
_URLS: Final = {
    "scheduler": "https://127.0.0.1:10259/healthz",
    "controller-manager": "https://127.0.0.1:10257/healthz",
}
_ETCD: Final = "etcd-0"
_SECONDS: Final = 5.0
_USER_AGENT: Final = "kube-probe/1.36"
_MAX_BYTES: Final = 10 * 1024
_SHOWN_BYTES: Final = 1024


async def read_component_statuses(call: Call) -> Reply:
    """Handle GET of one or all. Raise NotFound for an unknown component."""
    call.context.warnings.append(_DEPRECATED)
    names = [*_URLS, _ETCD]
    if call.context.info.verb == "get":
        if call.name not in names:
            raise status.not_found("componentstatus", call.name)
        component_status = await _build_status(call.registry, call.name)
        return Reply({"kind": "ComponentStatus", "apiVersion": "v1", **component_status})
    selected = [name for name in names if _is_selected(call, name)]
    items = await asyncio.gather(*(_build_status(call.registry, name) for name in selected))
    return Reply({"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": list(items)})


def _is_selected(call: Call, name: str) -> bool:
    """Whether the list's selectors match a component, which has no labels. Raise StatusError 400."""
    try:
        labels = LabelSelector.parse(call.query.get("labelSelector", ""))
        fields = FieldSelector.parse(call.query.get("fieldSelector", ""))
        fields = field_labels.convert_selector(call.resource.gvk, fields)
    except SelectorError as error:
        raise status.bad_request(str(error)) from None
    return labels.matches({}) and fields.matches({"metadata.name": name})


async def _build_status(registry: Registry, name: str) -> JsonObject:
    error = await (_check_etcd(registry) if name == _ETCD else _check_component(_URLS[name]))
    condition = {
        "type": "Healthy",
        "status": "False" if error else "True",
        "message": error or "ok",
    }
    return {"metadata": {"name": name}, "conditions": [condition]}


async def _check_etcd(registry: Registry) -> str:
    try:
        await registry.storage.current_revision()
    except StorageError as error:
        return str(error)
    return ""


async def _check_component(url: str) -> str:
    """Return the reason why a component is not healthy, or ""."""
    try:
        document = await get_document(
            url,
            CIMultiDict({"User-Agent": _USER_AGENT, "Accept": "*/*"}),
            open_unverified,
            seconds=_SECONDS,
            max_bytes=_MAX_BYTES,
            leaves_host=False,
        )
    except GetError as error:
        return f'Get "{error.url}": {error}'
    if document.status == 200:
        return ""
    body = document.body[:_SHOWN_BYTES].decode(errors="replace")
    return f"HTTP probe failed with statuscode: {document.status}: {body}"
