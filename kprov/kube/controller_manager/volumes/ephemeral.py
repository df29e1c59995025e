"""Creates the claims of pods' ephemeral volumes. The pod owns them (pkg/controller/volume/ephemeral)."""

from typing import Any, Final

from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.client import ApiError, reference
from kprov.kube.client.store import split_key
from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.pod_claims import (
    CLAIM_INDEX,
    index_by_claim,
    is_claim_of,
    make_ephemeral_claim_name,
)
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import make_controller_reference
from kprov.kube.machinery.json_object import JsonObject

_CREATES: Final = metrics.counter(
    "ephemeral_volume_controller_create", "Number of PersistentVolumeClaim creation requests"
)
_FAILURES: Final = metrics.counter(
    "ephemeral_volume_controller_create_failures", "Number of PersistentVolumeClaim creation requests"
)


class EphemeralVolumeController(Controller):
    """Creates a claim for each volume with a claim template."""

    name = "ephemeral_volume"
    concurrency = "concurrent_ephemeralvolume_syncs"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._pods = informers.informer("", "v1", "pods", Pod, indexers={CLAIM_INDEX: index_by_claim})
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._recorder = context.make_recorder("ephemeral_volume")
        self._pods.add_handler(on_add=self._handle_pod)
        self._claims.add_handler(on_delete=self._handle_deleted_claim)

    async def sync(self, key: str) -> None:
        pod = self._pods.get(*split_key(key))
        if pod is None or pod.metadata.deletion_timestamp:
            return
        for volume in pod.spec.volumes:
            if not volume.get("ephemeral"):
                continue
            try:
                await self._ensure_claim(pod, volume)
            except (ApiError, ValueError) as error:
                message = f"ephemeral volume {volume['name']}: {error}"
                self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "FailedBinding", message)
                raise

    async def _ensure_claim(self, pod: Pod, volume: JsonObject) -> None:
        name, namespace = make_ephemeral_claim_name(pod, volume), pod.metadata.namespace
        existing = self._claims.get(namespace, name)
        if existing is not None:
            if not is_claim_of(pod, existing):
                raise ValueError(
                    f"PVC {namespace}/{name} was not created for pod {pod.key} (pod is not owner)"
                )
            return
        template = volume["ephemeral"].get("volumeClaimTemplate") or {}
        metadata = template.get("metadata") or {}
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                **{key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)},
                "name": name,
                "ownerReferences": [make_controller_reference(pod, "v1", "Pod")],
            },
            "spec": template.get("spec") or {},
        }
        _CREATES.inc()
        try:
            await self.resource_of(self._claims).create(body, namespace=namespace)
        except ApiError as error:
            _FAILURES.inc()
            raise ValueError(f"create PVC {name}: {error}") from error

    def _handle_pod(self, pod: Pod) -> None:
        has_template = any(volume.get("ephemeral") for volume in pod.spec.volumes)
        if has_template and not pod.metadata.deletion_timestamp:
            self.enqueue(pod)

    def _handle_deleted_claim(self, claim: PersistentVolumeClaim) -> None:
        for pod in self._pods.by_index(CLAIM_INDEX, claim.key):
            self._handle_pod(pod)
