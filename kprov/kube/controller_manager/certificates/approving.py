"""Approves the requests of kubelets whose user may make them (pkg/controller/certificates/approver)."""

import logging
from typing import Any, Final

import orjson
from cryptography import x509

from kprov.kube.controller_manager.certificates import requests
from kprov.kube.controller_manager.certificates.request_controller import RequestController
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

#: Subresource whose creation the user needs, and the condition's message.
_SELF: Final = ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.")
_NODE: Final = ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")
#: Seconds until a request whose user was not allowed is looked at again: roles may have been given.
_AGAIN_SECONDS: Final = 60.0


class CertificateApprovingController(RequestController):
    """Other requests than those of kubelets wait for a person."""

    name = "csrapproving"
    queue_name = "certificate"

    async def sync(self, key: str) -> None:
        document = self.request_informer.get("", key)
        if document is None or requests.is_issued(document):
            return
        if requests.has_condition(document, "Approved") or requests.has_condition(document, "Denied"):
            return
        permissions = list_permissions(document, requests.parse_request(document))
        for subresource, message in permissions:
            if await self._is_allowed(document["spec"], subresource):
                await self._approve(document, message)
                return
        if permissions:
            names = ", ".join(subresource for subresource, _ in permissions)
            log.debug("%s is a request for %s, which its user may not make", key, names)
            self.queue.add_after(key, _AGAIN_SECONDS)

    async def _is_allowed(self, spec: JsonObject, subresource: str) -> bool:
        attributes = {
            "group": requests.GROUP,
            "resource": "certificatesigningrequests",
            "subresource": subresource,
            "verb": "create",
            "version": "*",
        }
        user: dict[str, Any] = {
            "user": spec.get("username", ""),
            "uid": spec.get("uid", ""),
            "groups": spec.get("groups") or [],
            "extra": spec.get("extra") or {},
        }
        content = await self.client.request(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {**user, "resourceAttributes": attributes},
            },
        )
        return bool((orjson.loads(content).get("status") or {}).get("allowed"))

    async def _approve(self, document: JsonObject, message: str) -> None:
        condition = {"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message}
        conditions = [*requests.list_conditions(document), condition]
        changed = {**document, "status": {**(document.get("status") or {}), "conditions": conditions}}
        await self.resource_of(self.request_informer).update(changed, subresource="approval")


def list_permissions(document: JsonObject, request: x509.CertificateSigningRequest) -> list[tuple[str, str]]:
    """Return what the request's user must be allowed to create, any of them, and the message of each."""
    spec = document["spec"]
    if spec["signerName"] != requests.KUBELET_CLIENT:
        return []
    try:
        requests.check_kubelet_client(request, spec.get("usages") or [])
    except requests.RequestError:
        return []
    is_own = spec.get("username") == requests.read_common_name(request)
    return [_SELF, _NODE] if is_own else [_NODE]
