"""Expansion of $(NAME) in commands, arguments and environment values (forked/golang/expansion)."""

import re
from collections.abc import Mapping
from typing import Final

_REFERENCE: Final = re.compile(r"\$(?:\$|\(([^()]*)\))", re.DOTALL)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value. An unknown name stays as it is. `$$` is one dollar."""

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return variables.get(match[1], match[0])

    return _REFERENCE.sub(replace, text) if "$" in text else text
