"""$(NAME) in commands, arguments and environment values (third_party/forked/golang/expansion)."""

import re
from collections.abc import Mapping
from typing import Final

_PART: Final = re.compile(r"\$(?:\$|\(([^()]*)\))", re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(NAME)`` becomes its value, an unknown one stays, ``$$`` is one dollar."""

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return variables.get(match[1], match[0])

    return _PART.sub(value, text) if "$" in text else text
