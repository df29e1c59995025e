"""Flags of the server that the rules of kinds depend on."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a strategy knows of the server that it runs in."""

    #: --allow-privileged: containers may be privileged, and on Windows run as processes of the host.
    allow_privileged: bool = True

    @classmethod
    def from_options(cls, options: Namespace) -> Self:
        """Return the settings of the flags."""
        return cls(allow_privileged=options.allow_privileged)


DEFAULT_SETTINGS: Final = ServerSettings()
