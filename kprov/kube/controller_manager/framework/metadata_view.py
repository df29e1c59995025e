"""The metadata of any object, for controllers that look at all kinds."""

from typing import ClassVar

import msgspec

from kprov.kube.api.meta import OwnerReference, View


class Meta(View):
    """What ownership needs. There is one for every object of kinds without a controller of their own."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = ""
    owner_references: list[OwnerReference] = msgspec.field(default_factory=list)
    finalizers: list[str] = msgspec.field(default_factory=list)


class Owned(View):
    """Any object, read as PartialObjectMetadata."""

    metadata_only: ClassVar[bool] = True

    metadata: Meta = msgspec.field(default_factory=Meta)
