"""Reload --authorization-config: another order, or AlwaysAllow, needs no restart.

The file must keep the authorizers that it had at the start. Source: upstream
pkg/kubeapiserver/authorizer/reload.go.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from kprov.kube.apiserver.authz import configuration
from kprov.kube.apiserver.authz.union import Union
from kprov.kube.apiserver.configuration import ConfigError
from kprov.kube.component_base import metrics

log = logging.getLogger(__name__)

SECONDS: Final = 1.0
_RELOADS: Final = metrics.counter(
    "apiserver_authorization_config_controller_automatic_reloads_total",
    "Total number of automatic reloads of authorization configuration split by status.",
    ["status"],
)


class Reloader:
    """Uses a changed file. Logs an invalid one and keeps the old authorizers."""

    def __init__(self, path: str, authorizer: Union) -> None:
        self._path = path
        self._authorizer = authorizer
        self._seen = Path(path).read_bytes()
        self._first = configuration.parse_modes(path, self._seen)
        self._now = self._first

    async def run(self, seconds: float = SECONDS) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.reload()

    def reload(self) -> None:
        """Read the file and use it if it changed."""
        try:
            data = Path(self._path).read_bytes()
        except OSError as error:
            # The file may be missing while it is replaced: try again next time.
            log.warning("the authorization configuration cannot be read: %s", error)
            return
        if data == self._seen:
            return
        self._seen = data
        try:
            modes = configuration.parse_modes(self._path, data)
            missing = sorted(set(self._first) - set(modes))
            if missing:
                raise ConfigError(f"missing required types: [{' '.join(missing)}]")
            if modes == self._now:
                return
            self._authorizer.set_modes(modes)
        except ConfigError as error:
            log.warning("the authorization configuration was not reloaded: %s", error)
            _RELOADS.labels("failure").inc()
            return
        self._now = modes
        _RELOADS.labels("success").inc()
        log.info("new authorization configuration of %s in use", self._path)
