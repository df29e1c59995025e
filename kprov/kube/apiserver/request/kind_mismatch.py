"""The message for an object of another kind than the path's.

Source: apimachinery/pkg/runtime: scheme.go, conversion.go, error.go.
"""

from __future__ import annotations

import functools
from typing import Final

from kprov.kube.machinery import status
from kprov.kube.machinery.resources import api_version, list_resources, split_api_version

Gvk = tuple[str, str, str]

#: Kinds of Go's package metav1 that every group version has.
_OPTIONS: Final = {f"{verb}Options" for verb in ("Create", "Delete", "Get", "List", "Patch", "Update")}
_CORE: Final = {"Status", "List", "APIGroup", "APIGroupList", "APIResourceList", "APIVersions"}
#: Groups whose internal Go package is not named after the first word of the group.
_PACKAGES: Final = {"": "core", "events.k8s.io": "core", "internal.apiserver.k8s.io": "apiserverinternal"}


def describe_mismatch(found_version: str, found_kind: str, gvk: Gvk) -> str:
    """Return the message of the 400. found_version: an apiVersion. gvk: the kind of the path."""
    group, version, kind = gvk
    found_group, short = split_api_version(found_version)
    if (
        found_kind == kind
        and found_group == group
        and (found_group, short, found_kind) in _list_known_kinds()
    ):
        return (
            f"the API version in the data ({found_version}) does not match the expected API version "
            f"({api_version(group, version)})"
        )
    text = f"{found_kind} in version {status.quoted(short)} cannot be handled as a {kind}: "
    if _is_known(found_group, short, found_kind):
        package = _PACKAGES.get(group, group.partition(".")[0])
        return f"{text}converting ({short}.{found_kind}) to ({package}.{kind}): unknown conversion"
    return (
        f"{text}no kind {status.quoted(found_kind)} is registered for version {status.quoted(found_version)}"
    )


def _is_known(group: str, version: str, kind: str) -> bool:
    if kind in _OPTIONS:
        return any(known[:2] == (group, version) for known in _list_known_kinds())
    return (group, version, kind) in _list_known_kinds() or (not group and version == "v1" and kind in _CORE)


@functools.cache
def _list_known_kinds() -> frozenset[Gvk]:
    kinds = set[Gvk]()
    for resource in list_resources():
        kinds |= {resource.gvk, (resource.group, resource.version, resource.list_kind)}
        kinds |= {
            (subresource.group, subresource.version, subresource.kind)
            for subresource in resource.subresources
        }
    return frozenset(kinds)
