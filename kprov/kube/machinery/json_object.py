"""The types of a JSON object as the wire carries it: field names to decoded values."""

from collections.abc import Mapping
from typing import Any

JsonObject = dict[str, Any]
#: An object that its reader does not change.
JsonMapping = Mapping[str, Any]
