"""The functions of all libraries."""

from __future__ import annotations

from typing import Final

from kprov.kube.component_helpers.cel.functions import (
    authorization,
    formats,
    lists,
    networks,
    quantities,
    strings,
    versions,
)
from kprov.kube.component_helpers.cel.functions.declaration import Declaration

DECLARATIONS: Final[tuple[Declaration, ...]] = (
    *authorization.DECLARATIONS,
    *formats.DECLARATIONS,
    *lists.DECLARATIONS,
    *networks.DECLARATIONS,
    *quantities.DECLARATIONS,
    *strings.DECLARATIONS,
    *versions.DECLARATIONS,
)
