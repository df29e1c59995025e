"""Defaults that OpenAPI v3 publishes for fields, beside the zeros of zero_values.txt.

A line a type: its definition's name without "io.k8s.", then FIELD=DEFAULT as JSON.
Source: the +default markers of upstream's API types.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson

from kprov.kube.machinery.schema import zero_values

_MARKED: Final = """
api.autoscaling.v1.ScaleSpec replicas=0
api.core.v1.AzureDiskVolumeSource cachingMode="ReadWrite" fsType="ext4" kind="Shared" readOnly=false
api.core.v1.ConfigMapEnvSource name=""
api.core.v1.ConfigMapKeySelector name=""
api.core.v1.ConfigMapProjection name=""
api.core.v1.ConfigMapVolumeSource name=""
api.core.v1.ContainerPort protocol="TCP"
api.core.v1.FileKeySelector optional=false
api.core.v1.GRPCAction service=""
api.core.v1.ISCSIPersistentVolumeSource iscsiInterface="default"
api.core.v1.ISCSIVolumeSource iscsiInterface="default"
api.core.v1.LocalObjectReference name=""
api.core.v1.RBDPersistentVolumeSource keyring="/etc/ceph/keyring" pool="rbd" user="admin"
api.core.v1.RBDVolumeSource keyring="/etc/ceph/keyring" pool="rbd" user="admin"
api.core.v1.ReplicationControllerSpec minReadySeconds=0 replicas=1
api.core.v1.ScaleIOPersistentVolumeSource fsType="xfs" storageMode="ThinProvisioned"
api.core.v1.ScaleIOVolumeSource fsType="xfs" storageMode="ThinProvisioned"
api.core.v1.SecretEnvSource name=""
api.core.v1.SecretKeySelector name=""
api.core.v1.SecretProjection name=""
api.core.v1.ServicePort protocol="TCP"
api.resource.v1.DeviceToleration operator="Equal"
"""
_NO_ZERO: Final = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
}


@cache
def _marked() -> dict[str, dict[str, Any]]:
    lines = (line.split() for line in _MARKED.strip().splitlines())
    return {
        name: {word.split("=")[0]: orjson.loads(word.split("=")[1]) for word in words}
        for name, *words in lines
    }


def default_of(definition: str, field: str, reference: str) -> Any:
    """The default of a type's field, None for none. reference: the definition it refers to, or ""."""
    marked = _marked().get(definition.removeprefix("io.k8s."), {})
    if field in marked:
        return marked[field]
    fields = zero_values.of_definition(definition)
    if fields is None or reference in _NO_ZERO:
        return None
    return {} if field in fields.structs else fields.written.get(field)
