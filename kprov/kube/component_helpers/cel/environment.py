"""Compiles and evaluates CEL expressions with the variables of an environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kprov.kube.component_helpers.cel.bounds import Estimate, Sizes, measure
from kprov.kube.component_helpers.cel.errors import (
    CompileError,
    EvaluationError,
    describe_compile_error,
    describe_runtime_error,
)
from kprov.kube.component_helpers.cel.types import TYPES

if TYPE_CHECKING:
    from kprov.kube.component_helpers.cel.functions.declaration import Declaration
    from kprov.kube.component_helpers.cel.messages import Fields

_SIMPLE_TYPE: Final = re.compile(
    r"\b(BOOL|BYTES|DOUBLE|DURATION|DYN|INT|LIST|MAP|NULL|STRING|TIMESTAMP|TYPE|UINT)\b"
)


class Environment:
    """Variables and message types. Building one takes about a millisecond."""

    def __init__(self, variables: Mapping[str, str], messages: Mapping[str, Fields] | None = None) -> None:
        """Create an environment.

        `variables`: the type of each variable by name, as the library writes types, such as "map<string,
        dyn>".
        """
        # Loaded with the first expression: most clusters have none.
        from cel_expr_python import cel

        from kprov.kube.component_helpers.cel.messages import build_pool

        functions = _build_functions()
        self._env = cel.NewEnv(
            build_pool(TYPES, messages or {}),
            functions.config,
            variables={name: cel.Type(kind) for name, kind in variables.items()},
            extensions=functions.extensions,
            function_impls=functions.implementations,
        )

    def compile(self, expression: str) -> Program:
        """Compile an expression. Raise CompileError."""
        try:
            return Program(expression, self._env.compile(expression))
        except (RuntimeError, ValueError, TypeError) as error:
            raise CompileError(describe_compile_error(str(error))) from None

    def bind(self, values: Mapping[str, Any]) -> Bound:
        """Convert the values of all variables, for several evaluations. Raise EvaluationError.

        The objects must not change until the last evaluation.
        """
        try:
            return Bound(self._env.Activation(values), values)
        except (RuntimeError, ValueError, TypeError) as error:
            raise EvaluationError(describe_runtime_error(str(error))) from None


class Bound:
    """The values of all variables."""

    __slots__ = ("_sizes", "_values", "activation")

    def __init__(self, activation: Any, values: Mapping[str, Any]) -> None:
        self.activation = activation
        self._values = values
        self._sizes: Sizes | None = None

    def measure(self) -> Sizes:
        if self._sizes is None:
            self._sizes = measure(self._values)
        return self._sizes


class Program:
    """A compiled expression."""

    __slots__ = ("_estimate", "_expression", "result_type")

    def __init__(self, text: str, expression: Any) -> None:
        self._expression = expression
        self._estimate = Estimate(text, expression.serialize())
        #: As cel-go prints it: bool, list(string), map(string, int), kubernetes.Quantity.
        self.result_type = _format_type(expression.return_type().name())

    def evaluate(self, bound: Bound) -> Any:
        """Return the value as Python types; types of Kubernetes are messages. Raise EvaluationError.

        An expression that may take too long is an error, too. `bound`: see Environment.bind.
        """
        if self._estimate.needs_sizes:
            self._estimate.check(bound.measure())
        try:
            value = self._expression.eval(bound.activation)
            if value.type().name() == "ERROR":
                raise EvaluationError(describe_runtime_error(value.plain_value()))
            return value.plain_value()
        except (RuntimeError, ValueError, TypeError) as error:
            raise EvaluationError(describe_runtime_error(str(error))) from None


def _format_type(name: str) -> str:
    """Return the library's MAP<STRING, LIST<INT>> as map(string, list(int))."""
    return _SIMPLE_TYPE.sub(
        lambda match: "null_type" if match[0] == "NULL" else match[0].lower(),
        name.replace("<", "(").replace(">", ")"),
    )


class _Functions(NamedTuple):
    """Kubernetes' functions, as NewEnv takes them."""

    extensions: list[Any]
    #: Declares overloads that differ only in the types of messages, which the interpreter treats as equal.
    config: Any
    #: The function that handles all overloads of such a group, by the name of the first of them.
    implementations: dict[str, Callable[..., Any]]


@cache
def _build_functions() -> _Functions:
    """Build the library's own extensions and the functions of Kubernetes."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_optional, ext_strings

    from kprov.kube.component_helpers.cel.functions.all import DECLARATIONS

    single: dict[str, list[Any]] = {}
    joined: list[str] = []
    implementations: dict[str, Callable[..., Any]] = {}
    for group in _group_overloads(DECLARATIONS):
        first = group[0]
        if len(group) == 1:
            single.setdefault(first.name, []).append(
                cel.Overload(
                    first.overload,
                    cel.Type(first.result),
                    [cel.Type(kind) for kind in first.parameters],
                    first.is_member,
                    _report_reason(first.implementation),
                )
            )
        else:
            joined.append(_describe_functions(group))
            implementations[first.overload] = _report_reason(_dispatch(group))
    functions = [cel.FunctionDecl(name, overloads) for name, overloads in single.items()]
    # The last extension adds overloads to functions of the other extensions, which must come before it.
    return _Functions(
        [
            ext_optional.ExtOptional(),
            ext_strings.ExtStrings(),
            ext_bindings.ExtBindings(),
            cel.CelExtension("kubernetes", functions),
        ],
        cel.NewEnvConfigFromYaml("\n".join(["functions:", *joined])),
        implementations,
    )


def _group_overloads(declarations: Iterable[Declaration]) -> list[list[Declaration]]:
    """Group overloads that differ only in the types of messages, which the interpreter treats as equal."""
    groups: dict[tuple[Any, ...], list[Declaration]] = {}
    for declaration in declarations:
        kinds = tuple("message" if "." in kind else kind for kind in declaration.parameters)
        groups.setdefault((declaration.name, declaration.is_member, kinds), []).append(declaration)
    return list(groups.values())


def _describe_functions(group: Sequence[Declaration]) -> str:
    """Describe the member functions of one name as YAML of the library's configuration."""
    lines = [f'- name: "{group[0].name}"', "  overloads:"]
    for declaration in group:
        receiver, *others = declaration.parameters
        lines += [
            f'  - id: "{declaration.overload}"',
            f'    signature: "{receiver}.{declaration.name}({", ".join(others)})"',
            f'    return: "{declaration.result}"',
        ]
    return "\n".join(lines)


def _dispatch(group: Sequence[Declaration]) -> Callable[..., Any]:
    """Call the overload for the messages among the arguments."""
    by_types = {
        tuple(kind if "." in kind else "" for kind in declaration.parameters): declaration.implementation
        for declaration in group
    }

    def call(*arguments: Any) -> Any:
        types = tuple(
            argument.DESCRIPTOR.full_name if hasattr(argument, "DESCRIPTOR") else "" for argument in arguments
        )
        implementation = by_types.get(types)
        if implementation is None:
            raise ValueError("no such overload")
        return implementation(*arguments)

    return call


def _report_reason(implementation: Callable[..., Any]) -> Callable[..., Any]:
    """Raise a ValueError for errors of a function: the library shows only the text of this type."""

    def call(*arguments: Any) -> Any:
        try:
            return implementation(*arguments)
        except (ArithmeticError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from None

    return call
