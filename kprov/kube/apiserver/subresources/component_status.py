"""componentstatuses: the health of the scheduler, the controller manager and etcd, checked at each request.

Source: upstream pkg/registry/core/componentstatus, pkg/registry/core/rest/storage_core.go.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Final

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.storage.interface import StorageError
from kprov.kube.apiserver.subresources.call import Call, Reply
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


async def read_component_statuses(call: Call) -> Reply:
    """Handle GET of one or all. Raise NotFound for an unknown component."""
    call.context.warnings.append(_DEPRECATED)
    names = [*_URLS, _ETCD]
    if call.context.info.verb == "get":
        if call.name not in names:
            raise status.not_found("componentstatus", call.name)
        found = await _build_status(call.registry, call.name)
        return Reply({"kind": "ComponentStatus", "apiVersion": "v1", **found})
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
    """The reason why a component is not healthy, or ""."""
    import aiohttp

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, ssl=context) as answer:
            body = (await answer.text())[:1024]
            return (
                "" if answer.status == 200 else f"HTTP probe failed with statuscode: {answer.status}: {body}"
            )
    except aiohttp.ClientConnectorError as error:
        address = url.split("/")[2]
        reason = os.strerror(error.errno).lower() if error.errno else str(error.os_error)
        return f'Get "{url}": dial tcp {address}: connect: {reason}'
    except (aiohttp.ClientError, TimeoutError) as error:
        return f'Get "{url}": {error}'
