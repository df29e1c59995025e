"""Reload --authentication-config: a change of issuers needs no restart.

The rules for anonymous requests must not change.
Source: upstream pkg/kubeapiserver/options/authentication.go.
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
#: Seconds between retries of a file whose issuers do not answer.
_AGAIN_SECONDS: Final = 60.0
_RELOADS: Final = metrics.counter(
    "apiserver_authentication_config_controller_automatic_reloads_total",
    "Total number of automatic reloads of authentication configuration split by status.",
    ["status"],
)


class Reloader:
    """Uses a changed file. Logs an invalid one and keeps the old issuers."""

    def __init__(self, options: Namespace, authenticator: Union) -> None:
        self._options = options
        self._path = Path(options.authentication_config)
        self._authenticator = authenticator
        self._seen = hashlib.sha256(self._path.read_bytes()).digest()
        self._tried = b""
        self._tried_at = float("-inf")
        self._anonymous = configuration.load(options).get("anonymous")

    async def run(self, seconds: float = SECONDS) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.reload()

    async def reload(self) -> None:
        """Read the file and use it if it changed and all issuers answer."""
        try:
            digest = hashlib.sha256(self._path.read_bytes()).digest()
        except OSError as error:
            # The file may be missing while it is replaced: try again next time.
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
            log.warning("the authentication configuration was not reloaded: %s", error)
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
