"""Names of certificate signers, such as example.com/signer.

Source: upstream pkg/apis/core/validation (ValidateSignerName).
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Check, Errors
from kprov.kube.machinery import field, names, status

#: The length of a subdomain, a slash, a label, a dot and a subdomain.
_LENGTH_MAX: Final = 571


def check_signer_name(name: str, path: str) -> Errors:
    """Check a domain of at least two labels, a slash, and a subdomain."""
    if not name:
        yield field.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        text = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield field.invalid(path, name, text)
        return
    if len(domain) > names.SUBDOMAIN_MAX:
        yield field.too_long(path, names.SUBDOMAIN_MAX)
    yield from _validate_first_wrong(domain, path, names.is_dns1123_label)
    if "." not in domain:
        yield field.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    yield from _validate_first_wrong(rest, path, names.is_dns1123_subdomain)
    if len(name) > _LENGTH_MAX:
        yield field.too_long(path, _LENGTH_MAX)


def _validate_first_wrong(segment: str, path: str, check: Check) -> Errors:
    for label in segment.split("."):
        problems = check(label)
        for text in problems:
            yield field.invalid(path, segment, f"validating label {status.quoted(label)}: {text}")
        if problems:
            return
