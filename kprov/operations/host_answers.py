"""Reads what hosts answer to modules: a host may leave keys out, or answer with other types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kprov.errors import PreflightError

#: Characters of a reason in a message.
_LONGEST = 100


@contextmanager
def read_answer(host: str, module: str) -> Iterator[None]:
    """Read what a host answered to a module; whatever is wrong with its shape is an error of that host.

    Raises PreflightError.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())
        text = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}..."
        raise PreflightError(
            host, f"sent a malformed answer to {module}: {type(error).__name__}: {text}"
        ) from None
