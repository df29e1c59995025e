"""ansible.builtin.debconf: answers to the questions that packages ask."""

from __future__ import annotations

import shlex
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, run_program

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
    """Set the answer to a question; without a question, return all answers of a package."""
    name, question, kind, value = args["name"], args["question"], args["vtype"], args["value"]
    before = _read_answers(name)
    if question is None:
        return {"changed": False, "msg": "", "current": before}
    if kind == "boolean":
        value = str(value).lower()
    current_value: Any = before.get(question)
    if question in before and kind == "boolean":
        current_value = before[question].lower()
    elif question in before and kind == "password":
        current_value = _read_password(name, question)
    elif question in before and kind == "multiselect" and isinstance(value, list):
        value = _sort_answers(value)
        current_value = sorted(part.strip() for part in before[question].split(","))
    if question in before and current_value == value:
        return {"changed": False, "msg": "", "current": before}
    output = ""
    if not context.check:
        if kind == "multiselect" and isinstance(value, list):
            value = ", ".join(value)
        output = _set_answer(name, question, kind, value, unseen=args["unseen"])
    previous = {question: before[question]} if question in before else {**before, question: ""}
    new_answer = {question: value}
    diff = {"before": previous, "after": {**previous, **new_answer}} if context.diff else {}
    return {"changed": True, "msg": output, "current": new_answer, "previous": previous, "diff": diff}


def _sort_answers(choices: list[Any]) -> list[str]:
    if not all(isinstance(choice, str) for choice in choices):
        raise ModuleError("Invalid value provided for 'multiselect': only texts can be chosen")
    return sorted(choices)


def _run(command: list[str], stdin: bytes = b"") -> str:
    code, out, err = run_program([find_program(command[0]), *command[1:]], stdin=stdin)
    if code:
        raise ModuleError(err)
    return out


def _read_answers(name: str) -> dict[str, str]:
    answers = {}
    for line in _run(["debconf-show", *shlex.split(name)]).splitlines():
        key, _, value = line.partition(":")
        answers[key.strip("*").strip()] = value.strip()
    return answers


def _read_password(name: str, question: str) -> str:
    for line in _run(["debconf-get-selections"]).split("\n"):
        fields = line.split("\t")
        if line.startswith(name) and len(fields) > 3 and fields[1:3] == [question, "password"]:
            return fields[3]
    return ""


def _set_answer(name: str, question: str, kind: str, value: Any, *, unseen: bool) -> str:
    line = " ".join([name, question, kind, str(value)])
    return _run(["debconf-set-selections", *(["-u"] if unseen else [])], line.encode())
