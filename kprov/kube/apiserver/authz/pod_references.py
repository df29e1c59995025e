"""The objects that a pod refers to.

Source: upstream pkg/api/pod/util.go (VisitPodSecretNames and similar functions).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.component_helpers.volume_secrets import list_volume_secrets
from kprov.kube.machinery.json_object import JsonObject

#: (plural, name), in the pod's namespace.
Reference = tuple[str, str]

_KINDS_FREE_OF_API: Final = frozenset({
    "awsElasticBlockStore", "azureDisk", "cephfs", "cinder", "downwardAPI", "emptyDir", "fc", "flexVolume",
    "flocker", "gcePersistentDisk", "gitRepo", "hostPath", "image", "iscsi", "nfs", "photonPersistentDisk",
    "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
})  # fmt: skip
_FORBIDDEN_KINDS: Final = {
    "configMap": "configmaps (via configmap volumes)",
    "secret": "secrets (via secret volumes)",
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}
_FORBIDDEN_PROJECTED: Final = {
    "configMap": "configmaps (via projected volumes)",
    "secret": "secrets (via projected volumes)",
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}


def list_references(pod: JsonObject) -> set[Reference]:
    """Secrets, config maps, claims, resource claims and the service account of a pod."""
    spec = pod["spec"]
    references: set[Reference] = {("serviceaccounts", spec.get("serviceAccountName", ""))}
    references |= {("secrets", secret.get("name", "")) for secret in spec.get("imagePullSecrets") or ()}
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(part) or ():
            references |= _list_environment(container)
    for volume in spec.get("volumes") or ():
        references |= _list_volume(pod, volume)
    references |= {("resourceclaims", name) for name in _list_claims(pod)}
    return {reference for reference in references if reference[1]}


def find_api_object(pod: JsonObject) -> str:
    """Return the first kind of API object that a pod refers to, or "". Mirror pods must not refer to any."""
    spec = pod["spec"]
    referred = {plural for plural, _ in list_references(pod)}
    for kind in ("serviceaccounts", "secrets", "configmaps"):
        if kind in referred:
            return kind
    if spec.get("resourceClaims"):
        return "resourceclaims"
    for volume in spec.get("volumes") or ():
        kinds = volume.keys() - {"name"}
        for kind in sorted(kinds - _KINDS_FREE_OF_API):
            if kind != "projected":
                return _FORBIDDEN_KINDS.get(kind, f"{kind} volumes")
            for source in volume["projected"].get("sources") or ():
                for projected in sorted(source.keys() - {"downwardAPI"}):
                    return _FORBIDDEN_PROJECTED.get(projected, f"{projected} (via projected volumes)")
    return ""


def _list_environment(container: JsonObject) -> set[Reference]:
    references = set()
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        references.add(("secrets", (source.get("secretKeyRef") or {}).get("name", "")))
        references.add(("configmaps", (source.get("configMapKeyRef") or {}).get("name", "")))
    for source in container.get("envFrom") or ():
        references.add(("secrets", (source.get("secretRef") or {}).get("name", "")))
        references.add(("configmaps", (source.get("configMapRef") or {}).get("name", "")))
    return references


def _list_volume(pod: JsonObject, volume: JsonObject) -> set[Reference]:
    references = {
        ("configmaps", (volume.get("configMap") or {}).get("name", "")),
        ("persistentvolumeclaims", (volume.get("persistentVolumeClaim") or {}).get("claimName", "")),
    }
    if volume.get("ephemeral"):
        references.add(("persistentvolumeclaims", f"{pod['metadata']['name']}-{volume['name']}"))
    references |= {("secrets", name) for name in list_volume_secrets(volume)}
    for source in (volume.get("projected") or {}).get("sources") or ():
        references.add(("configmaps", (source.get("configMap") or {}).get("name", "")))
    return references


def _list_claims(pod: JsonObject) -> list[str]:
    """Return the names of the pod's ResourceClaims: of the spec, or of the status for those of a template."""
    status = pod.get("status") or {}
    made = {
        claim_status["name"]: claim_status.get("resourceClaimName", "")
        for claim_status in status.get("resourceClaimStatuses") or ()
    }
    names = [
        claim.get("resourceClaimName") or made.get(claim["name"], "")
        for claim in pod["spec"].get("resourceClaims") or ()
    ]
    extended = status.get("extendedResourceClaimStatus") or {}
    return [*names, extended.get("resourceClaimName", "")]
