"""Check the keywords of plays, blocks and tasks, and find the module of a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov import suggestions
from kprov.errors import InputError
from kprov.inventory import yaml_file
from kprov.playbook.ansible_modules import finder
from kprov.playbook.ansible_modules.search import ModuleSearch
from kprov.playbook.loading import module_names, play_checks, playbook_keywords
from kprov.playbook.loading.problems import MissingError
from kprov.playbook.model.ansible_module import AnsibleModule


def to_list(value: Any) -> list[Any]:
    """Return a list for a value, a list or nothing."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def check_prompts(entry: Any, file: Path) -> None:
    """Raise InputError for unknown options of vars_prompt."""
    for prompt in to_list(entry.get("vars_prompt")):
        for word in prompt if isinstance(prompt, dict) else ():
            if word not in playbook_keywords.PROMPT_OPTIONS:
                raise InputError(
                    f"{word!r} is not an option of vars_prompt"
                    + suggestions.hint(str(word), playbook_keywords.PROMPT_OPTIONS),
                    file=file,
                    line=yaml_file.line_of(prompt, word),
                    field="vars_prompt",
                )


def normalize_action(entry: Any, file: Path) -> Any:
    """Rewrite `action:` and `local_action:` to `MODULE: ARGUMENTS`."""
    word = next((key for key in ("action", "local_action") if key in entry), None)
    if word is None:
        return entry
    value = entry[word]
    changed = type(entry)(entry)
    changed.lines = dict(entry.lines)
    changed.line, changed.file = entry.line, getattr(entry, "file", None)
    del changed[word]
    if isinstance(value, dict):
        name = value.get("module")
        rest: Any = {key: item for key, item in value.items() if key != "module"}
    else:
        name, rest = _split_action(str(value))
    if not name:
        raise InputError(f"{word} names no module", file=file, line=entry.line, field=word)
    changed[name] = rest or None
    changed.lines[name] = entry.lines[word]
    if word == "local_action":
        changed["delegate_to"] = "localhost"
    return changed


def _split_action(text: str) -> tuple[str, str]:
    """Return the name of a module, which may be a template with spaces, and the text after it."""
    if text.startswith("{{") and "}}" in text:
        name, end, rest = text.partition("}}")
        return name + end, rest.strip()
    name, _, rest = text.partition(" ")
    return name, rest


def find_module_name(
    entry: Any, keywords: set[str], file: Path, search: ModuleSearch, *, templates: bool = False
) -> str:
    """Return the key of a task that names its module; with `templates` the name may be a template.

    Raises InputError when there is none, or more than one.
    """
    check_values(entry, "task", file)
    words = [str(key) for key in entry if key not in keywords and not str(key).startswith("with_")]
    modules = [word for word in words if module_names.short_name(word) in module_names.known_modules()]
    if not modules and len(words) == 1 and _is_ansible_module(words[0], search, entry, file):
        return words[0]
    if len(words) == 1 and (modules or (templates and "{{" in words[0])):
        return words[0]
    if not words:
        raise InputError(
            "the task names no module",
            file=file,
            line=entry.line,
            field=str(entry.get("name") or ""),
        )
    if len(modules) > 1:
        raise InputError(
            f"the task names more than one module: {', '.join(modules)}",
            file=file,
            line=entry.line,
        )
    word = next(candidate for candidate in words if candidate not in modules)
    if modules:
        text = f"{word!r} is not a keyword of a task{suggestions.hint(word, keywords)}"
    else:
        text = explain_unsupported_module(word, keywords, search)
        raise MissingError(text, file=file, line=yaml_file.line_of(entry, word))
    raise InputError(text, file=file, line=yaml_file.line_of(entry, word))


def find_ansible_module(word: str, search: ModuleSearch) -> AnsibleModule | None:
    """Return the file of a task's module; None for a module of kprov, unless a library overrides it."""
    short = module_names.short_name(word)
    if short not in module_names.known_modules():
        return finder.find_module(word, search)
    # As in Ansible, a module does not replace an action of its name, which runs on the operator's machine.
    own = (module_names.RUN_ACTIONS, module_names.ACTION_FILES, module_names.FREE_FORM)
    if any(short in names for names in own):
        return None
    return finder.find_override(word, search)


def _is_ansible_module(word: str, search: ModuleSearch, entry: Any, file: Path) -> bool:
    """Whether a word names a module of a library, a collection or ansible-core."""
    try:
        module = finder.find_module(word, search)
    except InputError as error:
        line = yaml_file.line_of(entry, word)
        raise InputError(error.reason, file=file, line=line) from None
    return module is not None


def explain_unsupported_module(word: str, keywords: set[str], search: ModuleSearch) -> str:
    """Return the error text for an unknown module."""
    missing = finder.explain_missing_module(word, search)
    short = module_names.short_name(word)
    instead = module_names.UNSUPPORTED_MODULES.get(short.split(".")[-1])
    if missing and ("." in word or missing.startswith(finder.NOT_INSTALLED)):
        return f"the module {word!r} was not found; {missing}" + (f", or {instead}" if instead else "")
    close = suggestions.closest(short, module_names.known_modules() | keywords)
    advice = instead or (f"did you mean {close!r}?" if close else "use ansible.builtin.command")
    return f"the module {word!r} is not supported; {advice}" + (f"; {missing}" if missing else "")


def check_loop_control(entry: Any, file: Path) -> None:
    """Raise InputError for unknown options of loop_control."""
    control = entry.get("loop_control")
    for key in control or {}:
        if key not in playbook_keywords.LOOP_CONTROL:
            raise InputError(
                f"{key!r} is not an option of loop_control", file=file, line=yaml_file.line_of(control, key)
            )


def check_keywords(entry: Any, words: set[str], what: str, file: Path) -> None:
    """Raise InputError for keywords other than these, with the nearest known one."""
    check_values(entry, what, file)
    for key in entry:
        if key not in words:
            hint = suggestions.hint(str(key), words)
            raise InputError(
                f"{key!r} is not a keyword of a {what}{hint}", file=file, line=yaml_file.line_of(entry, key)
            )


def check_values(entry: Any, what: str, file: Path) -> None:
    """Raise InputError for values of a wrong type."""
    play_checks.check_keyword_types(entry, what, file)
    debugger = entry.get("debugger", "never")
    if debugger not in playbook_keywords.DEBUGGERS:
        raise InputError(
            f"must be one of {', '.join(playbook_keywords.DEBUGGERS)}, not {debugger!r}",
            file=file,
            line=yaml_file.line_of(entry, "debugger"),
            field="debugger",
        )


def list_ignored_keywords(entry: Any, file: Path) -> list[str]:
    """Return a warning for each keyword that has no effect; `debugger: never` asks for none."""
    return [
        str(
            InputError(
                f"the keyword {key!r} has no effect; {playbook_keywords.IGNORED_KEYWORDS[key]}",
                file=file,
                line=yaml_file.line_of(entry, key),
            )
        )
        for key in entry
        if key in playbook_keywords.IGNORED_KEYWORDS and entry[key] != "never"
    ]
