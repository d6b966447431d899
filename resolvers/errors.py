"""Errors in the arguments of a request."""


class BadInput(Exception):
    """An argument is wrong; the message says what to change. Clients receive BAD_USER_INPUT."""
