"""Errors as clients see them: a code to act on, and no internal detail."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError

from lineal.auth.directive import Forbidden
from lineal.graphstore.errors import LimitExceeded, Unavailable
from lineal.resolvers.errors import BadInput

BAD_USER_INPUT = "BAD_USER_INPUT"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL = "INTERNAL"


def refusal(message: str, code: str) -> dict[str, Any]:
    """An error of a whole request, with a message and a code."""
    return {"message": message, "extensions": {"code": code}}


def presented(error: GraphQLError, incident: Callable[[BaseException], str]) -> dict[str, Any]:
    """An error of an execution, as an entry of `errors`.

    An error that the caller or the store causes keeps its message and gets a code. Any other error is masked:
    `incident` logs it and returns an id, and the client receives only that.
    """
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    shown = dict(error.formatted)
    match cause:
        case None | GraphQLError() | BadInput():
            code = BAD_USER_INPUT
        case LimitExceeded():
            code = LIMIT_EXCEEDED
        case RecursionError():
            code = LIMIT_EXCEEDED
            shown["message"] = "A value nests too deep to be read: flatten it."
        case Forbidden():
            code = FORBIDDEN
        case Unavailable():
            code = UNAVAILABLE
        case _:
            code = INTERNAL
            shown["message"] = "Something went wrong here. It was logged; name the incident when you report it."
            shown["extensions"] = {"code": code, "incident": incident(cause)}
            return shown
    shown["extensions"] = {"code": code}
    return shown
