"""Work of the controllers of volumes."""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge, ok
from tests.apiserver.failover.work import Work, build_set

_VOLUMES: Final = "/api/v1/persistentvolumes"
_ATTACHMENTS: Final = "/apis/storage.k8s.io/v1/volumeattachments"
_CLASSES: Final = "/apis/storage.k8s.io/v1/volumeattributesclasses"
_DRIVER: Final = "disk.example.com"
_NODE: Final = "/api/v1/nodes/node-a"


def build_pod(name: str, **spec: object) -> JsonObject:
    template = build_set(name)["spec"]["template"]
    return {"metadata": {"name": name}, "spec": template["spec"] | spec}


class EphemeralVolumes(Work):
    """Pods that bring the templates of their claims."""

    _count: Final = 3

    def begin(self) -> None:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        template = {"spec": claim | {"storageClassName": "none"}}
        volume = {"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}
        for number in range(self._count):
            self.create("pods", build_pod(f"scratching-{number}", volumes=[volume]))

    def is_done(self) -> bool:
        return all(
            self.exists("persistentvolumeclaims", f"scratching-{n}-scratch") for n in range(self._count)
        )


class Attachment(Work):
    """The volume of a pod is attached, and detached when the pod is gone. This class is the CSI driver."""

    def prepare(self) -> None:
        managed = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
        merge(self.server, _NODE, {"metadata": {"annotations": managed}})
        common = {"accessModes": ["ReadWriteOnce"], "storageClassName": f"{self.namespace}-disk"}
        source = {"csi": {"driver": _DRIVER, "volumeHandle": self._volume}, "capacity": {"storage": "1Gi"}}
        ok(self.server, "POST", _VOLUMES, {"metadata": {"name": self._volume}, "spec": common | source})
        asked = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": self._volume}
        self.create("persistentvolumeclaims", {"metadata": {"name": "disk"}, "spec": common | asked})
        self._was_attached = False

    @property
    def _volume(self) -> str:
        return f"{self.namespace}-disk"

    def is_prepared(self) -> bool:
        return bool(self.get("persistentvolumeclaims", "disk")["status"].get("phase") == "Bound")

    def begin(self) -> None:
        volume = {"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}
        self.create("pods", build_pod("writer", nodeName="node-a", volumes=[volume]))

    def _find_attachment(self) -> JsonObject | None:
        items = ok(self.server, "GET", _ATTACHMENTS)["items"]
        mine = (each for each in items if each["spec"]["source"]["persistentVolumeName"] == self._volume)
        return next(mine, None)

    def is_done(self) -> bool:
        attachment = self._find_attachment()
        if self._was_attached:
            return attachment is None
        if attachment is None:
            return False
        if not attachment["status"]["attached"]:
            path = f"{_ATTACHMENTS}/{attachment['metadata']['name']}/status"
            merge(self.server, path, {"status": {"attached": True}})
        attached = ok(self.server, "GET", _NODE)["status"].get("volumesAttached", ())
        if any(each["name"] == f"kubernetes.io/csi/{_DRIVER}^{self._volume}" for each in attached):
            self._was_attached = True
            ok(self.server, "DELETE", self.path("pods", "writer"))
        return False

    def clean(self) -> None:
        ok(self.server, "DELETE", f"{_VOLUMES}/{self._volume}")


class AttributesClass(Work):
    """A class of volume attributes is protected, then deleted."""

    def begin(self) -> None:
        body = {"driverName": _DRIVER, "parameters": {"iops": "100"}}
        ok(self.server, "POST", _CLASSES, {"metadata": {"name": self.namespace}, **body})
        self._is_deleted = False

    def is_done(self) -> bool:
        answer = self.server.get(f"{_CLASSES}/{self.namespace}")
        if not self._is_deleted and answer.json["metadata"].get("finalizers"):
            ok(self.server, "DELETE", f"{_CLASSES}/{self.namespace}")
            self._is_deleted = True
        return answer.status == 404


VOLUME_WORK: Final[tuple[type[Work], ...]] = (EphemeralVolumes, Attachment, AttributesClass)
