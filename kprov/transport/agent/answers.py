"""Reads what an agent sends. A host is not trusted: sizes are bounded, shapes are checked.

This is the only place where an answer of a host enters kprov. Keys that start with `_` belong to the
operator's side, so that they are removed here. An answer has plain values only: what an action of the
operator's side does to a run is never a key of a result (kprov.playbook.actions.effects).
"""

from __future__ import annotations

import json
import math
from typing import Any

#: Bytes of a header. The largest answers have the content of a fetched file.
MAX_HEADER = 256 << 20
#: Bytes of the greeting.
MAX_HELLO = 64 << 10
#: Values of a header: a few bytes of JSON take thirty times as much memory.
MAX_VALUES = 5_000_000
#: Levels of lists and mappings in an answer.
MAX_DEPTH = 100
_OUTCOMES = ("absent", "running", "done", "died")
#: The types of the keys of a result whose values kprov itself reads.
_RESULT_TYPES: dict[str, tuple[type, ...]] = {
    "ansible_facts": (dict, type(None)),
    "diff": (dict, list, str, type(None)),
}

#: The same for results of a module.
_MODULE_TYPES: dict[str, dict[str, tuple[type, ...]]] = {
    "command": {"rc": (int, type(None)), "stdout": (str,), "stderr": (str,)},
    "setup": {"ansible_facts": (dict,)},
    "slurp": {"content": (str,)},
    "stat": {"stat": (dict,)},
    "async_start": {"ansible_job_id": (str,)},
}
#: Keys that a result of these modules has, unless it failed.
_REQUIRED = {"setup": "ansible_facts", "slurp": "content", "async_start": "ansible_job_id"}

Header = dict[str, Any]


class MalformedAnswerError(Exception):
    """An agent does not keep to the protocol; the text says how."""


def decode_header(text: bytes) -> Header:
    """Return the header of a frame, with texts that can be encoded. Raises MalformedAnswerError."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_VALUES:
        raise MalformedAnswerError(f"it has more than {MAX_VALUES} values")
    try:
        header = json.loads(text)
    except RecursionError:
        raise MalformedAnswerError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise MalformedAnswerError(f"it is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise MalformedAnswerError("it is not a JSON object")
    cleaned: Header = _clean_value(header, MAX_DEPTH)
    return cleaned


def _clean_value(value: Any, levels: int) -> Any:
    """Return a value without surrogates that no encoding knows; those of undecodable bytes stay."""
    if isinstance(value, str):
        return value if value.isascii() else _clean_text(value)
    if isinstance(value, (dict, list)):
        if levels == 0:
            raise MalformedAnswerError(f"it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, list):
            return [_clean_value(item, levels - 1) for item in value]
        return {_clean_value(key, levels): _clean_value(item, levels - 1) for key, item in value.items()}
    return value


def _clean_text(text: str) -> str:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def check_hello(header: Header) -> Header:
    """Return the greeting of an agent. Raises MalformedAnswerError."""
    time = header.get("time")
    if not isinstance(time, (int, float)) or isinstance(time, bool) or not math.isfinite(time):
        raise MalformedAnswerError("its greeting has no time")
    if not isinstance(header.get("boot"), str) or not isinstance(header.get("keeps"), bool):
        raise MalformedAnswerError("its greeting does not tell the boot or where results are kept")
    return header


def read_results(header: Header, module: str, count: int) -> list[dict[str, Any]]:
    """Return the results of a module's answer to `count` items. Raises MalformedAnswerError."""
    results = _check_results(header["results"], module)
    if len(results) != count:
        raise MalformedAnswerError(f"it has {len(results)} results for {count} items")
    return results


def read_outcome(header: Header, module: str, count: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the outcome of an earlier message of `count` items, and its results until there."""
    outcome = header["outcome"]
    if outcome not in _OUTCOMES:
        raise MalformedAnswerError(f"its outcome is {_preview(outcome)}")
    results = _check_results(header.get("results", []), module)
    if len(results) > count - (outcome == "died"):
        raise MalformedAnswerError(f"it has {len(results)} results for {count} items")
    return str(outcome), results


def read_text(header: Header, key: str) -> str:
    """Return a text of a header. Raises MalformedAnswerError."""
    if not isinstance(header[key], str):
        raise MalformedAnswerError(f"{key!r} is {_preview(header[key])}, not a text")
    return str(header[key])


def refuse_unknown(header: Header) -> None:
    """Raise MalformedAnswerError for a message that is no answer; a sign of life is none either."""
    if "alive" not in header:
        raise MalformedAnswerError(f"it is an unknown message with {_preview(sorted(header))}")


def _check_results(results: Any, module: str) -> list[dict[str, Any]]:
    if not isinstance(results, list):
        raise MalformedAnswerError(f"its results are {_preview(results)}, not a list")
    return [_check_result(result, module) for result in results]


def _check_result(result: Any, module: str) -> dict[str, Any]:
    if not isinstance(result, dict):
        raise MalformedAnswerError(f"a result is {_preview(result)}, not a mapping")
    required = _REQUIRED.get(module)
    if required is not None and required not in result and not result.get("failed"):
        raise MalformedAnswerError(f"a result has no {required!r}")
    for key, types in (_RESULT_TYPES | _MODULE_TYPES.get(module, {})).items():
        if key in result and not isinstance(result[key], types):
            raise MalformedAnswerError(f"{key!r} of a result is {_preview(result[key])}")
    public = {key: value for key, value in result.items() if not key.startswith("_")}
    if isinstance(public.get("results"), list):
        # Values of the module; the output reads them like the items of a loop.
        public["results"] = [
            {key: value for key, value in item.items() if not key.startswith("_ansible_")}
            if isinstance(item, dict)
            else item
            for item in public["results"]
        ]
    return public


def _preview(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
