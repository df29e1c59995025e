"""AlwaysAdmit, AlwaysDeny, AlwaysPullImages (upstream plugin/pkg/admission/{admit,deny,alwayspullimages})."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

_EVERYTHING = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})


class AlwaysAdmit(AdmissionPlugin):
    name = "AlwaysAdmit"
    operations = frozenset[str]()


class AlwaysDeny(AdmissionPlugin):
    name = "AlwaysDeny"
    operations = _EVERYTHING

    async def admit(self, attributes: Attributes) -> None:
        await self.validate(attributes)

    async def validate(self, attributes: Attributes) -> None:
        raise forbidden_error(attributes, "admission control is denying all modifications")


class AlwaysPullImages(AdmissionPlugin):
    """Sets imagePullPolicy Always, so that a private image on a node does not run without its pull secret."""

    name = "AlwaysPullImages"
    resources = frozenset({("", "pods")})

    async def admit(self, attributes: Attributes) -> None:
        if _is_ignored(attributes) or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        for _, container in _list_containers(spec):
            container["imagePullPolicy"] = "Always"
        for volume in spec.get("volumes") or ():
            if volume.get("image") is not None:
                volume["image"]["pullPolicy"] = "Always"

    async def validate(self, attributes: Attributes) -> None:
        if _is_ignored(attributes) or attributes.obj is None:
            return
        spec = attributes.obj["spec"]
        policies = [
            (f"{path}.imagePullPolicy", container.get("imagePullPolicy", ""))
            for path, container in _list_containers(spec)
        ]
        policies += [
            (f"spec.volumes[{index}].image.pullPolicy", volume["image"].get("pullPolicy", ""))
            for index, volume in enumerate(spec.get("volumes") or ())
            if volume.get("image") is not None
        ]
        for path, policy in policies:
            if policy != "Always":
                text = f'{path}: Unsupported value: {status.quoted(policy)}: supported values: "Always"'
                raise forbidden_error(attributes, text)


def _list_containers(spec: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"spec.{kind}[{index}]", container


def _is_ignored(attributes: Attributes) -> bool:
    if attributes.subresource or attributes.obj is None:
        return True
    if attributes.operation != "UPDATE":
        return False
    had = {
        container.get("image") for _, container in _list_containers((attributes.old or {}).get("spec") or {})
    }
    return all(container.get("image") in had for _, container in _list_containers(attributes.obj["spec"]))
