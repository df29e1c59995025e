"""The parameter objects of a binding.

Source: k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go (CollectParams).
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectStores
from kprov.kube.machinery import resources
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.selectors import LabelSelector, SelectorError


class ParameterError(Exception):
    """A binding has no parameters that its policy needs."""


def find_parameter_store(stores: ObjectStores, kind: JsonMapping) -> ObjectReader:
    """Return the objects of paramKind. Raises ParameterError."""
    group, version = resources.split_api_version(kind["apiVersion"])
    resource = stores.find_kind(group, version, kind["kind"])
    try:
        if resource is not None:
            return stores.store(group, resource.plural)
    except KeyError:
        pass
    shown = f"{kind['apiVersion']}, Kind={kind['kind']}"
    raise ParameterError(f"failed to find resource referenced by paramKind: '{shown}'")


async def find_parameters(
    store: ObjectReader | None, reference: JsonMapping | None, namespace: str
) -> Sequence[JsonMapping | None]:
    """Return the parameters, [None] for none. namespace: of the request. Raises ParameterError."""
    if store is None or reference is None:
        return [None]
    where = reference.get("namespace") or ""
    if not store.resource.namespaced:
        if where:
            raise ParameterError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    else:
        where = where or namespace
        if not where:
            text = "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
            raise ParameterError(text)
    if not store.lister.synced:
        await store.catch_up()
    parameters = _read_parameters(store, reference, where)
    if not parameters and reference.get("parameterNotFoundAction") == "Deny":
        raise ParameterError("no params found for policy binding with `Deny` parameterNotFoundAction")
    return parameters


def _read_parameters(store: ObjectReader, reference: JsonMapping, namespace: str) -> list[JsonMapping]:
    name = reference.get("name")
    if name:
        shared = store.lister.get_shared(namespace, name)
        return [] if shared is None else [shared]
    try:
        selector = LabelSelector.from_object(reference.get("selector"))
    except SelectorError as error:
        raise ParameterError(str(error)) from None
    return [
        parameter
        for parameter in store.lister.list_shared(namespace)
        if selector.matches(parameter["metadata"].get("labels"))
    ]
