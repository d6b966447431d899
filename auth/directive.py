"""`@access` and `@public`: the permission of a schema field, printed, described and enforced by one object.

`@access(action: READ)` on a field names the permission that the field needs. The field's guard enforces it in one of
two ways. With a check, the guard asks for the permission before the field is resolved. Without one, the resolver
decides, because only the resolver knows the groups in question, and notes the permission with `checked`; the guard
then withholds an answer for which no check was noted.

Clients such as GraphiQL do not show directives, so the guard also appends the permission to the field's description.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias, TypedDict

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from lineal.auth.permissions import Permission


class Forbidden(Exception):
    """The caller lacks a permission on something it may know of. The message names the permission and the object."""


class NeverChecked(Exception):
    """A resolver answered without checking the permission of its field: an error of this server, not of the caller."""


class GuardContext(Protocol):
    """The part of a request's context that guards use."""

    def holds(self, permission: Permission) -> bool:
        """Whether the caller holds a permission on the default group of its own account."""


PermissionCheck: TypeAlias = Callable[[Any, Permission, Any], bool]
"""Whether the caller holds the permission. Takes the request's context, the permission and the parent record."""


_checked: ContextVar[set[Permission]] = ContextVar("checked")
"""The permissions checked since the innermost guard began."""


def checked(*permissions: Permission) -> None:
    """Note that the answer of a field rests on these permissions, checked by a scope or by a decision."""
    noted = _checked.get(None)
    if noted is not None:
        noted.update(permissions)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="access",
    description="The permission that the field needs. A field that reads returns only what the permission shows: an "
    "absent and a forbidden entity give the same answer. A field that writes or administers is refused without it.",
)
class AccessDirective:
    action: Permission = strawberry.directive_field(name="action")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="public", description="The field needs no permission."
)
class Public: ...


class _Described(FieldExtension):
    """Appends a sentence to the description of its field."""

    sentence: str

    def apply(self, field: StrawberryField) -> None:
        """Append the sentence once: an interface's field is applied again for every type that implements it."""
        description = field.description or ""
        if not description.endswith(self.sentence):
            field.description = f"{description} {self.sentence}".lstrip()


class _PublicDescription(_Described):
    sentence = "Needs no permission."


class Guard(_Described):
    """Enforces the directive it is made from. `check` None: the resolver decides and notes it with `checked`."""

    def __init__(self, directive: AccessDirective, check: PermissionCheck | None) -> None:
        self.directive, self.check = directive, check
        self.sentence = f"Needs {directive.action.shown}."

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        """Resolve the field. Raises Forbidden without the permission, NeverChecked if the resolver never checked it."""
        action = self.directive.action
        if self.check is not None:
            if not self.check(info.context, action, source):
                raise Forbidden(f"This needs {action.shown}: ask an administrator of the account for it.")
            return await next_(source, info, **arguments)
        noted: set[Permission] = set()
        token = _checked.set(noted)
        try:
            answer = await next_(source, info, **arguments)
        finally:
            _checked.reset(token)
        # An answer with user errors did nothing, and may come before any check.
        if action not in noted and not getattr(answer, "user_errors", None):
            raise NeverChecked(f"a field that needs {action.shown} was answered without checking it")
        return answer


class Guarded(TypedDict):
    """The arguments of a field declaration that guard it."""

    directives: list[object]
    extensions: list[FieldExtension]


def access(action: Permission, check: PermissionCheck | None = None) -> Guarded:
    """Return the arguments that make a field need a permission, checked by `check` or by the field's resolver."""
    directive = AccessDirective(action=action)
    return {"directives": [directive], "extensions": [Guard(directive, check)]}


def on_own_account(context: GuardContext, permission: Permission, source: Any) -> bool:
    """Check a permission on the default group of the caller's account."""
    return context.holds(permission)


def public() -> Guarded:
    """Return the arguments that make a field need no permission."""
    return {"directives": [Public()], "extensions": [_PublicDescription()]}
