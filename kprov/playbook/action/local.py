"""Actions that only concern the run itself, no host: debug, assert, fail, set_fact and the like."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jinja2

from kprov.agent.context import truth
from kprov.inventory import yamlfile
from kprov.playbook.action.base import ActionError, Call
from kprov.playbook.templating import TemplatingError


def debug(call: Call) -> dict[str, Any]:
    name = call.args.get("var")
    if name is None:
        return {"changed": False, "msg": call.args.get("msg", "Hello world!")}
    try:
        value = call.templar.value("{{ " + str(name) + " }}", call.scope) if isinstance(name, str) else name
    except TemplatingError as error:
        value = (
            f"VARIABLE IS NOT DEFINED!: {error}"
            if not isinstance(error.__cause__, jinja2.TemplateSyntaxError)
            else str(error)
        )
    return {"changed": False, str(name): value}


def assert_(call: Call) -> dict[str, Any]:
    that = call.args.get("that")
    conditions = that if isinstance(that, list) else [that]
    message = call.args.get("fail_msg") or call.args.get("msg") or "Assertion failed"
    for condition in conditions:
        if not call.templar.test(condition, call.scope, "that"):
            return {
                "changed": False,
                "failed": True,
                "evaluated_to": False,
                "assertion": condition,
                "msg": message,
            }
    return {"changed": False, "msg": call.args.get("success_msg") or "All assertions passed"}


def fail(call: Call) -> dict[str, Any]:
    return {"changed": False, "failed": True, "msg": call.args.get("msg") or "Failed as requested from task"}


def set_fact(call: Call) -> dict[str, Any]:
    facts = {key: value for key, value in call.args.items() if key != "cacheable"}
    for name, value in facts.items():
        if isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
            facts[name] = value.lower() in ("true", "yes")
    return {"changed": False, "ansible_facts": facts, "_set": True}


def include_vars(call: Call) -> dict[str, Any]:
    name = call.args.get("file") or call.args.get("_raw_params")
    paths = []
    if name:
        paths = [call.find(str(name), "vars")]
    elif call.args.get("dir"):
        paths = sorted(
            path
            for path in call.find(str(call.args["dir"]), "vars").iterdir()
            if path.suffix in (".yml", ".yaml", ".json")
        )
    found: dict[str, Any] = {}
    for path in paths:
        document = yamlfile.load(path)
        if document is not None and not isinstance(document, dict):
            raise ActionError(f"{path} must be a mapping")
        found.update(document or {})
    if call.args.get("name"):
        found = {str(call.args["name"]): found}
    return {
        "changed": False,
        "ansible_facts": found,
        "_include_vars": True,
        "ansible_included_var_files": [str(path) for path in paths],
    }


def pause(call: Call) -> dict[str, Any]:
    seconds = float(call.args.get("seconds") or 0) + 60 * float(call.args.get("minutes") or 0)
    if not seconds:
        raise ActionError(
            "pause without seconds or minutes asks a question, which is not supported; use -e for answers"
        )
    time.sleep(seconds)
    return {"changed": False, "delta": int(seconds), "stdout": f"Paused for {seconds} seconds"}


def add_host(call: Call) -> dict[str, Any]:
    name = call.args.get("name") or call.args.get("hostname") or call.args.get("host")
    groups = call.args.get("groups") or call.args.get("group") or call.args.get("groupname") or []
    groups = [group.strip() for group in groups.split(",")] if isinstance(groups, str) else groups
    known = ("name", "hostname", "host", "groups", "group", "groupname")
    variables = {key: value for key, value in call.args.items() if key not in known}
    return {"changed": True, "add_host": {"host_name": name, "groups": groups, "host_vars": variables}}


def group_by(call: Call) -> dict[str, Any]:
    return {
        "changed": True,
        "add_group": str(call.args["key"]).replace(" ", "-"),
        "parent_groups": call.args.get("parents") or ["all"],
    }


def quiet(call: Call) -> bool:
    """Whether a debug's verbosity or an assert's quiet keeps it from being shown."""
    return truth(call.args.get("quiet"))


ACTIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "debug": debug,
    "assert": assert_,
    "fail": fail,
    "set_fact": set_fact,
    "include_vars": include_vars,
    "pause": pause,
    "add_host": add_host,
    "group_by": group_by,
}
#: Those whose arguments hold conditions, which are not templated as texts.
CONDITIONS = {"assert": "that"}
