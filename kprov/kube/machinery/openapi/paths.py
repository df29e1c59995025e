"""The paths of OpenAPI documents, from the resource table: one neutral Operation per method of a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kprov.kube.machinery.resources import Resource, Subresource

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
PATCH_BODY, DELETE_OPTIONS, STATUS = f"{_META}.Patch", f"{_META}.DeleteOptions", f"{_META}.Status"
CONNECT = frozenset({"exec", "attach", "portforward", "proxy"})
_METHODS = {"get": "get", "list": "get", "create": "post", "update": "put", "patch": "patch"}
_TITLES = {"get": "read", "update": "replace", "list": "list", "create": "create", "patch": "patch"}

#: Query parameters by name: (type, description).
PARAMETERS: dict[str, tuple[str, str]] = {
    "dryRun": ("string", "With All, every stage runs but nothing is stored."),
    "fieldManager": ("string", "Name of whoever makes the change, at most 128 printable characters."),
    "fieldValidation": ("string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."),
    "force": ("boolean", "Take fields that other managers own; for apply patches only."),
    "gracePeriodSeconds": ("integer", "Seconds until the object is deleted; 0 deletes at once."),
    "orphanDependents": ("boolean", "Deprecated: use propagationPolicy."),
    "propagationPolicy": ("string", "What becomes of dependents: Orphan, Background or Foreground."),
    "labelSelector": ("string", "Only objects whose labels match."),
    "fieldSelector": ("string", "Only objects whose fields match."),
    "limit": ("integer", "At most so many items; the list's continue token asks for the next ones."),
    "continue": ("string", "Token of a list that was cut at its limit."),
    "resourceVersion": ("string", "How recent the answer must be."),
    "resourceVersionMatch": ("string", "How resourceVersion is applied to lists."),
    "timeoutSeconds": ("integer", "Longest duration of the call."),
    "watch": ("boolean", "Stream changes instead of listing."),
    "allowWatchBookmarks": ("boolean", "Send BOOKMARK events."),
    "sendInitialEvents": ("boolean", "Begin a watch with the present objects."),
    "pretty": ("string", "If true, the output is pretty printed."),
}
_LIST = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_DELETE = ("dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy")
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_PARAMETERS_OF = {
    "list": _LIST,
    "create": _WRITE,
    "update": _WRITE,
    "patch": (*_WRITE, "force"),
    "delete": _DELETE,
    "deletecollection": (*(name for name in _LIST if name not in {"watch", "allowWatchBookmarks"}), *_DELETE),
}
_DESCRIPTIONS = {
    "get": "read {part} of the specified {kind}",
    "list": "list or watch objects of kind {kind}",
    "create": "create {part} of {a} {kind}",
    "update": "replace {part} of the specified {kind}",
    "patch": "partially update {part} of the specified {kind}",
    "delete": "delete {a} {kind}",
    "deletecollection": "delete collection of {kind}",
}
#: HTTP codes of success.
_CODES = {
    "create": (200, 201, 202),
    "update": (200, 201),
    "patch": (200, 201),
    "delete": (200, 202),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. gvk: its kind. body and response: kinds, or names of definitions."""

    path: str
    method: str
    action: str
    operation_id: str
    description: str
    gvk: tuple[str, str, str]
    body: tuple[str, str, str] | str | None
    response: tuple[str, str, str] | str | None
    parameters: tuple[str, ...]
    codes: tuple[int, ...] = (200,)

    @property
    def tag(self) -> str:
        """The group version of the path: "apps_v1", "core_v1"."""
        parts = self.path.split("/")
        group, version = parts[2:4] if parts[1] == "apis" else ("", parts[2])
        first, *others = group_words(group)
        return f"{first}{''.join(map(str.capitalize, others))}_{version}"


def group_words(group: str) -> list[str]:
    """Return the words for a group in ids and tags: [rbac, authorization] of rbac.authorization.k8s.io."""
    return group.removesuffix(".k8s.io").split(".") if group else ["core"]


def operations(resource: Resource) -> Iterator[Operation]:
    """Every operation of a resource and its subresources, collection first."""
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{resource.api_path}{scope}/{resource.plural}"
    if resource.namespaced and "list" in resource.verbs:
        everywhere = f"{resource.api_path}/{resource.plural}"
        yield _operation(resource, everywhere, "list", suffix="ForAllNamespaces")
    for verb in ("list", "create", "deletecollection"):
        if verb in resource.verbs:
            yield _operation(resource, collection, verb)
    item = f"{collection}/{{name}}"
    for verb in ("get", "update", "patch", "delete"):
        if verb in resource.verbs:
            yield _operation(resource, item, verb)
    for subresource in resource.subresources:
        for verb in subresource.verbs:
            yield _suboperation(resource, subresource, f"{item}/{subresource.name}", verb)


def _group_id(resource: Resource) -> str:
    return "".join(map(str.capitalize, group_words(resource.group))) + resource.version.capitalize()


def _operation(resource: Resource, path: str, verb: str, suffix: str = "") -> Operation:
    kind = resource.gvk
    listed = (resource.group, resource.version, resource.list_kind)
    namespaced = "Namespaced" if resource.namespaced and not suffix else ""
    title = _TITLES.get(verb, "delete")
    collection = "Collection" if verb == "deletecollection" else ""
    bodies: dict[str, tuple[str, str, str] | str] = {"create": kind, "update": kind, "patch": PATCH_BODY}
    deletes = verb in {"delete", "deletecollection"}
    return Operation(
        path=path,
        method="delete" if deletes else _METHODS[verb],
        action={"create": "post", "update": "put"}.get(verb, verb),
        operation_id=f"{title}{_group_id(resource)}{collection}{namespaced}{resource.kind}{suffix}",
        description=_describe_operation(verb, resource.kind, ""),
        gvk=kind,
        body=DELETE_OPTIONS if deletes else bodies.get(verb),
        response=STATUS if deletes else listed if verb == "list" else kind,
        parameters=_PARAMETERS_OF.get(verb, ()),
        codes=_CODES.get(verb, (200,)),
    )


def _describe_operation(verb: str, kind: str, part: str) -> str:
    """Upstream's description of an operation. part: the subresource, "" for the object itself."""
    article = "an" if kind[0] in "AEIOU" else "a"
    text = _DESCRIPTIONS[verb].format(part=part, a=article, kind=kind)
    return text if part else text.replace("  of ", " ")


def _describe_connection(verb: str, kind: str, part: str) -> str:
    return f"connect {_METHODS.get(verb, verb).upper()} requests to {part} of {kind}"


def _suboperation(resource: Resource, subresource: Subresource, path: str, verb: str) -> Operation:
    kind = (subresource.group, subresource.version, subresource.kind)
    connects = subresource.name in CONNECT
    namespaced = "Namespaced" if resource.namespaced else ""
    place = f"{namespaced}{resource.kind}{subresource.name.capitalize()}"
    group, method = _group_id(resource), "delete" if verb == "delete" else _METHODS[verb]
    connect_id = f"connect{group}{method.capitalize()}{place}"
    body: tuple[str, str, str] | str | None = kind if verb in {"create", "update"} else None
    if verb == "patch":
        body = PATCH_BODY
    return Operation(
        path=path,
        method=method,
        action="connect" if connects else {"create": "post", "update": "put"}.get(verb, verb),
        operation_id=connect_id if connects else f"{_TITLES.get(verb, verb)}{group}{place}",
        description=_describe_connection(verb, resource.kind, subresource.name)
        if connects
        else _describe_operation(verb, resource.kind, subresource.name),
        gvk=kind,
        body=None if connects else body,
        response=None if connects or subresource.name == "log" else kind,
        parameters=() if connects else _PARAMETERS_OF.get(verb, ()),
        codes=(200,) if connects else _CODES.get(verb, (200,)),
    )
