"""`@access` and `@public`: what a field of the schema demands, printed and enforced by one object.

`@access(action: READ)` on a field says which permission it rests on. Either the guard asks for the permission itself,
before the field is resolved, on the group the field speaks of; or the resolver does, which knows what is asked for,
and the guard then sees to it that it did: an answer for which the promised check never ran is not given.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias, TypedDict

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from lineal.auth.permissions import Permission


class Forbidden(Exception):
    """The caller may know of what it asks for, and lacks the permission. The message says which, and on what."""


class NeverChecked(Exception):
    """A field's promised check did not run: a mistake in this server, never the caller's."""


class GuardContext(Protocol):
    """What a request's context offers to guards."""

    def holds(self, permission: Permission) -> bool:
        """Whether the caller holds a permission on the default group of its own account."""


PermissionCheck: TypeAlias = Callable[[Any, Permission, Any], bool]
"""Whether the permission is held, by the request's context and the parent record."""


_checked: ContextVar[set[Permission]] = ContextVar("checked")
"""What was asked for since the innermost guard began."""


def checked(*permissions: Permission) -> None:
    """Note that what a field answers was decided on these permissions: by a scope, or by asking for them."""
    noted = _checked.get(None)
    if noted is not None:
        noted.update(permissions)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="access",
    description="The permission this field rests on. What reads gives only what the permission shows, absent and "
    "forbidden alike; what administers or writes is refused without it.",
)
class AccessDirective:
    action: Permission = strawberry.directive_field(name="action")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="public", description="This field demands no permission."
)
class Public: ...


class Guard(FieldExtension):
    """Enforces the directive it is made from. `ask` None: the resolver asks, and the guard sees to it."""

    def __init__(self, directive: AccessDirective, ask: PermissionCheck | None) -> None:
        self.directive, self.ask = directive, ask

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        """Resolve the field. Raises Forbidden where the permission is lacking, NeverChecked where nobody asked."""
        action = self.directive.action
        if self.ask is not None:
            if not self.ask(info.context, action, source):
                raise Forbidden(f"This takes {action.shown}: ask an administrator of the account for it.")
            return await next_(source, info, **arguments)
        noted: set[Permission] = set()
        token = _checked.set(noted)
        try:
            answer = await next_(source, info, **arguments)
        finally:
            _checked.reset(token)
        # Where there are user errors nothing was done.
        if action not in noted and not getattr(answer, "user_errors", None):
            raise NeverChecked(f"a field that demands {action.shown} was answered without asking for it")
        return answer


class Guarded(TypedDict):
    """What a field is declared with."""

    directives: list[object]
    extensions: list[FieldExtension]


def access(action: Permission, ask: PermissionCheck | None = None) -> Guarded:
    """What makes a field demand a permission: as `ask` finds, or as its resolver does."""
    directive = AccessDirective(action=action)
    return {"directives": [directive], "extensions": [Guard(directive, ask)]}


def on_own_account(context: GuardContext, permission: Permission, source: Any) -> bool:
    """PermissionCheck for a permission on the default group of the caller's account."""
    return context.holds(permission)


def public() -> Guarded:
    """What makes a field demand nothing."""
    return {"directives": [Public()], "extensions": []}
