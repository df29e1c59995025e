"""The type of a JSON object as the wire carries it: field names to decoded values."""

from typing import Any

JsonObject = dict[str, Any]
