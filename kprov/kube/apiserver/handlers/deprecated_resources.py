"""Warnings for every request to a deprecated resource."""

from __future__ import annotations

from typing import Final

#: By group and plural.
WARNINGS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("", "endpoints"): ("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",),
    ("", "componentstatuses"): ("v1 ComponentStatus is deprecated in v1.19+",),
}
