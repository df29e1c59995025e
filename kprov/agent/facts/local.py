"""Facts that the host's administrator defines in files named *.fact (data or programs)."""

from __future__ import annotations

import configparser
import glob
import json
import os
import stat
from typing import Any

from kprov.agent import process


def read_local_facts(folder: str) -> dict[str, Any]:
    """Read ansible_local: by file name, the JSON or INI that a file contains or prints, or an error text."""
    facts: dict[str, Any] = {}
    if not os.path.exists(folder):
        return {"local": facts}
    for path in sorted(glob.glob(f"{folder}/*.fact")):
        facts[os.path.basename(path)[: -len(".fact")]] = _read_fact(path)
    return {"local": facts}


def _read_fact(path: str) -> Any:
    if os.stat(path).st_mode & stat.S_IXUSR:
        try:
            code, text, err = process.run_program([path])
        except OSError as error:
            return f"Could not execute fact script ({path}): {error}"
        if code:
            return f"Failure executing fact script ({path}), rc: {code}, err: {err}"
    else:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    try:
        return json.loads(text)
    except ValueError:
        pass
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        return {name: dict(parser.items(name)) for name in parser.sections()}
    except configparser.Error:
        return f"error loading facts as JSON or ini - please check content: {path}"
