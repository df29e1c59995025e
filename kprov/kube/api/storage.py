"""storage.k8s.io/v1."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

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
