"""YAML output that quotes every string that some YAML reader would take for another type."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

#: Strings that Go's readers of YAML 1.1 and 1.2 take for another type. Python's resolver finds the others.
_TAKEN: Final = re.compile(
    r"""[yYnN]
    |[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?
    |[-+]?0(?:[xX][0-9a-fA-F_]+|[bB][01_]+|[oO][0-7_]+)
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?""",
    re.VERBOSE,
)
_TEXT: Final = "tag:yaml.org,2002:str"
_BASE: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):  # type: ignore[misc]  # of one of two, which mypy cannot know
    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated values twice instead of using anchors, as the document comes from JSON."""
        return True


def _text(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"
    elif _TAKEN.fullmatch(text) or dumper.resolve(yaml.ScalarNode, text, (True, False)) != _TEXT:
        style = '"'
    return dumper.represent_scalar(_TEXT, text, style=style)


_Dumper.add_representer(str, _text)


def dumps(document: Any) -> str:
    """Encode a JSON document as YAML with sorted keys."""
    return str(
        yaml.dump(
            document,
            Dumper=_Dumper,
            sort_keys=True,
            default_flow_style=False,
            allow_unicode=True,
        )
    )
