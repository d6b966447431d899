"""Authorization: the union of policies and shares, where a forbid wins."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_access_store import HOUR, NOON, READING, Scene, admin, person

from lineal.auth.decisions import Decision
from lineal.auth.operations.groups import GroupChange, change_group, create_group
from lineal.auth.operations.invitations import accept_invitation, reject_invitation
from lineal.auth.operations.shares import ShareTerms, create_share, revoke_share
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL
from lineal.auth.records import SHAREABLE, ShareTarget
from lineal.auth.scopes import EVERYTHING, UNLIMITED, Boundary, EntityScope, Scope, default_group

A, B = default_group("a"), default_group("b")
SEEN = EntityScope(True, frozenset(), UNLIMITED, UNLIMITED)


def permit(who: str, *permissions: Permission) -> str:
    actions = ", ".join(f'Lineal::Action::"{each.cedar}"' for each in permissions)
    return f"permit ({who}, action in [{actions}], resource);"


def forbid(who: str, *permissions: Permission) -> str:
    return permit(who, *permissions).replace("permit", '@id("no") forbid', 1)


IN_B = 'principal in Lineal::Account::"b"'


async def test_only_members_see_their_account() -> None:
    scene = await Scene().of("a", "b")
    assert await scene.entity_scope(person("a"), "a") == SEEN
    assert await scene.entity_scope(person("b"), "a") == EntityScope()
    assert await scene.entity_scope(person("a"), "b") == EntityScope()


async def test_a_principal_of_an_unregistered_account_sees_nothing() -> None:
    scene = await Scene().of("a")
    stranger = person("stranger", "sam", "admin")
    assert await scene.entity_scope(stranger, "stranger") == EntityScope()
    authorizer = await scene.authorizer(stranger)
    assert not any(authorizer.decide_on_own_account(permission).is_allowed for permission in Permission)
    assert not authorizer.scope.rules


async def test_the_local_administrator_may_do_everything() -> None:
    authorizer = await (await Scene().of("a")).authorizer(LOCAL)
    assert authorizer.scope is EVERYTHING
    assert authorizer.decide(Permission.DELETE, [A]) == Decision(True)
    assert authorizer.permissions(A) == frozenset(Permission)
    assert authorizer.is_operator


async def test_permissions_of_groups_unite_and_a_forbid_wins() -> None:
    scene = await Scene().of("a", "b")
    one = (await scene.do(admin("a"), create_group("one"))).id
    two = (await scene.do(admin("a"), create_group("two"))).id
    await scene.policy("a", permit(IN_B, Permission.READ), one)
    await scene.policy("a", permit(IN_B, Permission.READ_PROPERTIES, Permission.TRAVERSE), two)
    assert await scene.entity_scope(person("b"), "a", one) == EntityScope(True, None)
    assert await scene.entity_scope(person("b"), "a", two) == EntityScope()
    assert await scene.entity_scope(person("b"), "a", one, two) == SEEN

    authorizer = await scene.authorizer(person("b"))
    assert authorizer.decide(Permission.READ, [A, one, two]) == Decision(True, False, (f"{one}/policy0",))
    assert authorizer.decide(Permission.READ, [A]) == Decision(False)
    assert authorizer.decide(Permission.READ, ["unknown"]) == Decision(False)

    await scene.policy("a", forbid(IN_B, Permission.READ), two)
    assert await scene.entity_scope(person("b"), "a", one, two) == EntityScope()
    assert await scene.entity_scope(person("b"), "a", one) == EntityScope(True, None)
    authorizer = await scene.authorizer(person("b"))
    assert authorizer.decide(Permission.READ, [A, one, two]) == Decision(False, True, (f"{two}/no",))


async def test_a_policy_that_forbids_wins_over_a_share() -> None:
    scene = await Scene().of("a", "b")
    await scene.share("a", ShareTarget("b"))
    assert await scene.entity_scope(person("b"), "a") == SEEN
    await scene.policy("a", forbid('principal == Lineal::Principal::"b/pat"', Permission.READ_PROPERTIES))
    assert await scene.entity_scope(person("b"), "a") == replace(SEEN, hidden_keys=None)
    assert await scene.entity_scope(person("b", "quinn"), "a") == SEEN


@pytest.mark.parametrize(
    ("terms", "kind", "seen"),
    [
        ({}, "DATASET", SEEN),
        ({"actions": frozenset({Permission.READ})}, "DATASET", EntityScope(True, None)),
        ({"actions": frozenset({Permission.READ, Permission.TRAVERSE})}, "DATASET", replace(SEEN, hidden_keys=None)),
        ({"actions": frozenset({Permission.TRAVERSE})}, "DATASET", EntityScope()),
        ({"kinds": frozenset({"DATASET", "MODEL"})}, "MODEL", SEEN),
        ({"kinds": frozenset({"DATASET", "MODEL"})}, "IMAGE", EntityScope()),
        ({"direction": "ASCENDANTS"}, "DATASET", replace(SEEN, descendants=0)),
        ({"direction": "DESCENDANTS", "depth": 3}, "DATASET", replace(SEEN, ascendants=0, descendants=3)),
        ({"depth": 1}, "DATASET", replace(SEEN, ascendants=1, descendants=1)),
        ({"redacted": frozenset({"salary"})}, "DATASET", replace(SEEN, hidden_keys=frozenset({"salary"}))),
    ],
)
async def test_a_share_allows_its_terms(terms: dict[str, Any], kind: str, seen: EntityScope) -> None:
    scene = await Scene().of("a", "b")
    await scene.share("a", ShareTarget("b"), **terms)
    assert await scene.entity_scope(person("b"), "a", kind=kind) == seen


async def test_several_shares_unite() -> None:
    scene = await Scene().of("a", "b")
    await scene.share("a", ShareTarget("b"), direction="ASCENDANTS", depth=2, redacted=frozenset({"x", "y"}))
    await scene.share("a", ShareTarget("b"), direction="DESCENDANTS", redacted=frozenset({"y", "z"}))
    assert await scene.entity_scope(person("b"), "a") == EntityScope(True, frozenset({"y"}), 2, UNLIMITED)


@pytest.mark.parametrize(
    ("target", "included", "left_out"),
    [
        (ShareTarget("b"), [person("b"), person("b", "quinn", "x")], [person("c"), person("a/b")]),
        (
            ShareTarget("b", role="eng"),
            [person("b", "pat", "eng"), person("b", "quinn", "eng", "x")],
            [person("b"), person("b", "eng"), person("c", "pat", "eng"), person("b", "pat", "ENG")],
        ),
        (
            ShareTarget("b", name="pat"),
            [person("b"), person("b", "pat", "x")],
            [person("b", "quinn", "pat"), person("c"), person("b", "Pat")],
        ),
    ],
)
async def test_a_share_is_for_its_targets_only(target: ShareTarget, included: list[Any], left_out: list[Any]) -> None:
    scene = await Scene().of("a", "b", "c")
    await scene.share("a", target)
    assert [(await scene.entity_scope(who, "a")).is_readable for who in included] == [True] * len(included)
    assert [(await scene.entity_scope(who, "a")).is_readable for who in left_out] == [False] * len(left_out)


async def test_only_an_accepted_live_share_allows_anything() -> None:
    scene = await Scene().of("a", "b", "c")

    async def seen() -> list[bool]:
        return [(await scene.entity_scope(person(account), "a")).is_readable for account in "bc"]

    share = await scene.share("a", ShareTarget("b"), ShareTarget("c"), accepted=False, expires_at=NOON + HOUR)
    assert await seen() == [False, False]
    await scene.do(admin("b"), accept_invitation(f"{share.id}/b"))
    assert await seen() == [True, False]
    await scene.do(admin("c"), reject_invitation(f"{share.id}/c"))
    assert await seen() == [True, False]
    scene.now = NOON + HOUR - 1
    assert await seen() == [True, False]
    scene.now = NOON + HOUR
    assert await seen() == [False, False]

    other = await scene.share("a", ShareTarget("b"))
    assert await seen() == [True, False]
    await scene.do(admin("a"), revoke_share(other.id))
    assert await seen() == [False, False]


async def test_a_limited_key_holds_its_limits_only() -> None:
    scene = await Scene().of("a", "b")
    await scene.share("a", ShareTarget("b"))
    limited = person("b", "ada", "admin", limited_to=frozenset({Permission.READ, Permission.RECORD}))
    assert await scene.entity_scope(limited, "b") == EntityScope(True, None)
    assert await scene.entity_scope(limited, "a") == EntityScope(True, None)
    authorizer = await scene.authorizer(limited)
    assert authorizer.permissions(B) == {Permission.READ, Permission.RECORD}
    assert authorizer.permissions(A) == {Permission.READ}
    # What forbids is not limited.
    await scene.policy("b", forbid(IN_B, Permission.READ))
    assert await scene.entity_scope(limited, "b") == EntityScope()


async def test_decisions_by_shares_name_them_and_follow_their_kinds() -> None:
    scene = await Scene().of("a", "b")
    share = await scene.share("a", ShareTarget("b"), actions=SHAREABLE, kinds=frozenset({"MODEL"}))
    authorizer = await scene.authorizer(person("b"))
    allowed = Decision(True, False, (f"share/{share.id}",))
    assert authorizer.decide(Permission.ASSOCIATE, [A], "MODEL") == allowed
    assert authorizer.decide(Permission.ASSOCIATE, [A], "IMAGE") == Decision(False)
    assert authorizer.decide(Permission.ASSOCIATE, [A]) == Decision(False)
    assert authorizer.decide(Permission.RECORD, [A], "MODEL") == Decision(False)
    assert authorizer.permissions(A) == SHAREABLE


async def test_decisions_on_a_group_follow_its_policy_and_the_default_groups() -> None:
    scene = await Scene().of("a", "b")
    group = (await scene.do(admin("a"), create_group("one"))).id
    assert (await scene.authorizer(admin("a"))).decide_on_group(Permission.SHARE, group).is_allowed
    assert not (await scene.authorizer(person("a"))).decide_on_group(Permission.SHARE, group).is_allowed
    await scene.policy("a", forbid("principal", Permission.SHARE), group)
    assert (await scene.authorizer(admin("a"))).decide_on_group(Permission.SHARE, group).is_forbidden
    assert not (await scene.authorizer(admin("a"))).decide(Permission.SHARE, [A]).is_forbidden


async def test_a_group_is_visible_to_its_account_and_to_receivers() -> None:
    scene = await Scene().of("a", "b", "c")

    async def known(group: str = A) -> list[bool]:
        people = (person("a"), person("b"), admin("b"), person("b", "quinn", "eng"), person("c"))
        return [(await scene.authorizer(who)).sees_group(group) for who in people]

    assert await known() == [True, False, False, False, False]
    share = await scene.share("a", ShareTarget("b", role="eng"), accepted=False)
    # Whoever may decide on the invitation knows of it too.
    assert await known() == [True, False, True, True, False]
    await scene.do(admin("b"), reject_invitation(f"{share.id}/b"))
    assert await known() == [True, False, False, False, False]
    await scene.policy("a", permit('principal in Lineal::Account::"c"', Permission.READ_AUDIT))
    assert await known() == [True, False, False, False, True]
    assert await known("unknown") == [False] * 5


async def test_boundaries_and_withheld_counts_are_in_every_scope() -> None:
    scene = await Scene().of("a", "b")
    assert not (await scene.authorizer(person("b"))).scope.meets_hidden
    await scene.do(admin("a"), change_group(A, GroupChange(boundary=Boundary.BRIDGE, tells_withheld=True)))
    assert await scene.entity_scope(person("b"), "a") == EntityScope(boundary=Boundary.BRIDGE, tells_withheld=True)
    assert await scene.entity_scope(person("a"), "a") == SEEN


async def test_masked_ids_and_scopes_with_masks_differ_by_principal() -> None:
    scene = await Scene().of("a", "b")
    pat, quinn = person("b", "pat"), person("b", "quinn")

    async def scopes() -> list[Scope]:
        return [(await scene.authorizer(who)).scope for who in (pat, quinn, person("b", "pat", "x"))]

    one, other, again = await scopes()
    assert one == other == again
    assert one.mask_key == b""
    await scene.do(admin("a"), change_group(A, GroupChange(boundary=Boundary.MASK)))
    one, other, again = await scopes()
    assert one.masked_id("x") != other.masked_id("x")
    assert one == again != other


async def test_only_a_change_of_members_changes_an_equal_scope() -> None:
    scene = await Scene().of("a", "b")
    group = (await scene.do(admin("a"), create_group("one"))).id
    before = (await scene.authorizer(person("b"))).scope
    await scene.policy("a", "", group)
    assert (await scene.authorizer(person("b"))).scope == before
    await scene.do(admin("a"), change_group(group, GroupChange(adds=["e"], owners={"e": "a"})))
    assert (await scene.authorizer(person("b"))).scope != before


PERMISSIONS = st.frozensets(st.sampled_from(sorted(READING)), max_size=3)


@given(st.lists(st.tuples(PERMISSIONS, PERMISSIONS), min_size=1, max_size=3), PERMISSIONS, st.booleans())
async def test_scopes_and_decisions_agree(
    policies: list[tuple[frozenset[Permission], frozenset[Permission]]], shared: frozenset[Permission], is_late: bool
) -> None:
    """Groups with policies that permit and forbid, one of them shared: the union without the forbidden permissions."""
    scene = await Scene().of("a", "b")
    groups = [A]
    for place, _ in enumerate(policies[1:]):
        groups.append((await scene.do(admin("a"), create_group(f"group {place}"))).id)
    for group, (permitted, forbidden) in zip(groups, policies, strict=True):
        text = permit(IN_B, *permitted) if permitted else ""
        await scene.policy("a", text + (forbid(IN_B, *forbidden) if forbidden else ""), group)
    if shared:
        terms = ShareTerms("a share", (groups[-1],), (ShareTarget("b"),), shared, expires_at=NOON + HOUR)
        share = await scene.do(LOCAL, create_share(terms))
        await scene.do(admin("b"), accept_invitation(f"{share.id}/b"))
    granted = frozenset() if is_late else shared
    scene.now += HOUR if is_late else 0

    expected = frozenset().union(granted, *(each for each, _ in policies)) - frozenset().union(
        *(each for _, each in policies)
    )
    authorizer = await scene.authorizer(person("b"))
    assert {p for p in READING if authorizer.decide(p, groups, "DATASET").is_allowed} == expected
    entity_scope = authorizer.scope.entity_scope(frozenset(groups), "DATASET")
    assert entity_scope.is_readable == (Permission.READ in expected)
    if entity_scope.is_readable:
        assert (entity_scope.hidden_keys == frozenset()) == (Permission.READ_PROPERTIES in expected)
        assert (entity_scope.ascendants == entity_scope.descendants == UNLIMITED) == (Permission.TRAVERSE in expected)
