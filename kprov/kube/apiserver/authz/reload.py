"""--authorization-config is looked at again and again: another order, or AlwaysAllow, needs no restart.

Authorizers that there were at the start stay in the file. Source: upstream
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
    """Takes a changed file; a broken one is logged and the old authorizers stay."""

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
        """Once."""
        try:
            data = Path(self._path).read_bytes()
        except OSError as error:
            # As while the file is exchanged: looked at again.
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
            log.warning("the authorization configuration was not taken anew: %s", error)
            _RELOADS.labels("failure").inc()
            return
        self._now = modes
        _RELOADS.labels("success").inc()
        log.info("new authorization configuration of %s in use", self._path)
