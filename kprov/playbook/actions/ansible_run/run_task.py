"""Run a task whose module has an action plugin: prepare a folder, start ansible-core, read the result."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from kprov.inventory import secrets
from kprov.playbook.actions import ansible_module
from kprov.playbook.actions.ansible_run import documents, host_connection, process, temporary_folder
from kprov.playbook.actions.call import ActionError, Call
from kprov.playbook.ansible_modules import payloads
from kprov.playbook.model.ansible_module import AnsibleModule
from kprov.transport.agent import answers

#: The largest result, in bytes, as for an answer of an agent.
_RESULT_LIMIT = answers.MAX_HEADER
#: The end of the output that an error shows, in characters.
_SHOWN = 2000
#: Seconds that ansible-core has to start and end, besides the keyword `timeout`, which it applies itself.
_GRACE = 30
_CALLBACK = "kprov_result"


def run(call: Call, module: AnsibleModule) -> dict[str, Any]:
    """Return the result of the task: data, like the answer of a host. Raises InputError, ActionError."""
    payloads.check_runnable(module)
    if call.background[0]:
        raise ActionError(f"This action ({module.name}) does not support async.")
    for host in (call.host, call.target):
        if not documents.is_plain_name(host):
            raise ActionError(f"{module.name}: ansible-core cannot have a host with the name {host!r}")
    folder = Path(tempfile.mkdtemp(prefix="kprov-task-"))
    try:
        _write_files(folder, call, module)
        with temporary_folder.make_folder() as temporary:
            ended = _start(folder, temporary.path, call, module)
            temporary.keep = ended.code == 0
        return _read_result(folder, call, module, ended)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_files(folder: Path, call: Call, module: AnsibleModule) -> None:
    assert call.sender is not None, "a task with an action plugin has a host"
    scope, connections = call.scope, call.sender.connections
    own = call.sender.make_address(call.task, call.host, scope)
    reached = {call.host: connections.get(own)}
    reached[call.target] = connections.get(call.address)
    variables = {
        host: host_connection.describe(connection.options, folder / f"ssh_config_{number}")
        for number, (host, connection) in enumerate(reached.items())
    }
    become = call.become
    if become is not None and reached[call.target].is_login_user(become):
        become = None
    if become is not None and become.password is not None:
        variables[call.target]["ansible_become_password"] = become.password
    variables[call.host] = {**documents.collect_variables(call), **variables[call.host]}
    documents.write(folder / "inventory.yml", documents.make_inventory(call, variables))
    task = documents.make_task(call, module.name, become)
    role = call.task.role
    documents.write(folder / "play.yml", [documents.make_play(call, task, in_role=role is not None)])
    if role is not None:
        documents.write(folder / "roles" / documents.ROLE / "tasks" / "main.yml", [task])
    (folder / "callbacks").mkdir()
    shutil.copyfile(Path(__file__).with_name(f"{_CALLBACK}.py"), folder / "callbacks" / f"{_CALLBACK}.py")
    settings = {
        "result": str(folder / "result.json"),
        "parent": os.getpid(),
        "secret_files": [str(folder / "inventory.yml"), str(folder / "play.yml"), str(folder / "roles")],
        "basedir": str(call.scope.get("playbook_dir") or call.playbook_dir),
        "search": list(call.task.folder_names),
        "facts": {call.host: documents.collect_facts(call.sender.variables.facts.host_facts(call.host))},
        "role": None if role is None else {"name": role.name, "path": str(role.path)},
    }
    (folder / "settings.json").write_text(json.dumps(settings, default=str))


def _start(folder: Path, temporary: Path, call: Call, module: AnsibleModule) -> process.Ended:
    assert call.sender is not None, "a task with an action plugin has a host"
    # -P: the files of the current folder must not replace those of Python.
    command = [sys.executable, "-P", "-m", "ansible", "playbook", "-i", str(folder / "inventory.yml")]
    command += ["-" + "v" * call.options.verbosity] if call.options.verbosity else []
    seconds = call.timeout + _GRACE if call.timeout else None
    environment = {**_make_environment(folder, call, module), "TMPDIR": str(temporary)}
    child = process.Child(folder / "output", environment)
    with call.sender.connections.ending(child.end):
        return child.run([*command, str(folder / "play.yml")], seconds=seconds)


def _make_environment(folder: Path, call: Call, module: AnsibleModule) -> dict[str, str]:
    """Return the variables of the child, without the user's settings of Ansible, as kprov has none."""

    def join(paths: list[Path]) -> str:
        return os.pathsep.join(str(path) for path in paths)

    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    plugins = {
        variable: join([place / name for place in module.folders])
        for variable, name in (
            ("ANSIBLE_ACTION_PLUGINS", "action_plugins"),
            ("ANSIBLE_LIBRARY", "library"),
            ("ANSIBLE_MODULE_UTILS", "module_utils"),
            ("ANSIBLE_FILTER_PLUGINS", "filter_plugins"),
            ("ANSIBLE_TEST_PLUGINS", "test_plugins"),
            ("ANSIBLE_LOOKUP_PLUGINS", "lookup_plugins"),
        )
    }
    if module.path != module.action:
        plugins["ANSIBLE_LIBRARY"] = join([module.path.parent, Path(plugins["ANSIBLE_LIBRARY"])])
    collections = [path for path in module.collections if (path / "ansible_collections").is_dir()]
    config = folder / "ansible.cfg"
    config.touch()
    return {
        **kept,
        **plugins,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_COLLECTIONS_PATH": join(collections or [folder / "home" / "collections"]),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_VARS_ENABLED": "",
        "ANSIBLE_CALLBACK_PLUGINS": str(folder / "callbacks"),
        "ANSIBLE_STDOUT_CALLBACK": _CALLBACK,
        "ANSIBLE_NOCOLOR": "1",
        # Without it, a user other than root needs ACLs for the files of a module, which kprov does not.
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_NO_TARGET_SYSLOG": "1" if call.hidden else "0",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "KPROV_TASK_SETTINGS": str(folder / "settings.json"),
    }


def _read_result(folder: Path, call: Call, module: AnsibleModule, ended: process.Ended) -> dict[str, Any]:
    if ended.timed_out:
        text = f"ansible-core did not end the action {module.name} within {call.timeout} s and was killed"
        return {"changed": False, "failed": True, "msg": text, "timedout": {"period": call.timeout}}
    file = folder / "result.json"
    if not file.is_file():
        raise ActionError(_describe_crash(call, module, ended))
    if file.stat().st_size > _RESULT_LIMIT:
        raise ActionError(f"the result of {module.name} is larger than {_RESULT_LIMIT >> 20} MiB")
    try:
        header = answers.decode_header(file.read_bytes())
        (result,) = answers.read_results(header, module.name, 1)
    except answers.MalformedAnswerError as error:
        raise ActionError(f"the result of {module.name} is malformed: {error}") from None
    return ansible_module.finish(result)


def _describe_crash(call: Call, module: AnsibleModule, ended: process.Ended) -> str:
    text = f"ansible-core ended with code {ended.code} and without a result of {module.name}"
    if call.hidden or not ended.output:
        return text
    return f"{text}: {secrets.scrub(ended.output[-_SHOWN:].strip())}"
