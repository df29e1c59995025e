"""Tokens of --token-auth-file: CSV lines of token,user,uid[,"group1,group2"], read once at start.

Source: upstream apiserver/pkg/authentication/token/tokenfile.
"""

from __future__ import annotations

import csv
import logging
from pathlib import Path

from kprov.kube.apiserver.request import UserInfo

log = logging.getLogger(__name__)

_AUTHENTICATED = "system:authenticated"


def load_static_tokens(path: str) -> dict[str, UserInfo]:
    """Users by token; none for an empty path. Raise SystemExit for a missing file or too few columns."""
    if not path:
        return {}
    users: dict[str, UserInfo] = {}
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"Error: --token-auth-file: {path}: {error}") from None
    for number, record in enumerate((row for row in csv.reader(text.splitlines()) if row), start=1):
        if len(record) < 3:
            columns = "at least 3 columns (token, user name, user uid)"
            raise SystemExit(
                f"Error: --token-auth-file: {path}: record {number} must have {columns}, has {len(record)}"
            )
        token, name, uid, *more = record
        if not token or not name:
            log.warning("%s: record %d has no token or no user name, it is left out", path, number)
            continue
        if token in users:
            log.warning("%s: record %d has the token of an earlier one, which it replaces", path, number)
        groups = [group for group in more[0].split(",") if group] if more else []
        if _AUTHENTICATED not in groups:
            groups.append(_AUTHENTICATED)
        users[token] = UserInfo(name=name, groups=tuple(groups), uid=uid)
    return users
