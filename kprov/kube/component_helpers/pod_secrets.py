"""Which secrets a pod uses (pkg/api/v1/pod, VisitPodSecretNames)."""

from collections.abc import Iterator
from typing import Final

from kprov.kube.api.core import Container, Pod
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


def list_secret_names(pod: Pod) -> set[str]:
    """The names of the secrets, in the pod's namespace."""
    spec = pod.spec
    found = {reference.name for reference in spec.image_pull_secrets}
    for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
        found.update(_list_environment(container))
    for volume in spec.volumes:
        found.update(_list_volume(volume))
    return found - {""}


def _list_environment(container: Container) -> Iterator[str]:
    for source in container.env_from:
        if source.secret_ref is not None:
            yield source.secret_ref.name
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
            yield variable.value_from.secret_key_ref.name


def _list_volume(volume: JsonObject) -> Iterator[str]:
    for kind, field in _NAME_FIELDS.items():
        yield (volume.get(kind) or {}).get(field, "")
    for kind, field in _REFERENCE_FIELDS.items():
        yield ((volume.get(kind) or {}).get(field) or {}).get("name", "")
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield (source.get("secret") or {}).get("name", "")
