"""CEL expressions in admission policies. The server does not compile them."""

from __future__ import annotations

from typing import Final

NO_EXPRESSION: Final = "expression is not specified"
CEL_KEYWORDS: Final = {
    *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"),
    *("import", "let", "loop", "package", "namespace", "return", "var", "void", "while"),
}
