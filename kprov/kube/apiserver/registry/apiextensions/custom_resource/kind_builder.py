"""Build the served kinds of a definition. It costs time for large schemas, and runs in a thread.

Source: apiextensions-apiserver/pkg/apiserver/customresource_handler.go (getOrCreateServingInfoFor).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import orjson

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.registry.apiextensions.custom_resource import json_path
from kprov.kube.apiserver.registry.apiextensions.custom_resource.columns import build_columns
from kprov.kube.apiserver.registry.apiextensions.custom_resource.decoding import CustomEntryDecoder
from kprov.kube.apiserver.registry.apiextensions.custom_resource.scale import ScalePaths
from kprov.kube.apiserver.registry.apiextensions.custom_resource.strategy import CustomResourceStrategy
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.served_kind import StoredKind
from kprov.kube.apiserver.storage.interface import Storage
from kprov.kube.machinery.conversion.table import Conversion
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import ALL_VERBS, Resource, Subresource, rank_version
from kprov.kube.machinery.schema.custom.custom_types import CustomTypes
from kprov.kube.machinery.schema.custom.structural import Compiler
from kprov.kube.machinery.schema.versioned_types import VersionedTypes

_READ_WRITE: Final = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class CustomKinds:
    """What a definition adds: the kinds that are served, and the store behind all of them."""

    uid: str
    kinds: tuple[StoredKind, ...]
    store: Store

    @property
    def cache(self) -> ResourceCache:
        return self.store.cache


def build_kinds(definition: JsonObject, storage: Storage, cacher: Cacher) -> CustomKinds:
    """Build the kinds of a definition whose names are accepted. The cache is not added to the cacher."""
    spec = definition["spec"]
    versions = sorted(spec["versions"], key=lambda version: rank_version(version["name"]))
    resources = {version["name"]: _build_resource(definition, version) for version in versions}
    preserve = bool(spec.get("preserveUnknownFields"))
    compiler = Compiler()
    types = {
        version["name"]: CustomTypes(
            resources[version["name"]].gvk,
            _find_schema(version),
            preserve_unknown=preserve,
            compiler=compiler,
        )
        for version in versions
    }
    stored_version = next(version for version in versions if version.get("storage"))
    stored = resources[stored_version["name"]]
    fields = {
        field["jsonPath"].removeprefix("."): json_path.parse(field["jsonPath"])
        for version in versions
        for field in version.get("selectableFields") or ()
    }
    strategies = {
        version["name"]: _build_strategy(version, stored, resources[version["name"]], types, fields)
        for version in versions
    }
    strategy = strategies[stored.version]
    cache = ResourceCache(
        stored,
        folder=f"{stored.group}/{stored.plural}",
        decoder=CustomEntryDecoder(stored, strategy),
    )
    all_types = VersionedTypes({resources[name].gvk: held for name, held in types.items()})
    store = Store(
        resource=stored,
        strategy=strategy,
        storage=storage,
        cacher=cacher,
        cache=cache,
        types=all_types,
        other_versions=[resource for resource in resources.values() if resource is not stored],
    )
    # Without the webhook, objects of the other versions would have wrong fields.
    is_convertible = (spec.get("conversion") or {}).get("strategy") != "Webhook"
    kinds = tuple(
        _build_kind(
            version,
            resources[version["name"]],
            types[version["name"]],
            all_types,
            store,
            strategies[version["name"]],
            types[stored.version],
        )
        for version in versions
        if version.get("served") and (is_convertible or version is stored_version)
    )
    return CustomKinds(definition["metadata"]["uid"], kinds, store)


def omit_schemas(definition: JsonObject) -> JsonObject:
    """Return a definition without schemas, none of whose versions is served."""
    spec = definition["spec"]
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    versions = [
        {"name": version["name"], "storage": version.get("storage"), "schema": schema}
        for version in spec["versions"]
    ]
    return {**definition, "spec": {**spec, "versions": versions}}


def _build_kind(
    version: JsonObject,
    resource: Resource,
    types: CustomTypes,
    all_types: VersionedTypes,
    store: Store,
    strategy: CustomResourceStrategy,
    stored_types: CustomTypes,
) -> StoredKind:
    stored = store.resource
    conversion = None
    if resource is not stored:
        conversion = Conversion(
            stored.gvk,
            lambda obj: obj | {"apiVersion": stored.api_version},
            partial(_convert_to_served, resource, types),
        )
    named = ("metadata.name", "metadata.namespace") if resource.namespaced else ("metadata.name",)
    fields = [field["jsonPath"].removeprefix(".") for field in version.get("selectableFields") or ()]
    schema = _find_schema(version)
    encoded = None if schema is None else orjson.dumps(schema)
    return StoredKind(
        resource,
        all_types,
        store if conversion is None else store.with_version(resource, strategy),
        conversion,
        labels={name: name for name in (*named, *fields)},
        columns=build_columns(version.get("additionalPrinterColumns")),
        warnings=_list_warnings(version, resource),
        schema=encoded,
        schema_digest=hashlib.sha256(encoded or b"").hexdigest(),
        # Its own schema checks what is written, and the stored version's restores it.
        weight=max(types.weight, stored_types.weight),
        restore=None if conversion is None else stored_types.restore,
    )


def _build_strategy(
    version: JsonObject,
    stored: Resource,
    resource: Resource,
    types: Mapping[str, CustomTypes],
    fields: Mapping[str, json_path.Path],
) -> CustomResourceStrategy:
    """Build the rules of a version: its schema checks what is sent in it. Subresources may differ."""
    scale = (version.get("subresources") or {}).get("scale")
    return CustomResourceStrategy(
        replace(stored, subresources=resource.subresources),
        types[resource.version],
        fields,
        None if scale is None else ScalePaths.from_definition(scale),
    )


def _convert_to_served(resource: Resource, types: CustomTypes, obj: JsonObject) -> JsonObject:
    served_object = obj | {"apiVersion": resource.api_version}
    types.restore(served_object)
    return served_object


def _list_warnings(version: JsonObject, resource: Resource) -> tuple[str, ...]:
    if not version.get("deprecated"):
        return ()
    text = version.get("deprecationWarning")
    return (text or f"{resource.api_version} {resource.kind} is deprecated",)


def _find_schema(version: JsonObject) -> JsonObject | None:
    return (version.get("schema") or {}).get("openAPIV3Schema")


def _build_resource(definition: JsonObject, version: JsonObject) -> Resource:
    spec, names = definition["spec"], definition["status"]["acceptedNames"]
    group, name, kind = spec["group"], version["name"], names["kind"]
    subresources = []
    held = version.get("subresources") or {}
    if held.get("status") is not None:
        subresources.append(Subresource("status", group, name, kind, _READ_WRITE))
    if held.get("scale") is not None:
        subresources.append(Subresource("scale", "autoscaling", "v1", "Scale", _READ_WRITE))
    return Resource(
        group=group,
        version=name,
        kind=kind,
        plural=names["plural"],
        singular=names.get("singular", ""),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=ALL_VERBS,
        subresources=tuple(subresources),
        list_kind_name=names.get("listKind", ""),
    )
