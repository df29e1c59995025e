"""The difference between a host's clock and this machine's, and the warning about it."""

from __future__ import annotations

#: Seconds of difference that a run warns about; less does not affect certificates.
WARNS = 30.0
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def clock_skew(host: float, begun: float, now: float) -> float:
    """Return how many seconds a host's clock is ahead of this machine's, at least.

    `host` is its time at some moment between `begun` and `now` of this machine, all in seconds since 1970:
    a difference that network delay can explain counts as 0.
    """
    if host > now:
        return host - now
    return min(0.0, host - begun)


def skew_warning(seconds: float) -> str | None:
    """Return a warning about a difference (negative: the host is behind), or None if it is small."""
    if abs(seconds) < WARNS:
        return None
    which = "ahead of" if seconds > 0 else "behind"
    return (
        f"its clock is {_format_span(abs(seconds))} {which} this machine's: certificates and tokens can seem "
        "expired or not yet valid; synchronize its clock (chrony, systemd-timesyncd)"
    )


def _format_span(seconds: float) -> str:
    """Return a duration in its two largest units, rounded: "2 days 3 hours"."""
    sizes = [size for _, size in _UNITS]
    first = next((index for index, size in enumerate(sizes) if seconds >= size), len(sizes) - 1)
    second = sizes[min(first + 1, len(sizes) - 1)]
    rest, parts = round(seconds / second) * second, []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts)
