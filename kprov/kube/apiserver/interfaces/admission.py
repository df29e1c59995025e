"""The protocol of the chain of admission plugins, and what it decides on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource


@dataclass(slots=True)
class Attributes:
    """One operation for admission.

    operation: CREATE, UPDATE, DELETE or CONNECT. obj: the new object (None for DELETE), which mutating
    plugins change in place. old: the stored one (None for CREATE). options: the decoded CreateOptions and
    so on.
    """

    context: RequestContext
    operation: str
    resource: Resource
    subresource: str
    namespace: str
    name: str
    obj: JsonObject | None
    old: JsonObject | None
    options: JsonObject
    #: metadata.generateName of an object without a name: mutating plugins run before the name is generated.
    generate_name: str = ""
    #: The resource of the request, if it has another group or version.
    requested_resource: Resource | None = None


class Admission(Protocol):
    """The chain of admission plugins. Both phases raise StatusError to reject."""

    async def admit(self, attributes: Attributes) -> None:
        """Mutating phase; may change attributes.obj in place."""

    async def validate(self, attributes: Attributes) -> None:
        """Run the validating phase."""

    def handles(self, resource: Resource, operation: str) -> bool:
        """Whether any plugin handles the operation; otherwise the store builds no Attributes."""
