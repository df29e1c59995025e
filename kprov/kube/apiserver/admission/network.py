"""DefaultIngressClass and DenyServiceExternalIPs (upstream plugin/pkg/admission/network)."""

from __future__ import annotations

from typing import Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.admission.storage import find_default_class
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores


class DefaultIngressClass(AdmissionPlugin):
    name = "DefaultIngressClass"
    operations = frozenset({"CREATE"})
    resources = frozenset({("networking.k8s.io", "ingresses")})

    def __init__(self, classes: CacheReader) -> None:
        self._classes = classes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("networking.k8s.io", "ingressclasses").lister)

    async def admit(self, attributes: Attributes) -> None:
        ingress = attributes.obj
        if attributes.subresource or ingress is None:
            return
        annotated = "kubernetes.io/ingress.class" in (ingress["metadata"].get("annotations") or {})
        if annotated or (ingress.get("spec") or {}).get("ingressClassName") is not None:
            return
        default = find_default_class(self._classes.list(), ("ingressclass.kubernetes.io/is-default-class",))
        if default is not None:
            ingress.setdefault("spec", {})["ingressClassName"] = default["metadata"]["name"]


class DenyServiceExternalIPs(AdmissionPlugin):
    name = "DenyServiceExternalIPs"
    resources = frozenset({("", "services")})

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        wanted = set(attributes.obj["spec"].get("externalIPs") or ())
        had = set(((attributes.old or {}).get("spec") or {}).get("externalIPs") or ())
        if wanted - had:
            raise forbidden_error(attributes, "Use of external IPs is denied by admission control")
