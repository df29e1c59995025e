"""--authentication-config is looked at every minute: other issuers need no restart.

Who is anonymous where stays as it was at the start. Source: pkg/controlplane/apiserver/config.go.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from argparse import Namespace
from pathlib import Path
from typing import Final

from kprov.kube.apiserver.authentication import configuration
from kprov.kube.apiserver.authentication.issuers import Issuer
from kprov.kube.apiserver.authentication.union import Union
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.component_base import metrics

log = logging.getLogger(__name__)

SECONDS: Final = 60.0
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

    async def run(self, seconds: float = SECONDS) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.look()

    def look(self) -> None:
        """Once."""
        try:
            digest = hashlib.sha256(self._path.read_bytes()).digest()
            if digest == self._seen:
                return
            document = configuration.load(self._options)
        except (OSError, ConfigError) as error:
            log.warning("the authentication configuration was not taken anew: %s", error)
            _RELOADS.labels("failure").inc()
            return
        self._seen = digest
        issuers = [Issuer(entry) for entry in document.get("jwt") or ()]
        self._authenticator.issuers = {issuer.url: issuer for issuer in issuers}
        _RELOADS.labels("success").inc()
        log.info("new authentication configuration of %s in use", self._path)
