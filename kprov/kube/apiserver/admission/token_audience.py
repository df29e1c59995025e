"""Whether a volume of a pod needs a token for an audience, so that its kubelet may request one.

Source: upstream plugin/pkg/admission/noderestriction/admission.go, podReferencesAudience. In-tree volumes,
which upstream translates to CSI, are not translated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kprov.kube.apiserver.interfaces.objects import CacheReader
from kprov.kube.machinery.json_object import JsonObject


@dataclass(frozen=True, slots=True)
class TokenAudiences:
    """Finds the audiences of a pod's volumes."""

    drivers: CacheReader
    claims: CacheReader
    volumes: CacheReader

    def has_audience(self, pod: JsonObject, audience: str) -> bool:
        """Whether a projected token or the CSI driver of a volume has the audience."""
        for volume in pod["spec"].get("volumes") or ():
            for source in (volume.get("projected") or {}).get("sources") or ():
                token = source.get("serviceAccountToken")
                if token is not None and token.get("audience", "") == audience:
                    return True
        for name in self._list_drivers(pod):
            driver = self.drivers.get("", name) or {"spec": {}}
            requests = driver["spec"].get("tokenRequests") or ()
            if any(request.get("audience", "") == audience for request in requests):
                return True
        return False

    def _list_drivers(self, pod: JsonObject) -> Iterator[str]:
        """Yield the names of the CSI drivers of a pod's volumes."""
        namespace = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            if volume.get("csi"):
                yield volume["csi"].get("driver", "")
                continue
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
            if volume.get("ephemeral"):
                name = f"{pod['metadata']['name']}-{volume['name']}"
            claim = self.claims.get(namespace, name) if name else None
            bound = (
                self.volumes.get("", ((claim or {}).get("spec") or {}).get("volumeName", ""))
                if claim
                else None
            )
            if bound is not None:
                yield (bound["spec"].get("csi") or {}).get("driver", "")
