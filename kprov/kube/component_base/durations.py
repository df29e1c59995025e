"""Go's duration strings ("1m30s", "150ms", "2h") to and from seconds (time.ParseDuration)."""

from kprov.contract.scheduler.durations import describe_error, parse

__all__ = ["describe_error", "parse", "render"]


def render(seconds: float) -> str:
    """Return the shortest Go form of whole milliseconds: 90 -> "1m30s", 0.15 -> "150ms"."""
    if seconds == 0:
        return "0s"
    sign = "-" if seconds < 0 else ""
    milliseconds = round(abs(seconds) * 1000)
    if milliseconds < 1000:
        return f"{sign}{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"
