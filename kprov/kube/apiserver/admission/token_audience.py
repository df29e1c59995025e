"""Whether a volume of a pod needs a token for an audience, so that its kubelet may request one.

Source: upstream plugin/pkg/admission/noderestriction/admission.go, podReferencesAudience. In-tree volumes,
which upstream translates to CSI, are not translated.
"""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.json_object import JsonObject


def has_audience(registry: Registry, pod: JsonObject, audience: str) -> bool:
    """Whether a projected token or the CSI driver of a volume has the audience."""
    for volume in pod["spec"].get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            token = source.get("serviceAccountToken")
            if token is not None and token.get("audience", "") == audience:
                return True
    drivers = registry.store("storage.k8s.io", "csidrivers").lister
    for name in _list_drivers(registry, pod):
        driver = drivers.get("", name) or {"spec": {}}
        if any(each.get("audience", "") == audience for each in driver["spec"].get("tokenRequests") or ()):
            return True
    return False


def _list_drivers(registry: Registry, pod: JsonObject) -> Iterator[str]:
    """The names of the CSI drivers of a pod's volumes."""
    claims = registry.store("", "persistentvolumeclaims").lister
    volumes = registry.store("", "persistentvolumes").lister
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("csi"):
            yield volume["csi"].get("driver", "")
            continue
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if volume.get("ephemeral"):
            name = f"{pod['metadata']['name']}-{volume['name']}"
        claim = claims.get(namespace, name) if name else None
        bound = volumes.get("", ((claim or {}).get("spec") or {}).get("volumeName", "")) if claim else None
        if bound is not None:
            yield (bound["spec"].get("csi") or {}).get("driver", "")
