"""ansible.builtin.debconf: answers to the questions that packages ask."""

from __future__ import annotations

import shlex
from typing import Any

from kprov.agent.apt import commands as apt_commands
from kprov.agent.context import Context, ModuleError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True, "aliases": ["pkg"]},
    "question": {"aliases": ["selection", "setting"]},
    "vtype": {
        "choices": [
            "boolean", "error", "multiselect", "note", "password",
            "seen", "select", "string", "text", "title",
        ]
    },
    "value": {"type": "raw", "aliases": ["answer"]},
    "unseen": {"type": "bool", "default": False},
}  # fmt: skip
RULES: dict[str, Any] = {"diff": True, "required_together": [["question", "vtype", "value"]]}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Set an answer where it is another; without a question, tell all of a package."""
    name, question, kind, value = args["name"], args["question"], args["vtype"], args["value"]
    before = _answers(name)
    if question is None:
        return {"changed": False, "msg": "", "current": before}
    if kind == "boolean":
        value = str(value).lower()
    now: Any = before.get(question)
    if question in before and kind == "boolean":
        now = before[question].lower()
    elif question in before and kind == "password":
        now = _password(name, question)
    elif question in before and kind == "multiselect" and isinstance(value, list):
        value = _sort_answers(value)
        now = sorted(part.strip() for part in before[question].split(","))
    if question in before and now == value:
        return {"changed": False, "msg": "", "current": before}
    said = ""
    if not context.check:
        if kind == "multiselect" and isinstance(value, list):
            value = ", ".join(value)
        said = _set(name, question, kind, value, unseen=args["unseen"])
    had = {question: before[question]} if question in before else {**before, question: ""}
    current = {question: value}
    diff = {"before": had, "after": {**had, **current}} if context.diff else {}
    return {"changed": True, "msg": said, "current": current, "previous": had, "diff": diff}


def _sort_answers(value: list[Any]) -> list[str]:
    if not all(isinstance(one, str) for one in value):
        raise ModuleError("Invalid value provided for 'multiselect': only texts can be chosen")
    return sorted(value)


def _run(command: list[str], stdin: bytes = b"") -> str:
    code, out, err = apt_commands.run_command(
        [apt_commands.find_program(command[0]), *command[1:]], stdin=stdin
    )
    if code:
        raise ModuleError(err)
    return out


def _answers(name: str) -> dict[str, str]:
    found = {}
    for line in _run(["debconf-show", *shlex.split(name)]).splitlines():
        key, _, value = line.partition(":")
        found[key.strip("*").strip()] = value.strip()
    return found


def _password(name: str, question: str) -> str:
    for line in _run(["debconf-get-selections"]).split("\n"):
        fields = line.split("\t")
        if line.startswith(name) and len(fields) > 3 and fields[1:3] == [question, "password"]:
            return fields[3]
    return ""


def _set(name: str, question: str, kind: str, value: Any, *, unseen: bool) -> str:
    line = " ".join([name, question, kind, str(value)])
    return _run(["debconf-set-selections", *(["-u"] if unseen else [])], line.encode())
