"""Actions that run on the operator's machine only: debug, assert, fail, set_fact and others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from kprov.inventory.trust import mark_untrusted
from kprov.inventory.vault.vault_format import Unsafe
from kprov.playbook.actions import include_vars
from kprov.playbook.actions.call import ActionError, Call
from kprov.playbook.actions.effects import ActionResult, AddHost, AddToGroup, SetStats, SetVariables
from kprov.playbook.results.run_result import AbortedError
from kprov.playbook.templating.templar import TemplatingError
from kprov.transport import agent_modules

#: Marks a result that is printed at any verbosity.
_ALWAYS = {"_ansible_verbose_always": True}


def debug(call: Call) -> dict[str, Any]:
    name = call.args.get("var")
    verbosity = int(call.args.get("verbosity") or 0)
    if verbosity > call.options.verbosity:
        return {"changed": False, "skipped": True, "skipped_reason": "Verbosity threshold not met."}
    if name is None:
        return {"changed": False, "msg": call.args.get("msg", "Hello world!"), **_ALWAYS}
    if isinstance(name, Unsafe):
        raise ActionError("'var' must be written in the task; a value is no expression")
    try:
        value = call.templar.render("{{ " + str(name) + " }}", call.scope) if isinstance(name, str) else name
    except TemplatingError as error:
        value = f"<< error 1 - {error.reason or error} >>"
    return {"changed": False, str(name): value, **_ALWAYS}


def assert_(call: Call) -> dict[str, Any]:
    that = call.args.get("that")
    conditions = that if isinstance(that, list) else [that]
    message = call.args.get("fail_msg") or call.args.get("msg") or "Assertion failed"
    for condition in conditions:
        if not call.templar.evaluate_condition(condition, call.scope, "that"):
            return {
                "changed": False,
                "failed": True,
                "evaluated_to": False,
                "assertion": condition,
                "msg": message,
            }
    return {"changed": False, "msg": call.args.get("success_msg") or "All assertions passed"}


def fail(call: Call) -> dict[str, Any]:
    return {"changed": False, "failed": True, "msg": call.args.get("msg", "Failed as requested from task")}


def set_fact(call: Call) -> dict[str, Any]:
    facts = {key: value for key, value in call.args.items() if key != "cacheable"}
    if not facts:
        raise ActionError("No key/value pairs provided, at least one is required for this action to succeed")
    for name in facts:
        if not str(name).isidentifier():
            raise ActionError(f"Task failed: Invalid variable name {str(name)!r}.")
    cached = agent_modules.parse_boolean(call.args.get("cacheable"))
    return ActionResult({"changed": False, "ansible_facts": facts}, SetVariables(facts, cached))


def set_stats(call: Call) -> dict[str, Any]:
    """Set values that the report of the run shows."""
    data = call.args.get("data")
    if not isinstance(data, dict):
        raise ActionError("The 'data' option needs to be a dictionary/hash")
    per_host = agent_modules.parse_boolean(call.args.get("per_host"))
    aggregate = agent_modules.parse_boolean(call.args.get("aggregate"), default=True)
    stats = {"data": data, "per_host": per_host, "aggregate": aggregate}
    return ActionResult({"changed": False, "ansible_stats": stats}, SetStats(data, per_host, aggregate))


_LONGEST_PAUSE = 100_000_000


def pause(call: Call) -> dict[str, Any]:
    """Wait for a time, or until the user answers."""
    start = dt.datetime.now().astimezone()
    unit = "minutes" if call.args.get("minutes") is not None else "seconds"
    duration = call.args.get(unit)
    try:
        seconds = None if duration is None else max(1.0, float(duration)) * (60 if unit == "minutes" else 1)
    except (TypeError, ValueError):
        raise ActionError(f"non-integer value given for prompt duration: {duration!r}") from None
    if seconds is not None and not seconds <= _LONGEST_PAUSE:
        raise ActionError(f"the prompt duration {duration!r} is longer than {_LONGEST_PAUSE} seconds")
    prompt = str(call.args.get("prompt") or "")
    echo = agent_modules.parse_boolean(call.args.get("echo"), default=True)
    try:
        typed = call.callbacks.pause(prompt, seconds=seconds, echo=echo)
    except AbortedError:
        raise ActionError("user requested abort!") from None
    stop = dt.datetime.now().astimezone()
    length = (stop - start).total_seconds()
    return {
        "changed": False,
        "rc": 0,
        "stderr": "",
        "start": start.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "stop": stop.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "delta": int(length),
        "echo": echo,
        "user_input": typed,
        "stdout": f"Paused for {round(length / (60 if unit == 'minutes' else 1), 2)} {unit}",
    }


def add_host(call: Call) -> dict[str, Any]:
    name = call.args.get("name") or call.args.get("hostname") or call.args.get("host")
    if not name:
        raise ActionError("name, host or hostname needs to be provided")
    groups = call.args.get("groups") or call.args.get("group") or call.args.get("groupname") or []
    groups = [group.strip() for group in groups.split(",")] if isinstance(groups, str) else list(groups)
    own_arguments = ("name", "hostname", "host", "groups", "group", "groupname")
    variables = {key: value for key, value in call.args.items() if key not in own_arguments}
    added: dict[str, Any] = {
        "host_name": str(name),
        "groups": sorted(map(str, groups)),
        "host_vars": variables,
    }
    there = call.inventory.hosts.get(str(name))
    changed = there is None or any(there.variables.get(key) != value for key, value in variables.items())
    changed = changed or any(str(name) not in call.inventory.members(str(group)) for group in groups)
    # The inventory has templates, and these are values: some may be what a host answered.
    effect = AddHost(str(name), added["groups"], mark_untrusted(variables))
    return ActionResult({"changed": changed, "add_host": added}, effect)


def group_by(call: Call) -> dict[str, Any]:
    name = str(call.args["key"]).replace(" ", "-")
    parents = call.args.get("parents") or ["all"]
    parents = [parents] if isinstance(parents, str) else list(parents)
    changed = name not in call.inventory.groups or call.host not in call.inventory.members(name)
    parents = [str(parent).replace(" ", "-") for parent in parents]
    shown = {"changed": changed, "add_group": name, "parent_groups": parents}
    return ActionResult(shown, AddToGroup(name, parents))


def validate_argument_spec(call: Call) -> dict[str, Any]:
    """Check the variables of a role against its argument spec."""
    spec, context = call.args.get("argument_spec"), call.args.get("validate_args_context") or {}
    if not isinstance(spec, dict):
        raise ActionError("argument_spec must be a mapping")
    provided = call.args.get("provided_arguments") or {}
    errors = []
    for name, entry in spec.items():
        value = provided.get(name)
        try:
            if name not in provided and name in call.scope:
                value = call.templar.render("{{ vars[" + repr(str(name)) + "] }}", call.scope, name)
            agent_modules.check_arguments(name, {} if value is None else {name: value}, {name: entry}, {})
        except agent_modules.UnsupportedError as error:
            errors.append(error.names)
        except (agent_modules.ArgumentError, TemplatingError) as error:
            errors.append(str(error))
    if errors:
        return {
            "changed": False,
            "failed": True,
            "msg": "Validation of arguments failed:\n" + "\n".join(errors),
            "argument_errors": errors,
            "argument_spec_data": spec,
            "validate_args_context": context,
        }
    return {
        "changed": False,
        "msg": "The arg spec validation passed",
        "validate_args_context": context,
    }


ACTIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "debug": debug,
    "assert": assert_,
    "fail": fail,
    "set_fact": set_fact,
    "set_stats": set_stats,
    "include_vars": include_vars.include_vars,
    "pause": pause,
    "add_host": add_host,
    "group_by": group_by,
    "validate_argument_spec": validate_argument_spec,
}
#: Arguments that hold expressions, which are not rendered as templates.
LITERAL = {"assert": ("that",), "debug": ("var",), "validate_argument_spec": ("argument_spec",)}
#: Arguments whose source is shown if they cannot be rendered.
MESSAGES = {"assert": ("fail_msg", "msg", "success_msg")}
