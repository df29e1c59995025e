"""The names of all filters: Jinja2's, Ansible's, those of two collections, and unsupported ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2.filters import FILTERS as JINJA

from kprov.playbook.templating.filters import (
    choices,
    community,
    data,
    hashes,
    net,
    numbers,
    paths,
    sets,
    subnets,
    text,
    times,
    urls,
    vaults,
    yaml_json,
)
from kprov.playbook.templating.plugin_calls import make_refusal

#: ansible.builtin's filters.
BUILTIN: dict[str, Callable[..., Any]] = {
    **choices.FILTERS,
    **data.FILTERS,
    **sets.FILTERS,
    **text.FILTERS,
    **paths.FILTERS,
    **hashes.FILTERS,
    **numbers.FILTERS,
    **times.FILTERS,
    **urls.FILTERS,
    **yaml_json.FILTERS,
    **vaults.FILTERS,
}
#: ansible.utils' filters.
UTILS: dict[str, Callable[..., Any]] = {**net.FILTERS, **subnets.FILTERS, **community.UTILS}
#: Filters by their names in the reference.
FILTERS: dict[str, Callable[..., Any]] = {
    **BUILTIN,
    **{f"ansible.utils.{name}": function for name, function in UTILS.items()},
    **{f"community.general.{name}": function for name, function in community.COMMUNITY.items()},
}

_WINDOWS = "hosts are Linux: use basename, dirname or splitext"
#: What is not supported, with what to use instead.
REFUSED_FILTERS: dict[str, str] = {
    "win_basename": _WINDOWS,
    "win_dirname": _WINDOWS,
    "win_splitdrive": _WINDOWS,
    "ansible.utils.from_xml": "use regex_search, or a command such as xmllint",
    "ansible.utils.to_xml": "write a template",
    "ansible.utils.consolidate": "use combine in a loop",
    "ansible.utils.fact_diff": "use difference",
    "ansible.utils.keep_keys": "use dict2items, selectattr and items2dict",
    "ansible.utils.remove_keys": "use dict2items, rejectattr and items2dict",
    "ansible.utils.replace_keys": "use dict2items and items2dict",
    "ansible.utils.param_list_compare": "use difference and union",
    "ansible.utils.validate": "use assert, or a role's argument_specs",
    "community.general.jc": "use from_json, regex_search or split",
    "community.general.hashids_encode": "use hash",
    "community.general.hashids_decode": "use hash",
    "community.general.json_diff": "use difference",
    "community.general.json_patch": "use combine",
    "community.general.json_patch_recipe": "use combine",
    "community.general.json_diff_recipe": "use combine",
    "community.general.to_prettytable": "write a template",
    "community.general.reveal_ansible_type": "use type_debug",
    "community.general.accumulate": "use a loop in a template",
    "community.general.from_ini": "use the ini lookup",
    "community.general.to_ini": "write a template",
    "community.general.keep_keys": "use dict2items, selectattr and items2dict",
    "community.general.remove_keys": "use dict2items, rejectattr and items2dict",
    "community.general.replace_keys": "use dict2items and items2dict",
    "community.general.to_yaml": "use to_yaml",
    "community.general.to_nice_yaml": "use to_nice_yaml",
}
_LISTS = {
    "difference": "difference",
    "intersect": "intersect",
    "union": "union",
    "symmetric_difference": "symmetric_difference",
}


def _list_all_filters() -> dict[str, Callable[..., Any]]:
    """Return all filters by the names that templates may use, short names too."""
    filters: dict[str, Callable[..., Any]] = {**JINJA, **BUILTIN}
    for collection in ("ansible.builtin", "ansible.legacy"):
        filters |= {f"{collection}.{name}": filters[name] for name in list(filters) if "." not in name}
    filters |= {name: function for name, function in FILTERS.items() if "." in name}
    # Old roles use `ipaddr` and `json_query` without the collection.
    for name, function in {**UTILS, **community.COMMUNITY}.items():
        filters.setdefault(name, function)
    filters |= {f"ansible.netcommon.{name}": function for name, function in UTILS.items()}
    filters |= {f"community.general.lists_{name}": BUILTIN[full] for name, full in _LISTS.items()}
    filters |= {name: make_refusal("filter", name, instead) for name, instead in REFUSED_FILTERS.items()}
    return filters


ALL_FILTERS = _list_all_filters()
