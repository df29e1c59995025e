"""Build a call from a task and its variables: rendered arguments, modes, and the action that prepares it."""

from __future__ import annotations

import importlib
from typing import Any

from kprov.errors import InputError
from kprov.inventory.trust import mark_untrusted
from kprov.playbook.actions import ansible_module, run_actions
from kprov.playbook.actions.ansible_run import run_task
from kprov.playbook.actions.call import ActionError, Call, ModuleCall
from kprov.playbook.ansible_modules import action_groups
from kprov.playbook.ansible_modules.search import make_module_search
from kprov.playbook.connections.module_sender import ModuleSender
from kprov.playbook.loading import module_names, play_checks, templated_action
from kprov.playbook.model.plays import Task
from kprov.playbook.results.run_result import Callbacks
from kprov.playbook.running import keyword_numbers
from kprov.playbook.running.task_conditions import Result
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.templating.values import OMIT, is_omitted
from kprov.playbook.variables.precedence import Variables, remove_omitted
from kprov.transport import agent_modules

_ABOUT = ("dest", "path", "name", "pkg", "state", "enabled", "key")


#: The longest timeout, as in Ansible: alarm(2) takes it on every platform.
_LONGEST = 100_000_000


def is_run_action(task: Task) -> bool:
    """Whether a task only affects the run itself, not a host."""
    return task.ansible_module is None and task.module in run_actions.ACTIONS


def _is_default_of(name: str, task: Task) -> bool:
    """Whether a key of module_defaults, a module or an action group, is about the module of a task."""
    if not name.startswith("group/"):
        return module_names.short_name(name) == task.module
    if task.ansible_module is None:
        return False
    members = action_groups.list_members(name.removeprefix("group/"), make_module_search(task))
    return task.ansible_module.name in members


#: Arguments with paths, commands and names, of which none can have a NUL character.
_TEXTS = ("path", "dest", "src", "cmd", "_raw_params", "chdir", "creates", "removes", "name", "state", "argv")


def _check_text_arguments(call: Call) -> None:
    """Raise ActionError for an argument that no host can take."""
    for name in _TEXTS:
        value = call.args.get(name)
        if isinstance(value, str) and "\0" in value:
            raise ActionError(f"{name}: {value!r} has a NUL character")


class CallBuilder:
    """Builds the calls of one play."""

    def __init__(self, variables: Variables, sender: ModuleSender, callbacks: Callbacks) -> None:
        self.variables = variables
        self.sender = sender
        self.callbacks = callbacks

    def build_call(self, task: Task, host: str, scope: Scope) -> Call:
        """Render the arguments and modes of a task for one host and item."""
        templar = self.variables.templar
        task = templated_action.resolve_action(task, scope)
        if task.problem:
            raise InputError(task.problem)
        if task.get("delegate_to") is not None:
            target = self.sender.find_target(task, host, scope)
            if target != host:
                scope = scope.extend({"ansible_delegated_vars": {target: scope["hostvars"].get(target)}})
        play_checks.check_timeout(task)
        args = self._render_arguments(task, scope)
        check = self._render_mode(task, scope, "check_mode", default=self.variables.options.check)
        diff = self._render_mode(task, scope, "diff", default=self.variables.options.diff)
        hidden = self.is_no_log(task, scope)
        call = Call(
            task,
            host,
            scope,
            templar,
            args,
            self.variables.playbook_dir,
            check,
            diff and not hidden,
            options=self.variables.options,
            callbacks=self.callbacks,
            inventory=self.variables.inventory,
            hidden=hidden,
        )
        _check_text_arguments(call)
        if is_run_action(task):
            if task.get("async"):
                self._render_async(task, scope, check=check)
            if task.get("delegate_to") is not None:
                call.target = self.sender.find_target(task, host, scope)
        else:
            call.target = self.sender.find_target(task, host, scope)
            call.address = self.sender.make_address(task, call.target, scope)
            call.become = self.sender.find_become(task, scope, call.target, host)
            call.environment = self.sender.render_environment(task, scope)
            call.sender = self.sender
            call.background = self._render_async(task, scope, check=check)
            call.timeout = self._render_timeout(task, scope)
        return call

    @staticmethod
    def _render_timeout(task: Task, scope: Scope) -> int:
        """Return the seconds of the keyword `timeout`, 0 without it. Raises InputError."""
        value = task.get("timeout")
        if value is None:
            return 0
        rendered = scope.templar.render(value, scope, "timeout")
        try:
            seconds = int(rendered)
        except (TypeError, ValueError):
            seconds = -1
        if not 0 <= seconds <= _LONGEST:
            text = f"must be a whole number of seconds between 0 and {_LONGEST}, not {rendered!r}"
            raise InputError(text, file=task.file, line=task.line, field="timeout")
        return seconds

    def _render_mode(self, task: Task, scope: Scope, keyword: str, *, default: bool) -> bool:
        value = task.get(keyword)
        return (
            default
            if value is None
            else agent_modules.parse_boolean(scope.templar.render(value, scope, keyword))
        )

    def _render_async(self, task: Task, scope: Scope, *, check: bool) -> tuple[int, int]:
        """Return the seconds of `async` and of `poll`; (0, 0) for a task in the foreground."""
        value = task.get("async")
        if value is None:
            return (0, 0)
        seconds = keyword_numbers.render_whole(task, scope, "async", value)
        if not seconds:
            return (0, 0)
        if check:
            raise ActionError('"check mode" and "async" cannot be used on same task.')
        is_agent_module = task.ansible_module is not None or task.module in agent_modules.module_names()
        if not is_agent_module and task.module not in ("shell", "raw"):
            raise ActionError(f"This action (ansible.builtin.{task.module}) does not support async.")
        poll = task.get("poll")
        return seconds, 15 if poll is None else keyword_numbers.render_whole(
            task, scope, "poll", poll, least=-1
        )

    def _render_arguments(self, task: Task, scope: Scope) -> dict[str, Any]:
        templar = scope.templar
        raw = dict(task.args)
        literal = run_actions.LITERAL.get(task.module, ())
        args = self._render_module_defaults(task, scope)
        if "_variable_params" in raw:
            variable_args = templar.render(raw.pop("_variable_params"), scope, "args")
            if not isinstance(variable_args, dict):
                raise InputError(f"arguments must be a mapping, not {variable_args!r}", field=task.module)
            args.update(variable_args)
        # Rendered values are not rendered again, and are no expressions either.
        args = {
            key: mark_untrusted(value) if key in literal else value
            for key, value in args.items()
            if not is_omitted(value)
        }
        for key, value in raw.items():
            name = templar.render(key, scope) if "{{" in str(key) else key
            try:
                rendered = value if key in literal else remove_omitted(templar.render(value, scope, str(key)))
            except TemplatingError:
                # Ansible shows the source of a message that it cannot render.
                if key not in run_actions.MESSAGES.get(task.module, ()):
                    raise
                rendered = value
            if isinstance(rendered, str) and rendered == OMIT:
                args.pop(name, None)
                continue
            args[name] = rendered
        return args

    def _render_module_defaults(self, task: Task, scope: Scope) -> dict[str, Any]:
        defaults: dict[str, Any] = {}
        for entry in task.collect_keyword("module_defaults"):
            rendered = scope.templar.render(entry, scope, "module_defaults") or {}
            for name, args in rendered.items():
                if _is_default_of(str(name), task):
                    defaults.update(args or {})
        return defaults

    def is_no_log(self, task: Task, scope: Scope) -> bool:
        """Whether `no_log` hides the result from output and journal."""
        return agent_modules.parse_boolean(scope.templar.render(task.get("no_log", False), scope, "no_log"))

    def prepare_call(self, call: Call) -> tuple[Result | None, list[ModuleCall]]:
        """Return the result of an action on the operator's machine, or the calls for the agent."""
        name = call.task.module
        module = call.task.ansible_module
        if module is not None and module.action is not None:
            return self._add_delegation(call, run_task.run(call, module)), []
        if module is not None:
            return None, [ansible_module.prepare(call, module)]
        if is_run_action(call.task):
            done = run_actions.ACTIONS[name](call)
            return self._add_delegation(call, done) if call.target else done, []
        if name in module_names.ACTION_FILES:
            action = importlib.import_module(f"kprov.playbook.actions.modules.{name}")
            self._check_arguments(name, action, call)
            if hasattr(action, "run"):
                done = action.run(call)
                return self._add_delegation(call, done), []
            prepared = action.prepare(call)
            return None, prepared if isinstance(prepared, list) else [prepared]
        if name in ("shell", "raw"):
            return None, [ModuleCall("command", {**call.args, "_shell": True})]
        return None, [ModuleCall(name, call.args)]

    @staticmethod
    def _check_arguments(name: str, action: Any, call: Call) -> None:
        table = agent_modules.table_of(action)
        if table is not None:
            spec, rules = table
            call.args = {
                key: value
                for key, value in agent_modules.check_arguments(
                    f"ansible.builtin.{name}", call.args, spec, rules
                ).items()
                if value is not None
            }

    def finish_call(self, call: Call, result: Result) -> Result:
        """Let the action edit the result of the agent."""
        if call.task.ansible_module is not None:
            result = ansible_module.finish(result)
        elif call.task.module in module_names.ACTION_FILES:
            action = importlib.import_module(f"kprov.playbook.actions.modules.{call.task.module}")
            if hasattr(action, "finish"):
                result = action.finish(call, result)
        return self._add_delegation(call, result)

    @staticmethod
    def _add_delegation(call: Call, result: Result) -> Result:
        # Results of Ansible, above all in check mode, do not name the file or service that they are about.
        result["_about"] = {name: call.args[name] for name in _ABOUT if call.args.get(name) is not None}
        if call.target != call.host:
            result["_ansible_delegated_vars"] = {"ansible_delegated_host": call.target}
        return result
