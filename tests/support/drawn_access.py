"""Random groups, policies and shares, and a principal of another account that reads under them."""

from hypothesis import strategies as st
from record_builders import EPOCH
from strategies import KEYS, KINDS

from lineal.auth.access_service import AccessService
from lineal.auth.access_store import AccessChange, Membership
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.group_policies import set_policy
from lineal.auth.operations.groups import GroupChange, change_group, create_group
from lineal.auth.operations.invitations import accept_invitation
from lineal.auth.operations.shares import ShareTerms, create_share
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.records import ShareTarget
from lineal.auth.scopes import Boundary, default_group
from lineal.graphstore.store import Store
from lineal.graphstore.urns import entity_id

BOB = Principal("b", "bob", frozenset({"analyst"}))
WHO = [
    'principal == Lineal::Principal::"b/bob"',
    'principal in Lineal::Role::"b/analyst"',
    'principal in Lineal::Account::"b"',
    'principal in Lineal::Account::"a"',
    "principal",
]
ACTIONS = [
    'action in [Lineal::Action::"Read", Lineal::Action::"ReadProperties", Lineal::Action::"Traverse"]',
    'action in [Lineal::Action::"Read", Lineal::Action::"Traverse"]',
    'action == Lineal::Action::"Read"',
    'action == Lineal::Action::"Traverse"',
    'action == Lineal::Action::"ReadProperties"',
]
policies = st.lists(
    st.builds(
        lambda effect, who, action: f"{effect} ({who}, {action}, resource);",
        st.sampled_from(["permit", "permit", "permit", "forbid"]),
        st.sampled_from(WHO),
        st.sampled_from(ACTIONS),
    ),
    max_size=3,
).map("\n".join)


@st.composite
def terms(draw: st.DrawFn, groups: list[str]) -> ShareTerms:
    return ShareTerms(
        "drawn",
        tuple(draw(st.lists(st.sampled_from(groups), min_size=1, max_size=3, unique=True))),
        (draw(st.sampled_from([ShareTarget("b"), ShareTarget("b", role="analyst"), ShareTarget("b", name="bob")])),),
        draw(
            st.sampled_from(
                [
                    frozenset({Permission.READ, Permission.READ_PROPERTIES, Permission.TRAVERSE}),
                    frozenset({Permission.READ, Permission.TRAVERSE}),
                    frozenset({Permission.READ}),
                ]
            )
        ),
        draw(
            st.none()
            | st.frozensets(st.sampled_from(KINDS), min_size=1, max_size=3).map(lambda k: frozenset(map(str, k)))
        ),
        draw(st.sampled_from([None, None, "ASCENDANTS", "DESCENDANTS"])),
        draw(st.sampled_from([None, None, 1, 2])),
        draw(st.frozensets(st.sampled_from([*KEYS, "metrics.loss"]), max_size=2)),
        None,
    )


async def administered(
    store: Store, draws: st.DataObject, entity_groups: dict[str, str], *, with_boundaries: bool = False
) -> None:
    """Draw groups, their members and policies, and shares of a's with b. `entity_groups` maps URNs to accounts.

    Without boundaries, hidden entities are cut, and answers do not state how many are withheld.
    """
    access_service = AccessService(store, lambda: EPOCH)
    for account in ("a", "b"):
        await access_service.change(LOCAL, create_account(account))
    groups = {"a": [default_group("a")], "b": [default_group("b")]}
    for account, name in (("a", "one"), ("a", "two"), ("b", "three")):
        group = await access_service.change(LOCAL, create_group(name, account=account))
        groups[account].append(group.id)
        mine = [urn for urn, owner in entity_groups.items() if owner == account]
        joining = draws.draw(st.lists(st.sampled_from(mine), max_size=4, unique=True)) if mine else []
        joins = tuple(Membership(group.id, entity_id(urn)) for urn in joining)
        if joins:
            await store.change_access(AccessChange(joins=joins), epoch=(await store.newest()).epoch)
    for group_id in [*groups["a"], *groups["b"]]:
        policy = draws.draw(st.none() | policies)
        if policy is not None:
            await access_service.change(LOCAL, set_policy(group_id, policy))
        if with_boundaries:
            boundary, tells = draws.draw(st.none() | st.sampled_from(list(Boundary))), draws.draw(st.booleans())
            await access_service.change(
                LOCAL, change_group(group_id, GroupChange(boundary=boundary, tells_withheld=tells))
            )
    for share in draws.draw(st.lists(terms(groups["a"]), max_size=2)):
        created = await access_service.change(LOCAL, create_share(share))
        if draws.draw(st.integers(0, 3)):
            await access_service.change(LOCAL, accept_invitation(f"{created.id}/b"))


async def members_of(store: Store, urns: list[str]) -> tuple[Membership, ...]:
    """Return the memberships of existing entities in groups other than default groups."""
    entity_groups = await store.entity_groups([entity_id(urn) for urn in urns])
    return tuple(
        Membership(group, entity_id(each.urn))
        for each in entity_groups
        if each is not None
        for group in sorted(each.groups - {default_group(each.account)})
    )
