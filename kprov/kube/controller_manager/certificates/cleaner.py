"""Deletes requests that nobody needs any more (pkg/controller/certificates/cleaner)."""

import base64
import logging
import time
from typing import Final

from cryptography import x509

from kprov.kube.client import ApiError
from kprov.kube.controller_manager.certificates import requests
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_HOUR: Final = 3600.0
_INTERVAL: Final = _HOUR
#: Seconds that requests stay after they were issued, denied or failed, and without an answer.
_ANSWERED: Final = _HOUR
_UNANSWERED: Final = 24 * _HOUR


class CertificateCleanerController(Controller):
    """Looks at all requests once an hour."""

    name = "csrcleaner"
    queue_name = ""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._requests = context.informers.informer(requests.GROUP, "v1", "certificatesigningrequests")

    async def run(self) -> None:
        await run_periodically(_INTERVAL, self._clean, self.name)

    async def _clean(self) -> None:
        for document in self._requests.list():
            reason = find_reason(document, time.time())
            if reason is None:
                continue
            name = document["metadata"]["name"]
            log.info("deleting the certificate request %s: %s", name, reason)
            try:
                await self.resource_of(self._requests).delete(name)
            except ApiError as error:
                if not error.is_not_found:
                    log.warning("cannot delete the certificate request %s: %s", name, error)


def find_reason(document: JsonObject, now: float) -> str | None:
    """Return why the request is deleted at Unix time `now`; None if it stays."""
    conditions = requests.list_conditions(document)
    issued = requests.is_issued(document)
    if not conditions:
        old = _is_older(document["metadata"].get("creationTimestamp"), now, _UNANSWERED)
        return "nobody answered it" if old else None
    for condition in conditions:
        since, kind = condition.get("lastUpdateTime"), condition["type"]
        if kind in ("Denied", "Failed") and _is_older(since, now, _ANSWERED):
            return f"it is {kind}"
        if (
            kind == "Approved"
            and issued
            and (_is_older(since, now, _ANSWERED) or _has_expired(document, now))
        ):
            return "its certificate was issued"
        if kind == "Approved" and not issued and _is_older(since, now, _UNANSWERED):
            return "no signer issued it"
    return None


def _is_older(text: str | None, now: float, seconds: float) -> bool:
    return bool(text) and now - timestamps.seconds(str(text)) > seconds


def _has_expired(document: JsonObject, now: float) -> bool:
    try:
        text = base64.b64decode(document["status"]["certificate"])
        return x509.load_pem_x509_certificate(text).not_valid_after_utc.timestamp() < now
    except ValueError:
        return False
