"""Type checks of the expressions of an admission policy, and the environment that evaluates them.

Source: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, composition.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from kprov.kube.component_helpers.cel.environment import Environment, Program
from kprov.kube.component_helpers.cel.errors import CompileError
from kprov.kube.component_helpers.cel.types import AUTHORIZER

if TYPE_CHECKING:
    from kprov.kube.component_helpers.cel.messages import Fields

_VARIABLES: Final = "kubernetes.Variables"
_METADATA_TEXTS: Final = ("name", "generateName", "namespace", "UID", "resourceVersion")
#: Metadata of namespaces that expressions see, with upstream's name of the uid.
_NAMESPACE_METADATA: Final = {
    **dict.fromkeys(_METADATA_TEXTS, "string"),
    "labels": "map(string)",
    "annotations": "map(string)",
    "creationTimestamp": "timestamp",
    "deletionTimestamp": "timestamp",
    "deletionGracePeriodSeconds": "int",
    "generation": "int",
    "finalizers": "list(string)",
}
REQUEST_TYPES: Final[dict[str, Fields]] = {
    "kubernetes.GroupVersionKind": dict.fromkeys(("group", "version", "kind"), "string"),
    "kubernetes.GroupVersionResource": dict.fromkeys(("group", "version", "resource"), "string"),
    # A message cannot express the lists in extra.
    "kubernetes.UserInfo": {
        "username": "string",
        "uid": "string",
        "groups": "list(string)",
        "extra": "map(dyn)",
    },
    "kubernetes.AdmissionRequest": {
        "kind": "kubernetes.GroupVersionKind",
        "resource": "kubernetes.GroupVersionResource",
        "subResource": "string",
        "requestKind": "kubernetes.GroupVersionKind",
        "requestResource": "kubernetes.GroupVersionResource",
        "requestSubResource": "string",
        "name": "string",
        "namespace": "string",
        "operation": "string",
        "userInfo": "kubernetes.UserInfo",
        "dryRun": "bool",
        "options": "dyn",
    },
    "kubernetes.NamespaceMetadata": _NAMESPACE_METADATA,
    "kubernetes.NamespaceSpec": {"finalizers": "list(string)"},
    "kubernetes.NamespaceCondition": {
        **dict.fromkeys(("status", "type", "message", "reason"), "string"),
        "lastTransitionTime": "timestamp",
    },
    "kubernetes.NamespaceStatus": {"conditions": "list(kubernetes.NamespaceCondition)", "phase": "string"},
    "kubernetes.Namespace": {
        "metadata": "kubernetes.NamespaceMetadata",
        "spec": "kubernetes.NamespaceSpec",
        "status": "kubernetes.NamespaceStatus",
    },
}
#: The library's map(string, TYPE), as messages.py writes it.
_MAP: Final = re.compile(r"map\(string, (.*)\)")
_FIELD_TYPES: Final = frozenset({"bool", "bytes", "double", "int", "string", "timestamp"})

#: What each kind of expression may be. None: everything.
BOOL: Final = ("bool",)
MESSAGE: Final = ("string",)
AUDIT_VALUE: Final = ("string", "null_type")


class ExpressionChecker:
    """Checks the expressions of one policy. Variables come first, in their order."""

    def __init__(
        self,
        *,
        has_params: bool,
        object_type: str = "dyn",
        params_type: str = "dyn",
        messages: Mapping[str, Fields] | None = None,
    ) -> None:
        """Create the environment. `object_type` and `params_type`: "dyn", or the names of messages."""
        self._types = {
            "object": object_type,
            "oldObject": object_type,
            "request": "kubernetes.AdmissionRequest",
            "namespaceObject": "kubernetes.Namespace",
        }
        if has_params:
            self._types["params"] = params_type
        self._messages = {**REQUEST_TYPES, **(messages or {})}
        self._variables: dict[str, str] = {}
        self._environments: dict[bool, Environment] = {}

    def check_variable(self, name: str, expression: str) -> None:
        """Check a variable. Raise CompileError. Later expressions may use the variable even then."""
        kind = "dyn"
        try:
            kind = self._compile(expression, has_authorizer=True).result_type
        finally:
            self._variables[name] = _to_field_type(kind)
            self._environments.clear()

    def check(
        self, expression: str, allowed: tuple[str, ...] | None = None, *, has_authorizer: bool = True
    ) -> None:
        """Check an expression with these result types. Raise CompileError ("compilation failed: ...")."""
        try:
            program = self._compile(expression, has_authorizer=has_authorizer)
        except CompileError as error:
            raise CompileError(f"compilation failed: {error}") from None
        if allowed is not None and program.result_type not in allowed:
            wanted = allowed[0] if len(allowed) == 1 else f"one of [{' '.join(allowed)}]"
            raise CompileError(f"must evaluate to {wanted} but got {program.result_type}")

    def find_issues(self, expression: str) -> str:
        """Return the issues of the type check, "" for none."""
        try:
            self._compile(expression, has_authorizer=True)
        except CompileError as error:
            return str(error)
        return ""

    def _compile(self, expression: str, *, has_authorizer: bool) -> Program:
        environment = self._environments.get(has_authorizer)
        if environment is None:
            types = {**self._types, "variables": _VARIABLES}
            if has_authorizer:
                types["authorizer"] = AUTHORIZER
            messages = {**self._messages, _VARIABLES: self._variables}
            environment = self._environments[has_authorizer] = Environment(types, messages)
        return environment.compile(expression)


@cache
def load_environment() -> Environment:
    """Create an environment that evaluates checked expressions.

    All values but the authorizer are JSON objects.
    """
    dynamic = ("object", "oldObject", "request", "namespaceObject", "params")
    types = {**dict.fromkeys(dynamic, "dyn"), "variables": "map<string, dyn>", "authorizer": AUTHORIZER}
    return Environment(types)


def _to_field_type(kind: str) -> str:
    """Return the type of a field of `variables`. As upstream, types of Kubernetes are dynamic there."""
    if kind in _FIELD_TYPES:
        return kind
    if kind.startswith("list("):
        return f"list({_to_field_type(kind[5:-1])})"
    match = _MAP.fullmatch(kind)
    return f"map({_to_field_type(match[1])})" if match is not None else "dyn"
