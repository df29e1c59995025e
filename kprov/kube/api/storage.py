"""storage.k8s.io/v1."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

from typing import Any

import msgspec

from kprov.kube.api.meta import Object, View


class TopologySelectorLabelRequirement(View):
    key: str = ""
    values: list[str] = []


class TopologySelectorTerm(View):
    match_label_expressions: list[TopologySelectorLabelRequirement] = []


class StorageClass(Object):
    provisioner: str = ""
    parameters: dict[str, str] = {}
    reclaim_policy: str = "Delete"
    volume_binding_mode: str = "Immediate"
    mount_options: list[str] = []
    allow_volume_expansion: bool = False
    allowed_topologies: list[TopologySelectorTerm] = []


class CSIDriverSpec(View):
    attach_required: bool | None = None
    se_linux_mount: bool | None = msgspec.field(default=None, name="seLinuxMount")


class CSIDriver(Object):
    spec: CSIDriverSpec = msgspec.field(default_factory=CSIDriverSpec)


class VolumeAttachmentSource(View):
    persistent_volume_name: str | None = None
    inline_volume_spec: dict[str, Any] | None = None


class VolumeAttachmentSpec(View):
    attacher: str = ""
    node_name: str = ""
    source: VolumeAttachmentSource = msgspec.field(default_factory=VolumeAttachmentSource)


class VolumeError(View):
    time: str | None = None
    message: str = ""


class VolumeAttachmentStatus(View):
    attached: bool = False
    attach_error: VolumeError | None = None
    detach_error: VolumeError | None = None


class VolumeAttachment(Object):
    spec: VolumeAttachmentSpec = msgspec.field(default_factory=VolumeAttachmentSpec)
    status: VolumeAttachmentStatus = msgspec.field(default_factory=VolumeAttachmentStatus)
