"""Time zones of cron jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

import re

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.cron.zones import ZoneError, load_zone


def validate_time_zone(name: str, path: str) -> Errors:
    if not name:
        yield field.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    if any(
        part in {".", ".."} or not re.fullmatch("[A-Za-z0-9_+][A-Za-z0-9._+-]{0,13}", part)
        for part in name.split("/")
    ):
        yield field.invalid(path, name, f"unknown time zone {name}")
        return
    if name.lower() == "local":
        text = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield field.invalid(path, name, text)
    try:
        load_zone(name)
    except ZoneError as error:
        yield field.invalid(path, name, str(error))
