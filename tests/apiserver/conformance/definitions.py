"""Custom resource definitions of the tests, each in a group of its own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.servers import ApiServer

JsonObject = dict[str, Any]

DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NUMBERS = itertools.count(1)


class Gadgets:
    """A definition of gadgets in a new group. kind: another kind than Gadget."""

    def __init__(
        self, server: ApiServer, *, scope: str = "Namespaced", group: str = "", kind: str = "Gadget"
    ) -> None:
        self.server = server
        self.scope = scope
        self.kind = kind
        self.plural = f"{kind.lower()}s"
        self.group = group or f"c{next(_NUMBERS)}.example.com"
        self.name = f"{self.plural}.{self.group}"
        self.item = f"{DEFINITIONS}/{self.name}"

    def describe(self, versions: Sequence[JsonObject], **more: Any) -> JsonObject:
        """The definition. more: fields of the spec."""
        names = {"plural": self.plural, "singular": self.kind.lower()}
        names |= {"kind": self.kind, "listKind": f"{self.kind}List"}
        spec = {"group": self.group, "scope": self.scope, "names": names, "versions": list(versions)}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name},
            "spec": spec | more,
        }

    def define(self, versions: Sequence[JsonObject], **more: Any) -> None:
        """Create the definition, and wait until it is established."""
        ok(self.server, "POST", DEFINITIONS, self.describe(versions, **more))
        eventually(lambda: self.conditions().get("Established") == "True")

    def conditions(self) -> dict[str, str]:
        status = ok(self.server, "GET", self.item)["status"]
        return {condition["type"]: condition["status"] for condition in status["conditions"] or ()}

    def remove(self) -> None:
        """Delete the definition, and wait until it is gone."""
        ok(self.server, "DELETE", self.item)
        eventually(lambda: self.server.get(self.item).status == 404)

    def path(self, namespace: str = "", name: str = "", version: str = "v1") -> str:
        """The path of the collection or of an object."""
        within = f"/namespaces/{namespace}" if namespace else ""
        return f"/apis/{self.group}/{version}{within}/{self.plural}" + (f"/{name}" if name else "")

    def make(self, name: str, version: str = "v1", **fields: Any) -> JsonObject:
        """An object."""
        return {
            "apiVersion": f"{self.group}/{version}",
            "kind": self.kind,
            "metadata": {"name": name},
            **fields,
        }


def version(
    name: str = "v1", properties: Mapping[str, Any] | None = None, *, storage: bool = True, **more: Any
) -> JsonObject:
    """A version with a schema of its properties. more: fields of the version; schema: instead of it."""
    schema: JsonObject = {"type": "object"}
    if properties is None:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    else:
        schema["properties"] = dict(properties)
    found = {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}
    return found | more
