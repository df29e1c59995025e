"""The OpenAPI definitions of 1.36, read from a file of the package kubernetes-validate.

Only `_definitions.json` of that release is needed, so a bundle may omit the rest of the package. The package
is not imported, since that would load jsonschema and other libraries.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import orjson

RELEASE = "v1.36.0"
_FILE = f"kubernetes-json-schema/{RELEASE}-local/_definitions.json"

Definitions = dict[str, dict[str, Any]]


@cache
def path() -> Path:
    """Return the path of the file. Raises FileNotFoundError with the names of package and file."""
    spec = importlib.util.find_spec("kubernetes_validate")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / _FILE
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"the package kubernetes_validate with {_FILE} is not installed")


def load() -> Definitions:
    """All definitions by upstream's name ("io.k8s.api.core.v1.Pod"), with descriptions.

    Each call returns a new copy of about 10 MiB. Callers keep only what they need.
    """
    definitions: Definitions = orjson.loads(path().read_bytes())["$defs"]
    return definitions
