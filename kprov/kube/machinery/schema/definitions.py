"""Where the OpenAPI definitions of 1.36 come from: the kubernetes-validate package, read as a file.

Only the one file `_definitions.json` of that release is needed, so a bundle may leave out the rest of the
package. The package is located, not imported: importing it would load jsonschema and the like.
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
    """The file's place. Raises FileNotFoundError that names the package and the file."""
    spec = importlib.util.find_spec("kubernetes_validate")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        candidate = Path(folder) / _FILE
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"the package kubernetes_validate with {_FILE} is not installed")


def load() -> Definitions:
    """All definitions by upstream's name ("io.k8s.api.core.v1.Pod"), descriptions included.

    A fresh copy of some 10 MiB at each call: callers keep what they need and let go of the rest.
    """
    definitions: Definitions = orjson.loads(path().read_bytes())["$defs"]
    return definitions
