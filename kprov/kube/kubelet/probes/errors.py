"""The error of handlers."""


class HandlerError(Exception):
    """The handler of a probe or of a lifecycle hook failed. The text is the reason."""
