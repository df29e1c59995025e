"""The lines in which two JSON values differ. Errors of rejected updates show them."""

from __future__ import annotations

import difflib
import json
from typing import Any


def describe_difference(old: Any, new: Any) -> str:
    """Return a unified diff of both as indented JSON with sorted fields, without its header.

    Ends with a newline.
    """
    before, after = (
        json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).split("\n") for value in (old, new)
    )
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))
    return "".join(f"{line}\n" for line in lines[2:])
