"""Signs approved requests of the signers kubernetes.io/* (pkg/controller/certificates/signer)."""

import base64
import logging
from argparse import Namespace
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from cryptography import x509

from kprov.kube.controller_manager.certificates import requests
from kprov.kube.controller_manager.certificates.authority import MIN_SECONDS, CertificateAuthority
from kprov.kube.controller_manager.certificates.request_controller import RequestController
from kprov.kube.controller_manager.framework.controller import Context
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)


class Signer(NamedTuple):
    """A signer: the part of its options' names, and the check of its requests."""

    option: str
    check: Callable[[x509.CertificateSigningRequest, Collection[str]], None]


SIGNERS: Final = {
    requests.KUBELET_SERVING: Signer("kubelet-serving", requests.check_kubelet_serving),
    requests.KUBELET_CLIENT: Signer("kubelet-client", requests.check_kubelet_client),
    requests.API_CLIENT: Signer("kube-apiserver-client", requests.check_api_client),
    requests.LEGACY_UNKNOWN: Signer("legacy-unknown", lambda *_: None),
}


def find_authority_files(options: Namespace, signer: Signer) -> tuple[str, str] | None:
    """Return the certificate file and key file of a signer: its own, else the common ones."""
    prefix = f"cluster_signing_{signer.option.replace('-', '_')}"
    own = (getattr(options, f"{prefix}_cert_file"), getattr(options, f"{prefix}_key_file"))
    common = (options.cluster_signing_cert_file, options.cluster_signing_key_file)
    return next((files for files in (own, common) if all(files)), None)


class CertificateSigningController(RequestController):
    """All signers share one queue."""

    name = "certificate"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._longest = context.options.cluster_signing_duration
        self._authorities = {
            name: CertificateAuthority(*files)
            for name, signer in SIGNERS.items()
            if (files := find_authority_files(context.options, signer)) is not None
        }

    async def sync(self, key: str) -> None:
        document = self.request_informer.get("", key)
        if document is None or requests.is_issued(document):
            return
        signer = document["spec"]["signerName"]
        authority = self._authorities.get(signer)
        if authority is None or not requests.has_condition(document, "Approved"):
            return
        if requests.has_condition(document, "Failed"):
            return
        parsed = requests.parse_request(document)
        usages = document["spec"].get("usages") or []
        try:
            SIGNERS[signer].check(parsed, usages)
        except requests.RequestError as error:
            status = _fail(document, str(error))
        else:
            life = choose_seconds(document["spec"].get("expirationSeconds"), self._longest)
            certificate = authority.sign(parsed, usages, life)
            status = {"certificate": base64.b64encode(certificate).decode()}
            log.info("signed %s for %s", key, parsed.subject.rfc4514_string())
        changed = {**document, "status": {**(document.get("status") or {}), **status}}
        await self.resource_of(self.request_informer).update(changed, subresource="status")


def choose_seconds(requested: int | None, longest: float) -> float:
    """Return the seconds that a certificate lives: as requested, but within the limits."""
    return longest if requested is None else min(longest, max(MIN_SECONDS, requested))


def _fail(document: JsonObject, message: str) -> JsonObject:
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "SignerValidationFailure",
        "message": message,
        "lastUpdateTime": timestamps.now(),
    }
    return {"conditions": [*requests.list_conditions(document), condition]}
