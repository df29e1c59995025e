"""The names of all tests, and unsupported ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from jinja2.tests import TESTS as JINJA

from kprov.playbook.templating.jinja_tests import addresses, files, results, texts
from kprov.playbook.templating.plugin_calls import accept_markers, make_refusal
from kprov.playbook.templating.undefined import Marker


def _nan(value: Any) -> bool:
    try:
        return math.isnan(value)
    except TypeError:
        return False


BUILTIN: dict[str, Callable[..., Any]] = {
    **results.TESTS,
    **texts.TESTS,
    "any": any,
    "all": all,
    "defined": accept_markers(lambda value: not isinstance(value, Marker)),
    "undefined": accept_markers(lambda value: isinstance(value, Marker)),
    "subset": lambda left, right: set(left) <= set(right),
    "issubset": lambda left, right: set(left) <= set(right),
    "superset": lambda left, right: set(left) >= set(right),
    "issuperset": lambda left, right: set(left) >= set(right),
    "contains": lambda values, value: value in values,
    "nan": _nan,
    "isnan": _nan,
    **files.TESTS,
}

#: Tests by their names in the reference.
TESTS: dict[str, Callable[..., Any]] = {
    **BUILTIN,
    **{f"ansible.utils.{name}": test for name, test in addresses.TESTS.items()},
}

#: What is not supported, with what to use instead.
REFUSED_TESTS: dict[str, str] = {
    "ansible.utils.validate": "use assert, or a role's argument_specs",
    "ansible.utils.ipv6_ipv4_mapped": "use ipaddr('ipv4')",
    "ansible.utils.ipv6_sixtofour": "use ipaddr('6to4')",
    "ansible.utils.ipv6_teredo": "use ipaddr('2001::/32')",
    "community.general.a_module": "modules are checked when a playbook is read",
    "community.general.ansible_type": "use type_debug",
    "community.general.fqdn_valid": "use the test match",
}


def _list_all_tests() -> dict[str, Callable[..., Any]]:
    own: Any = JINJA
    tests: dict[str, Callable[..., Any]] = {**own, **BUILTIN}
    for collection in ("ansible.builtin", "ansible.legacy"):
        tests |= {f"{collection}.{name}": tests[name] for name in list(tests) if name.isidentifier()}
    tests |= {name: test for name, test in TESTS.items() if "." in name}
    tests |= {name: make_refusal("test", name, instead) for name, instead in REFUSED_TESTS.items()}
    return tests


ALL_TESTS = _list_all_tests()
