"""The allocation of a claim as it is written to its status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kprov.kube.machinery.json_object import JsonMapping, JsonObject
from kprov.kube.scheduler.devices.allocator import ChosenDevice, ClaimRequests
from kprov.kube.scheduler.devices.requests import Request


def build_allocation(claim: ClaimRequests, node: str) -> JsonObject:
    """Build the allocation of a claim from the devices that were chosen on the node."""
    devices: JsonObject = {"results": [_build_result(chosen) for chosen in claim.chosen]}
    config = [*_list_class_configs(claim), *_list_claim_configs(claim)]
    if config:
        devices["config"] = config
    allocation: JsonObject = {"devices": devices}
    selector = _build_node_selector(claim.chosen, node)
    if selector is not None:
        allocation["nodeSelector"] = selector
    return allocation


def list_selected(claim: ClaimRequests) -> Iterator[Request]:
    """Yield each request, or the alternative that was chosen for it."""
    chosen = {id(device.request): device.request for device in claim.chosen}
    for alternatives in claim.requests:
        yield next((request for request in alternatives if id(request) in chosen), alternatives[0])


def _build_result(chosen: ChosenDevice) -> JsonObject:
    request, device = chosen.request, chosen.device
    result: JsonObject = {
        "request": request.full_name,
        "driver": device.id.driver,
        "pool": device.id.pool,
        "device": device.id.device,
    }
    if request.admin_access:
        result["adminAccess"] = True
    if request.tolerations:
        result["tolerations"] = list(request.tolerations)
    for field in ("bindingConditions", "bindingFailureConditions"):
        if device.spec.get(field):
            result[field] = device.spec[field]
    if chosen.share_id:
        result["shareID"] = chosen.share_id
    if chosen.consumed:
        result["consumedCapacity"] = {name: str(value) for name, value in chosen.consumed.items()}
    return result


def _list_class_configs(claim: ClaimRequests) -> list[JsonObject]:
    """Return the configurations of each class once, with the names of all requests for the class."""
    by_class: dict[str, list[JsonObject]] = {}
    for request in list_selected(claim):
        name = request.device_class["metadata"]["name"]
        if name in by_class:
            for entry in by_class[name]:
                entry["requests"].append(request.full_name)
            continue
        by_class[name] = [
            {"source": "FromClass", "requests": [request.full_name], **config}
            for config in request.device_class["spec"].get("config") or ()
        ]
    return [entry for entries in by_class.values() for entry in entries]


def _list_claim_configs(claim: ClaimRequests) -> Iterator[JsonObject]:
    """Yield the configurations that are for all requests, or for a selected request or its parent."""
    names = {name for request in list_selected(claim) for name in (request.parent, request.full_name)}
    for config in (claim.spec.get("devices") or {}).get("config") or ():
        requests = config.get("requests") or ()
        if not requests or not names.isdisjoint(requests):
            yield {"source": "FromClaim", **config}


def _build_node_selector(chosen: Sequence[ChosenDevice], node: str) -> JsonObject | None:
    """Build a selector of the nodes that can use all devices. Return None if all nodes can."""
    term: dict[str, list[Any]] = {}
    for allocated in chosen:
        topology = allocated.device.topology or allocated.device.slice.topology
        if topology.node or allocated.device.spec.get("bindsToNode"):
            field = {"key": "metadata.name", "operator": "In", "values": [node]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        if topology.selector is not None:
            _add_requirements(term, topology.selector)
    return {"nodeSelectorTerms": [term]} if term else None


def _add_requirements(term: dict[str, list[Any]], selector: JsonMapping) -> None:
    """Add the requirements of a selector, which has a single term, to the term."""
    for added in (selector.get("nodeSelectorTerms") or ())[:1]:
        for kind in ("matchFields", "matchExpressions"):
            for requirement in added.get(kind) or ():
                known = term.setdefault(kind, [])
                if requirement not in known:
                    known.append(requirement)
