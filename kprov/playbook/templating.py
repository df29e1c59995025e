"""Jinja2 as Ansible uses it: native values, strict undefined, lazily templated variables."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.utils import concat

from kprov.errors import KprovError
from kprov.inventory.yamlfile import Unsafe
from kprov.playbook import filters, jinja_tests, lookups
from kprov.playbook.scope import Scope

_RESULT = "_kprov_result"


class TemplatingError(KprovError):
    """An expression that cannot be evaluated; the message has the expression and the reason."""


class _Context(Context):
    """Variables are looked at only when a template names them."""

    def get_all(self) -> dict[str, Any]:
        return ChainMap(self.vars, self.parent) if self.vars else self.parent  # type: ignore[return-value]


class _Environment(jinja2.Environment):
    context_class = _Context

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys before attributes for mappings, so that `item.values` is data where data has it."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Templar:
    """Templates of a run; `search` are the folders in which files and includes are looked for."""

    def __init__(self, search: tuple[Path, ...] = ()) -> None:
        self.search = search
        self._environments: dict[Any, _Environment] = {}
        self._texts: dict[str, tuple[bool, jinja2.Template]] = {}
        self._files: dict[Any, jinja2.Template] = {}
        self.environment = self._environment(())

    def _environment(self, search: tuple[Path, ...], **settings: Any) -> _Environment:
        key = (search, tuple(sorted(settings.items())))
        if key not in self._environments:
            environment = _Environment(
                undefined=jinja2.StrictUndefined,
                loader=jinja2.FileSystemLoader([str(path) for path in search]),
                extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
                **{"trim_blocks": True, "keep_trailing_newline": True, **settings},
            )
            environment.filters.update(filters.FILTERS)
            environment.tests.update(jinja_tests.TESTS)
            environment.globals.update(lookups.GLOBALS)
            self._environments[key] = environment
        return self._environments[key]

    def text(self, text: str, scope: Scope) -> Any:
        """The value of a text: native for a single expression, else a string; may be Undefined."""
        if isinstance(text, Unsafe) or ("{{" not in text and "{%" not in text and "{#" not in text):
            return text
        single, template = self._compiled(text)
        return self._value(single, template, scope)

    def _value(self, single: bool, template: jinja2.Template, scope: Scope) -> Any:
        parent: Any = ChainMap(scope, template.globals)  # type: ignore[arg-type]
        context = _Context(template.environment, parent, template.name, template.blocks)
        if not single:
            return concat(template.root_render_func(context))
        for _ in template.root_render_func(context):
            pass
        return context.vars[_RESULT]

    def _compiled(self, text: str) -> tuple[bool, jinja2.Template]:
        if text not in self._texts:
            tree = self.environment.parse(text)
            single = _single(tree)
            if single is not None:
                body: list[nodes.Node] = [nodes.Assign(nodes.Name(_RESULT, "store"), single, lineno=1)]
                tree = nodes.Template(body, lineno=1)
                tree.set_environment(self.environment)
            self._texts[text] = (single is not None, self.environment.from_string(tree))
        return self._texts[text]

    def deep(self, value: Any, scope: Scope) -> Any:
        """A value with every text in it templated; raises jinja2's errors, may itself be Undefined."""
        if isinstance(value, str):
            return self.text(value, scope)
        if isinstance(value, dict):
            return {
                self._defined(self.deep(k, scope)): self._defined(self.deep(v, scope))
                for k, v in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._defined(self.deep(entry, scope)) for entry in value]
        return value

    @staticmethod
    def _defined(value: Any) -> Any:
        if isinstance(value, jinja2.Undefined):
            value._fail_with_undefined_error()
        return value

    def value(self, value: Any, scope: Scope, what: str = "") -> Any:
        """A value that must be defined, for use in a task; TemplatingError names expression and reason."""
        try:
            return filters.plain(self._defined(self.deep(value, scope)))
        except (jinja2.TemplateError, filters.FilterError) as error:
            raise _named(error, value, what) from None
        except (TypeError, ValueError, KeyError, AttributeError, OSError, ZeroDivisionError) as error:
            raise _named(error, value, what) from None

    def test(self, condition: Any, scope: Scope, what: str = "when") -> bool:
        """A condition: an expression without braces, or a boolean."""
        if isinstance(condition, bool):
            return condition
        if condition is None:
            return True
        text = str(condition).strip()
        if "{{" not in text:
            text = "{{ " + text + " }}"
        found = self.value(text, scope, what)
        if isinstance(found, str):
            if found.strip().lower() in ("true", "yes"):
                return True
            if found.strip().lower() in ("false", "no", ""):
                return False
        return bool(found)

    def file(
        self, path: Path, scope: Scope, search: tuple[Path, ...], overrides: Mapping[str, Any] | None = None
    ) -> str:
        """A template file rendered; includes are looked for beside it and in `search`."""
        folders = (path.parent, *search)
        key = (path, path.stat().st_mtime_ns, folders, tuple(sorted((overrides or {}).items())))
        try:
            if key not in self._files:
                text = path.read_text(encoding="utf-8")
                settings = dict(overrides or {})
                if text.startswith("#jinja2:"):
                    line, _, text = text.partition("\n")
                    for name, value in re.findall(r"(\w+)\s*:\s*([^,\s]+)", line[8:]):
                        settings[name] = {"true": True, "false": False}.get(
                            value.strip("'\"").lower(), value.strip("'\"")
                        )
                environment = self._environment(folders, **settings)
                template = environment.from_string(text)
                template.filename = str(path)
                self._files[key] = template
            return str(self._value(False, self._files[key], scope))
        except (jinja2.TemplateError, filters.FilterError, TypeError, ValueError, KeyError) as error:
            line_number = _template_line(error)
            place = f"{path}:{line_number}" if line_number else str(path)
            message = getattr(error, "message", None) or str(error)
            raise TemplatingError(f"{place}: {message}") from None


def _template_line(error: BaseException) -> int | None:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _named(error: BaseException, value: Any, what: str) -> TemplatingError:
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    shown = str(value) if len(str(value)) < 200 else str(value)[:200] + "..."
    return TemplatingError(f"{what + ': ' if what else ''}{message}, in {shown!r}")


def _single(tree: nodes.Template) -> nodes.Expr | None:
    if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output) and len(tree.body[0].nodes) == 1:
        node = tree.body[0].nodes[0]
        return None if isinstance(node, nodes.TemplateData) else node
    return None
