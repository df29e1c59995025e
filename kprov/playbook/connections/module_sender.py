"""Send modules to hosts: target, connection, become user and environment. The only caller of agents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kprov.errors import InputError, NoPythonError
from kprov.inventory import secrets
from kprov.inventory.model import LOCALHOST
from kprov.playbook.model.plays import Task
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import OMIT
from kprov.playbook.variables.precedence import Variables
from kprov.transport.agent_modules import parse_boolean
from kprov.transport.connections import Connection, Connections
from kprov.transport.options.host_options import METHODS, Become

#: Connection keywords, and the variables with the same meaning.
_REACHED = {"remote_user": "ansible_user", "port": "ansible_port", "connection": "ansible_connection"}


class ModuleSender:
    """Sends modules to hosts."""

    def __init__(self, variables: Variables, connections: Connections) -> None:
        self.variables = variables
        self.connections = connections

    def find_target(self, task: Task, host: str, scope: Scope) -> str:
        """Return the host on which a task works: that of `delegate_to`, or its own."""
        delegate_to = task.get("delegate_to")
        if delegate_to is None:
            return host
        target = scope.templar.render(delegate_to, scope, "delegate_to")
        if not target or target == OMIT:
            return host
        if not str(target).isprintable():  # a NUL separates the parts of an address
            raise InputError(f"{str(target)!r} is no name of a host", field="delegate_to")
        if str(target) in LOCALHOST and str(target) not in self.variables.inventory.hosts:
            self.variables.inventory.implicit_localhost(str(target))
            self.variables.clear_inventory_cache()
        return str(target)

    def make_address(self, task: Task, target: str, scope: Scope) -> str:
        """Return the key of Connections for the target, with the connection keywords of the task."""
        variables = {}
        for keyword, variable in _REACHED.items():
            value = task.get(keyword)
            if value is not None and variable not in self.variables.inventory_variables(target):
                variables[variable] = scope.templar.render(value, scope, keyword)
        return encode_address(target, variables)

    def find_become(self, task: Task | None, scope: Scope, target: str, host: str) -> Become | None:
        """Return the become settings of a task. As in Ansible, variables of the host win over keywords."""
        templar = self.variables.templar
        where = scope if target == host else Scope(templar, self.variables.host_layers(target))
        defaults = self.variables.options.defaults

        def find_setting(keyword: str, *names: str) -> Any:
            for name in names:
                if name in where:
                    return templar.render("{{ " + name + " }}", where, name)
            if task is not None and task.get(keyword) is not None:
                return templar.render(task.get(keyword), scope, keyword)
            return next((defaults[name] for name in names if name in defaults), None)

        if not parse_boolean(find_setting("become", "ansible_become")):
            return None
        method = str(find_setting("become_method", "ansible_become_method") or "sudo").split(".")[-1]
        if method not in METHODS:
            raise InputError(
                f"become_method {method!r} is not supported; {', '.join(METHODS)} are", field="become_method"
            )
        password = find_setting(
            "-",
            "ansible_become_password",
            "ansible_become_pass",
            f"ansible_{method}_password",
            f"ansible_{method}_pass",
        )
        if password is not None:
            secrets.register(str(password))
        exe = find_setting("become_exe", "ansible_become_exe", f"ansible_{method}_exe") or method
        user = find_setting("become_user", "ansible_become_user", f"ansible_{method}_user") or "root"
        if not str(user).isprintable():
            raise InputError(f"{str(user)!r} is no name of a user", field="become_user")
        flags = find_setting("become_flags", "ansible_become_flags", f"ansible_{method}_flags")
        return Become(
            str(user),
            method,
            None if password is None else str(password),
            str(exe),
            None if flags is None else str(flags),
        )

    def render_environment(self, task: Task, scope: Scope) -> dict[str, Any]:
        """Render `environment` of a task and of its blocks and play; inner values win."""
        environment: dict[str, Any] = {}
        for entry in task.collect_keyword("environment"):
            variables = scope.templar.render(entry, scope, "environment") or {}
            if not isinstance(variables, dict):
                raise InputError("environment must be a mapping", file=task.file, line=task.line)
            environment.update(variables)
        return environment

    def send(
        self,
        address: str,
        become: Become | None,
        module: str,
        items: list[dict[str, Any]],
        contents: dict[str, bytes | Path] | None = None,
        *,
        check: bool = False,
        diff: bool = False,
    ) -> list[dict[str, Any]]:
        """Run a module on a host. Raises UnreachableError, PreflightError, NoPythonError."""
        connection = self.connections.get(address)
        try:
            agent = connection.agent(become)
        except NoPythonError:
            if not all(item["args"].get("_raw") and "timeout" not in item for item in items):
                raise
            return [_run_without_agent(connection, become, item["args"]) for item in items]
        return agent.run(module, items, contents or {}, check=check, diff=diff)


def _run_without_agent(connection: Connection, become: Become | None, args: dict[str, Any]) -> dict[str, Any]:
    """Run a shell command on a host without Python, so that `raw` can install Python."""
    ended = connection.bare(become, str(args["_raw_params"]), str(args.get("executable") or "/bin/sh"))
    result = {"changed": True, "rc": ended.code, "stdout": ended.out, "stderr": ended.err}
    return {**result, "failed": True, "msg": "non-zero return code"} if ended.code else result


def encode_address(host: str, variables: dict[str, Any]) -> str:
    """Return the key of a connection: the name of the host, and connection variables of the play or task."""
    return host if not variables else f"{host}\0{json.dumps(variables, sort_keys=True)}"


def decode_address(address: str) -> tuple[str, dict[str, Any]]:
    """Return the host and the connection variables of a key."""
    host, _, encoded_variables = address.partition("\0")
    return host, json.loads(encoded_variables) if encoded_variables else {}
