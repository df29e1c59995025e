"""--authentication-config is looked at again and again: other issuers need no restart.

Who is anonymous where may not change. Source: upstream pkg/kubeapiserver/options/authentication.go.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from kprov.kube.apiserver.authn import configuration
from kprov.kube.apiserver.authn.issuers import Issuer
from kprov.kube.apiserver.authn.union import Union
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.component_base import metrics

log = logging.getLogger(__name__)

SECONDS: Final = 1.0
#: What cannot be used now, but perhaps later, is tried so often.
_AGAIN_SECONDS: Final = 60.0
_RELOADS: Final = metrics.counter(
    "apiserver_authentication_config_controller_automatic_reloads_total",
    "Total number of automatic reloads of authentication configuration split by status.",
    ["status"],
)


class Reloader:
    """Takes a changed file; a broken one is logged and the old issuers stay."""

    def __init__(self, options: Namespace, authenticator: Union) -> None:
        self._options = options
        self._path = Path(options.authentication_config)
        self._authenticator = authenticator
        self._seen = hashlib.sha256(self._path.read_bytes()).digest()
        self._tried = b""
        self._tried_at = float("-inf")
        self._anonymous = configuration.load(options).get("anonymous")

    async def run(self, seconds: float = SECONDS) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.reload()

    async def reload(self) -> None:
        """Once. Issuers are taken all or none, and only when each has been reached."""
        try:
            digest = hashlib.sha256(self._path.read_bytes()).digest()
        except OSError as error:
            # As while the file is exchanged: looked at again.
            log.warning("the authentication configuration cannot be read: %s", error)
            return
        waits = digest == self._tried and time.monotonic() - self._tried_at < _AGAIN_SECONDS
        if digest == self._seen or waits:
            return
        self._tried, self._tried_at = digest, time.monotonic()
        try:
            document = configuration.load(self._options)
            if document.get("anonymous") != self._anonymous:
                raise ConfigError("anonymous: Forbidden: changed from initial configuration file")
        except ConfigError as error:
            log.warning("the authentication configuration was not taken anew: %s", error)
            _RELOADS.labels("failure").inc()
            self._seen = digest
            return
        issuers = [Issuer(entry) for entry in document.get("jwt") or ()]
        for issuer in issuers:
            if not await issuer.keys.discover():
                log.warning("the authentication configuration waits for the issuer %s", issuer.url)
                _RELOADS.labels("failure").inc()
                return
        self._seen = digest
        self._authenticator.issuers = {issuer.url: issuer for issuer in issuers}
        _RELOADS.labels("success").inc()
        log.info("new authentication configuration of %s in use", self._path)
