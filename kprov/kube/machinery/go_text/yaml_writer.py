"""Documents as YAML, with the quotes that upstream's library sets: what another reads as no text has them."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

#: What Go's readers of YAML 1.1 and 1.2 take for something else than text, beside what Python's take for it.
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
        """What stands in two places is written twice: it is no anchor in a document that was JSON."""
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
    """YAML of what JSON can say; keys in their order."""
    return str(
        yaml.dump(
            document,
            Dumper=_Dumper,
            sort_keys=True,
            default_flow_style=False,
            allow_unicode=True,
        )
    )
