"""Errors that the server turns into responses. Their text is the body."""


class NotFoundError(Exception):
    """404."""


class BadRequestError(Exception):
    """400."""
