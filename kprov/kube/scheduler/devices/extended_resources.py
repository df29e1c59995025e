"""Extended resources whose amounts are devices of a class (upstream's extendedresourcecache)."""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery.json_object import JsonMapping, JsonObject

#: Each class has this resource, with its own name behind it, besides `spec.extendedResourceName`.
CLASS_PREFIX: Final = "deviceclass.resource.kubernetes.io/"
_NATIVE: Final = "kubernetes.io/"
_QUOTA_PREFIX: Final = "requests."


def is_device_resource(name: str) -> bool:
    """Whether a class may stand for the resource."""
    if name.startswith(CLASS_PREFIX):
        return True
    return "/" in name and _NATIVE not in name and not name.startswith(_QUOTA_PREFIX)


def get_explicit_name(device_class: JsonMapping) -> str:
    """Return `spec.extendedResourceName`, "" if the class has none."""
    return str((device_class.get("spec") or {}).get("extendedResourceName") or "")


class ExtendedResources:
    """The class of each extended resource. An informer fills it."""

    def __init__(self) -> None:
        self._classes: dict[str, JsonObject] = {}
        #: The names of the classes that have a resource, the one that counts first.
        self._by_resource: dict[str, list[str]] = {}

    def set(self, device_class: JsonObject) -> None:
        """Store a new or changed class."""
        self.remove(device_class)
        name = device_class["metadata"]["name"]
        self._classes[name] = device_class
        explicit = get_explicit_name(device_class)
        if explicit:
            names = self._by_resource.setdefault(explicit, [])
            names.append(name)
            # Stable: of classes that are equally old, the smaller name comes first.
            names.sort()
            names.sort(key=lambda name: self._classes[name]["metadata"]["creationTimestamp"], reverse=True)

    def remove(self, device_class: JsonMapping) -> None:
        known = self._classes.pop(device_class["metadata"]["name"], None)
        explicit = get_explicit_name(known) if known is not None else ""
        if explicit and known is not None:
            names = self._by_resource[explicit]
            names.remove(known["metadata"]["name"])
            if not names:
                del self._by_resource[explicit]

    def find(self, resource: str) -> JsonObject | None:
        """Return the class of a resource: the newest of several ones, as upstream does."""
        if resource.startswith(CLASS_PREFIX):
            return self._classes.get(resource.removeprefix(CLASS_PREFIX))
        names = self._by_resource.get(resource)
        return self._classes[names[0]] if names else None
