"""Which secrets a volume of a pod uses (pkg/api/v1/pod, VisitPodSecretNames)."""

from collections.abc import Iterator
from typing import Final

from kprov.kube.machinery.json_object import JsonObject

#: The fields of volume sources that name a secret, and those that refer to one.
_NAME_FIELDS: Final = {"azureFile": "secretName", "secret": "secretName"}
_REFERENCE_FIELDS: Final = {
    "cephfs": "secretRef",
    "cinder": "secretRef",
    "csi": "nodePublishSecretRef",
    "flexVolume": "secretRef",
    "iscsi": "secretRef",
    "rbd": "secretRef",
    "scaleIO": "secretRef",
    "storageos": "secretRef",
}


def list_volume_secrets(volume: JsonObject) -> Iterator[str]:
    """Yield the names of the secrets in the pod's namespace; "" for fields that are not set."""
    for kind, field in _NAME_FIELDS.items():
        yield (volume.get(kind) or {}).get(field, "")
    for kind, field in _REFERENCE_FIELDS.items():
        yield ((volume.get(kind) or {}).get(field) or {}).get("name", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield (source.get("secret") or {}).get("name", "")
