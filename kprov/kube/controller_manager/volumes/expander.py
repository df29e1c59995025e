"""Says that a claim which asks for more waits for its driver's resizer (pkg/controller/volume/expand).

No volume plugin of Kubernetes itself expands volumes any more. The program beside a CSI driver does
(external-resizer), and writes the claim's status.
"""

from typing import Any, Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.client import ApiError, reference
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers.persistent_volumes import get_claim_reference, get_request
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery.quantity import Quantity

#: The volume's size before an expansion that the node has not finished.
_PRE_RESIZE: Final = "volume.alpha.kubernetes.io/pre-resize-capacity"
_MESSAGE: Final = "waiting for an external controller to expand this PVC"


class ExpanderController(Controller):
    """Keys are claims."""

    name = "volume_expand"
    workers = 10

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._claims = context.informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = context.client.resource("", "v1", "persistentvolumes", PersistentVolume)
        self._recorder = context.make_recorder("volume_expand")
        self._claims.add_handler(on_add=self._handle_claim, on_update=self._handle_update)

    async def sync(self, key: str) -> None:
        claim = self._claims.get(*split_key(key))
        if claim is None:
            return
        volume = await self._get_volume(claim)
        target = get_claim_reference(volume)
        if target is None or target.get("uid") != claim.metadata.uid:
            raise ValueError(f"persistent Volume is not bound to PVC being updated : {key}")
        is_larger = get_capacity(claim) < get_request(claim)
        if is_larger or _PRE_RESIZE in volume.metadata.annotations:
            about = reference(claim, "v1", "PersistentVolumeClaim")
            self._recorder.event(about, "Normal", "ExternalExpanding", _MESSAGE)

    async def _get_volume(self, claim: PersistentVolumeClaim) -> PersistentVolume:
        """Return the claim's volume as the server has it: the resizer may have just changed it."""
        name = claim.spec.get("volumeName", "")
        try:
            return await self._volumes.get(name)
        except ApiError as error:
            if error.is_not_found:
                raise ValueError(f'failed to get PV "{name}": {error}') from None
            raise

    def _handle_claim(self, claim: PersistentVolumeClaim) -> None:
        if claim.status.get("phase") == "Bound":
            self.enqueue(claim)

    def _handle_update(self, old: PersistentVolumeClaim, new: PersistentVolumeClaim) -> None:
        if get_request(old) < get_request(new) or get_capacity(old) < get_capacity(new):
            self._handle_claim(new)


def get_capacity(claim: PersistentVolumeClaim) -> Quantity:
    """Return the size that the claim has got."""
    capacity: dict[str, Any] = claim.status.get("capacity") or {}
    return Quantity.parse(capacity.get("storage", "0"))
