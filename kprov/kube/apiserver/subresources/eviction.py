"""pods/eviction: delete a pod if its disruption budget allows it.

Source: upstream pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.apiserver.registry.generic import delete_options
from kprov.kube.apiserver.registry.generic.deletion import DeleteOptions
from kprov.kube.apiserver.registry.generic.metadata import check_namespace
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.apiserver.subresources import disruption
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.apiserver.subresources.conditions import set_condition
from kprov.kube.machinery import field, status
from kprov.kube.machinery.json_object import JsonObject

_TRIES: Final = 20
_CONDITION: Final = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}


async def evict(call: Call) -> Reply:
    """Handle POST of an Eviction; reply with a Status. Raise 429 while a budget protects the pod."""
    eviction = await call.read_object()
    name = eviction["metadata"].get("name", "")
    check_namespace(eviction["metadata"].get("namespace"), call.namespace)
    asked = eviction.get("deleteOptions") or {}
    if asked.get("ignoreStoreReadErrorWithClusterBreakingPotential"):
        text = "can not be set for pod eviction, try after removing the option"
        error = field.invalid("deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential", True, text)
        raise status.invalid("policy", "Eviction", name, [error])
    # The other options are validated later: as upstream, 404 and 429 come before their errors.
    options, dry_run = delete_options.decode(dict(asked))
    call.context.dry_run = call.context.dry_run or dry_run
    attributes = Attributes(
        context=call.context,
        operation="CREATE",
        resource=call.resource,
        subresource="eviction",
        namespace=call.namespace,
        name=call.name,
        obj=eviction,
        old=None,
        options=asked,
    )
    await call.admission.admit(attributes)
    if name != call.name:
        raise status.bad_request("name in URL does not match name in Eviction object")
    await call.admission.validate(attributes)
    pod = await _delete_unprotected(call, options)
    if pod is None:
        return Reply(status.success(code=201), 201)
    await _delete_protected(call, pod, options)
    return Reply(status.success(code=201), 201)


async def _delete_unprotected(call: Call, options: DeleteOptions) -> JsonObject | None:
    """Delete a pod that no budget counts; return other pods."""
    pods = call.registry.store("", "pods")
    for attempt in range(_TRIES):
        pod = await pods.get(call.context, call.namespace, call.name)
        if not disruption.is_unprotected(pod):
            return pod
        used = options
        if not disruption.is_terminal(pod) and options.resource_version is None:
            used = replace(options, resource_version=pod["metadata"]["resourceVersion"])
        try:
            await _delete(call, used)
        except status.StatusError as error:
            if error.reason != "Conflict" or options.resource_version is not None or attempt == _TRIES - 1:
                raise
        else:
            return None
    raise AssertionError


async def _delete_protected(call: Call, pod: JsonObject, options: DeleteOptions) -> None:
    """Delete a running pod after its budget was checked and written."""
    store = call.registry.store("policy", "poddisruptionbudgets")
    budgets = disruption.select_budgets(pod, await store.list(call.context, call.namespace))
    if len(budgets) > 1:
        text = (
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        raise status.failure(500, "", text)
    if not budgets:
        await _delete(call, options)
        return
    budget = budgets[0]["metadata"]["name"]
    if not disruption.allows_unhealthy_eviction(pod, budgets[0]):
        context = make_system_context("update", store.resource, call.namespace, budget)
        context.dry_run = call.context.dry_run
        await store.update(
            context,
            call.namespace,
            budget,
            lambda current: disruption.decrement_budget(current or {}, call.name),
            subresource="status",
            admit=False,
        )
        await _delete(call, options)
        return
    version = options.resource_version or pod["metadata"]["resourceVersion"]
    try:
        await _delete(call, replace(options, resource_version=version))
    except status.StatusError as error:
        if error.reason == "Conflict" and options.resource_version is None:
            raise disruption.still_processing_error(budget) from None
        raise


async def _delete(call: Call, options: DeleteOptions) -> None:
    """Set the condition DisruptionTarget, validate the options and delete the pod."""
    pods = call.registry.store("", "pods")
    if not call.context.dry_run:

        def add_condition(pod: JsonObject | None) -> JsonObject:
            assert pod is not None
            metadata = pod["metadata"]
            for wanted, name, label, why in (
                (options.uid, "uid", "UID", "deleted and then recreated"),
                (options.resource_version, "resourceVersion", "ResourceVersion", "modified"),
            ):
                if wanted and wanted != metadata.get(name):
                    text = f"the {label} in the precondition ({wanted}) does not match the {label} in record"
                    text += f" ({metadata.get(name)}). The object might have been {why}"
                    raise status.conflict("Pod", metadata["name"], text)
            set_condition(pod.setdefault("status", {}), dict(_CONDITION))
            return pod

        # As upstream, an eviction does not change managedFields.
        context = replace(call.context, applied=True)
        pod, _ = await pods.update(
            context, call.namespace, call.name, add_condition, subresource="status", admit=False
        )
        if options.resource_version is not None:
            options = replace(options, resource_version=pod["metadata"]["resourceVersion"])
    delete_options.validate(options.raw)
    await pods.delete(call.context, call.namespace, call.name, options)
