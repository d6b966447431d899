"""Operations that change access: allowed and refused ones, with their error texts."""

import re
from dataclasses import replace
from typing import Any

import pytest
from memory_access_store import HOUR, NOON, READING, Scene, admin, person

from lineal.auth.access_store import Membership
from lineal.auth.cedar import default_policy
from lineal.auth.keys import key_hash, key_id
from lineal.auth.operations.accounts import create_account
from lineal.auth.operations.api_keys import create_key, revoke_key
from lineal.auth.operations.base import Operation, Refused
from lineal.auth.operations.group_policies import PolicyRefused, set_policy
from lineal.auth.operations.groups import GroupChange, change_group, create_group
from lineal.auth.operations.invitations import accept_invitation, reject_invitation
from lineal.auth.operations.shares import ShareTerms, create_share, revoke_share
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.records import InvitationState, ShareTarget
from lineal.auth.scopes import Boundary, default_group

A = default_group("a")


async def refusal(scene: Scene, who: Principal, operation: Operation[Any]) -> tuple[str, str, tuple[str | int, ...]]:
    """The code, message and path that refuse an operation, which changed nothing."""
    epoch = scene.store.epoch
    with pytest.raises(Refused) as refused:
        await scene.do(who, operation)
    assert scene.store.epoch == epoch
    return refused.value.code.value, refused.value.message, refused.value.path


# -- accounts --------------------------------------------------------------------------------------------------------


async def test_an_account_is_created_with_its_default_group() -> None:
    scene = await Scene().of("a")
    snapshot = await scene.access_service.newest()
    group = snapshot.groups[A]
    assert snapshot.accounts["a"].default_group == A
    assert (group.account, group.name, group.is_default, group.policy) == ("a", "default", True, default_policy("a"))
    assert (group.boundary, group.tells_withheld, group.created_by) == (None, False, "local/local")


async def test_administrators_of_operator_accounts_register_accounts_and_others_do_not() -> None:
    scene = await Scene().of("a")
    await scene.do(LOCAL, create_account("ops", is_operator=True))
    account = await scene.do(admin("ops"), create_account("b"))
    assert (account.name, account.is_operator, account.created_at, account.created_by) == ("b", False, NOON, "ops/ada")
    sentence = "Only administrators of an operator account register accounts: ask one of them."
    for who in (admin("a"), person("ops"), person("ops", "ada", "admin", limited_to=READING)):
        for name in ("c", "a"):
            assert await refusal(scene, who, create_account(name)) == ("FORBIDDEN", sentence, ())


async def test_account_names_are_valid_and_unique() -> None:
    scene = await Scene().of("a")
    assert await refusal(scene, LOCAL, create_account("a")) == (
        "CONFLICT",
        "Account a is registered already.",
        ("name",),
    )
    for name, problem in (
        ("", "is empty: give it at least one character"),
        ("é" * 86, "is 516 bytes once percent-encoded; the most is 512: shorten it"),
        ("a\x00", "holds U+0000, which is refused: remove it"),
        ("\ud800", "holds a lone surrogate, which is not text: send valid Unicode"),
    ):
        assert await refusal(scene, LOCAL, create_account(name)) == (
            "INVALID_VALUE",
            f"The account's name {problem}.",
            ("name",),
        )


# -- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_is_stored_as_a_keyed_hash() -> None:
    scene = await Scene().of("a")
    created = await scene.do(admin("a"), create_key("ci", roles=frozenset({"eng"}), expires_at=NOON + HOUR))
    assert re.fullmatch(r"lnl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", created.text)
    snapshot = await scene.access_service.newest()
    key = snapshot.keys[key_id(created.text) or ""]
    assert key == created.key
    assert key.hash == key_hash(created.text, snapshot.secrets.keys)
    assert key.principal == person("a", "ci", "eng")
    secret = created.text.split("_", 2)[2]
    assert secret not in repr(created)
    assert not any(secret in str(document) for _, document in scene.store.documents.values())
    assert not any(secret in str(entry) for entry in scene.store.log)
    assert (scene.store.log[-1].resource_kind, scene.store.log[-1].resource) == ("KEY", key.id)


async def test_only_operators_create_keys_of_other_accounts() -> None:
    scene = await Scene().of("a", "b")
    await scene.do(LOCAL, create_account("ops", is_operator=True))
    assert (await scene.do(admin("ops"), create_key("ci", account="a"))).key.account == "a"
    sentence = "Making keys for account a needs lineage:Administer on its default group, as one of its own principals."
    assert await refusal(scene, person("a"), create_key("ci")) == ("FORBIDDEN", sentence, ())
    absent = "There is no account {}: it must be registered first."
    assert await refusal(scene, admin("b"), create_key("ci", account="a")) == (
        "NOT_FOUND",
        absent.format("a"),
        ("account",),
    )
    assert await refusal(scene, admin("b"), create_key("ci", account="z")) == (
        "NOT_FOUND",
        absent.format("z"),
        ("account",),
    )
    # Administering another account by its policy makes no keys for it.
    await scene.policy("a", "permit (principal, action, resource);")
    assert await refusal(scene, admin("b"), create_key("ci", account="a")) == ("FORBIDDEN", sentence, ())


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"name": ""}, ("INVALID_VALUE", "The key's name is empty: give it at least one character.", ("name",))),
        (
            {"roles": frozenset({"", "x"})},
            ("INVALID_VALUE", "A role's name is empty: give it at least one character.", ("roles", 0)),
        ),
        (
            {"roles": frozenset(map(str, range(101)))},
            ("TOO_LARGE", "There are 101 roles; the most is 100: send fewer.", ("roles",)),
        ),
        (
            {"expires_at": NOON},
            ("INVALID_VALUE", "The key would expire in the past: give a later time.", ("expiresAt",)),
        ),
        (
            {"permissions": frozenset()},
            (
                "INVALID_VALUE",
                "A key limited to no permission could do nothing: name some, or leave permissions out.",
                ("permissions",),
            ),
        ),
    ],
)
async def test_invalid_keys(given: dict[str, Any], refused: tuple[str, str, tuple[str]]) -> None:
    scene = await Scene().of("a")
    assert await refusal(scene, admin("a"), create_key(**{"name": "ci", **given})) == refused


async def test_a_limited_key_creates_keys_at_least_as_limited() -> None:
    scene = await Scene().of("a")
    limits = frozenset({Permission.ADMINISTER, Permission.READ})
    limited = person("a", "ada", "admin", limited_to=limits)
    sentence = "Your own key is limited to ADMINISTER, READ: limit the new one to some of these."
    for wanted in (None, limits | {Permission.DELETE}):
        operation = create_key("ci", permissions=wanted)
        assert await refusal(scene, limited, operation) == ("INVALID_VALUE", sentence, ("permissions",))
    created = await scene.do(limited, create_key("ci", permissions=frozenset({Permission.READ})))
    assert created.key.principal.permissions == frozenset({Permission.READ})


async def test_revoking_a_key_is_final() -> None:
    scene = await Scene().of("a", "b")
    key = (await scene.do(admin("a"), create_key("ci"))).key
    for who, id in ((admin("b"), key.id), (person("a"), key.id), (admin("a"), "unknown")):
        sentence = f"There is no API key {id} that you may revoke."
        assert await refusal(scene, who, revoke_key(id)) == ("NOT_FOUND", sentence, ("id",))
    revoked = await scene.do(admin("a"), revoke_key(key.id))
    assert revoked == replace(key, revoked_at=NOON, revoked_by="a/ada")
    assert not revoked.is_usable(NOON)
    scene.now += HOUR
    assert await scene.do(admin("a"), revoke_key(key.id)) == revoked


# -- groups ----------------------------------------------------------------------------------------------------------


async def test_a_group_is_created_with_its_fields_and_entities() -> None:
    scene = await Scene().of("a")
    change = GroupChange(boundary=Boundary.MASK, tells_withheld=True, adds=["x", "y", "x"], owners={"x": "a", "y": "a"})
    group = await scene.do(admin("a"), create_group("gold", change=change))
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", group.id)
    assert (group.account, group.name, group.policy, group.is_default) == ("a", "gold", "", False)
    assert (group.boundary, group.tells_withheld) == (Boundary.MASK, True)
    assert scene.store.members == {Membership(group.id, "x"), Membership(group.id, "y")}


async def test_a_change_of_a_group_leaves_other_fields() -> None:
    scene = await Scene().of("a")
    owners = {"x": "a", "y": "a"}
    group = await scene.do(admin("a"), create_group("gold", change=GroupChange(adds=["x"], owners=owners)))

    async def changed(change: GroupChange) -> object:
        return await scene.do(admin("a"), change_group(group.id, change))

    assert await changed(GroupChange()) == group
    assert await changed(GroupChange(name="silver")) == replace(group, name="silver")
    assert await changed(GroupChange(name="silver")) == replace(group, name="silver")
    one = replace(group, name="silver", boundary=Boundary.CUT, tells_withheld=True)
    assert await changed(GroupChange(boundary=Boundary.CUT, tells_withheld=True)) == one
    assert await changed(GroupChange(unsets_boundary=True)) == replace(one, boundary=None)
    assert await changed(GroupChange(adds=["y"], removes=["x"], owners=owners)) == replace(one, boundary=None)
    assert scene.store.members == {Membership(group.id, "y")}


async def test_changing_groups_needs_share() -> None:
    scene = await Scene().of("a", "b")
    needs = "This needs lineage:Share on the default group of account a."
    group = await scene.do(admin("a"), create_group("gold"))
    assert await refusal(scene, person("a"), create_group("x")) == ("FORBIDDEN", needs, ())
    assert await refusal(scene, person("a"), change_group(group.id, GroupChange(name="x"))) == ("FORBIDDEN", needs, ())
    for id in (group.id, A, "unknown"):
        absent = ("NOT_FOUND", f"There is no lineage group {id}.", ("id",))
        assert await refusal(scene, admin("b"), change_group(id, GroupChange(name="x"))) == absent
    for account in ("a", "z"):
        absent = ("NOT_FOUND", f"There is no account {account}: it must be registered first.", ("account",))
        assert await refusal(scene, admin("b"), create_group("x", account=account)) == absent
    assert (await scene.do(LOCAL, create_group("x", account="b"))).account == "b"


async def test_invalid_groups() -> None:
    scene = await Scene().of("a")
    group = await scene.do(admin("a"), create_group("gold"))
    default = "A default group keeps its name and holds all entities of its account for ever: make another group."
    for change in (GroupChange(name="x"), GroupChange(adds=["x"]), GroupChange(removes=["x"])):
        assert await refusal(scene, admin("a"), change_group(A, change)) == ("INVALID_VALUE", default, ())
    taken = ("CONFLICT", "Account a has a group named gold already: choose another name.", ("name",))
    assert await refusal(scene, admin("a"), create_group("gold")) == taken
    owners = {"x": "a", "mine": "b"}
    for change, refused in (
        (
            GroupChange(name=""),
            ("INVALID_VALUE", "The group's name is empty: give it at least one character.", ("name",)),
        ),
        (
            GroupChange(boundary=Boundary.CUT, unsets_boundary=True),
            ("INVALID_VALUE", "A boundary is either set or unset: leave one out.", ("boundary",)),
        ),
        (GroupChange(adds=["x", "y"], owners=owners), ("NOT_FOUND", "There is no entity y.", ("addEntities", 1))),
        (
            GroupChange(adds=["mine"], owners=owners),
            (
                "INVALID_VALUE",
                "Entity mine is not of account a: a group holds its own account's entities only.",
                ("addEntities", 0),
            ),
        ),
        (GroupChange(removes=["y"], owners=owners), ("NOT_FOUND", "There is no entity y.", ("removeEntities", 0))),
        (
            GroupChange(adds=["x"], removes=["x"], owners=owners),
            ("INVALID_VALUE", "Entity x cannot both join and leave: name it in one list.", ("removeEntities",)),
        ),
        (
            GroupChange(adds=["x"] * 1_001, owners=owners),
            ("TOO_LARGE", "There are 1,001 entities; the most is 1,000: send fewer.", ("addEntities",)),
        ),
    ):
        assert await refusal(scene, admin("a"), change_group(group.id, change)) == refused


# -- policies --------------------------------------------------------------------------------------------------------


async def test_administrators_set_policies() -> None:
    scene = await Scene().of("a", "b")
    text = "permit (principal, action, resource);"
    tried = await scene.do(admin("a"), set_policy(A, text, is_dry_run=True))
    assert tried.policy == text
    assert not (await scene.entity_scope(person("b"), "a")).is_readable
    assert await scene.do(admin("a"), set_policy(A, text)) == tried
    assert (await scene.entity_scope(person("b"), "a")).is_readable
    epoch = scene.store.epoch
    await scene.do(admin("a"), set_policy(A, text))
    assert scene.store.epoch == epoch

    await scene.policy("a", default_policy("a"))
    needs = "This needs lineage:Administer on the default group of account a."
    for is_dry_run in (True, False):
        operation = set_policy(A, text, is_dry_run=is_dry_run)
        assert await refusal(scene, person("a"), operation) == ("FORBIDDEN", needs, ())
        absent = f"There is no lineage group {A}."
        assert await refusal(scene, admin("b"), operation) == ("NOT_FOUND", absent, ("id",))


async def test_an_invalid_policy_is_refused_with_every_problem() -> None:
    scene = await Scene().of("a")
    text = "permit (principal, action, resource) when { 1 };\npermit (principal, action, resource) when { 2 };"
    for is_dry_run in (True, False):
        with pytest.raises(PolicyRefused) as refused:
            await scene.do(admin("a"), set_policy(A, text, is_dry_run=is_dry_run))
        assert [problem.line for problem in refused.value.problems] == [1, 2]
        assert (refused.value.code, refused.value.path) == ("INVALID_POLICY", ("policy",))
        assert refused.value.message == "Line 1: Unexpected type: expected Bool but saw Long."
    assert (await scene.access_service.newest()).groups[A].policy == default_policy("a")


# -- shares and invitations ------------------------------------------------------------------------------------------

TERMS = ShareTerms("to b", (A,), (ShareTarget("b"),), READING)


async def test_a_share_invites_every_receiving_account_once() -> None:
    scene = await Scene().of("a", "b", "c")
    targets = (ShareTarget("c"), ShareTarget("b", role="x"), ShareTarget("b", name="y"), ShareTarget("c"))
    share = await scene.do(admin("a"), create_share(replace(TERMS, targets=targets, groups=(A, A))))
    assert (share.groups, share.targets) == ((A,), targets[:3])
    assert (share.account, share.created_at, share.created_by) == ("a", NOON, "a/ada")
    invitations = (await scene.access_service.newest()).invitations
    assert {each.account: (each.share, each.state) for each in invitations.values()} == {
        "b": (share.id, InvitationState.PENDING),
        "c": (share.id, InvitationState.PENDING),
    }


async def test_sharing_needs_share_on_all_groups() -> None:
    scene = await Scene().of("a", "b")
    one = (await scene.do(admin("a"), create_group("one"))).id
    two = (await scene.do(admin("a"), create_group("two"))).id
    needs = ("FORBIDDEN", "Sharing group two needs lineage:Share on it.", ("groups", 1))
    await scene.policy("a", 'permit (principal, action == Lineal::Action::"Share", resource);', one)
    assert await refusal(scene, person("a"), create_share(replace(TERMS, groups=(one, two)))) == needs
    assert (await scene.do(person("a"), create_share(replace(TERMS, groups=(one,))))).groups == (one,)
    for id in (A, two, "unknown"):
        absent = ("NOT_FOUND", f"There is no lineage group {id}.", ("groups", 0))
        assert await refusal(scene, admin("b"), create_share(replace(TERMS, groups=(id,)))) == absent


@pytest.mark.parametrize(
    ("terms", "message", "path"),
    [
        ({"name": ""}, "The share's name is empty: give it at least one character.", ("name",)),
        ({"groups": ()}, "A share has at least one of groups: name one.", ("groups",)),
        ({"targets": ()}, "A share has at least one of targets: name one.", ("targets",)),
        (
            {"groups": (A, default_group("b"))},
            "The groups of a share are of one account: make a share for each.",
            ("groups", 1),
        ),
        (
            {"targets": (ShareTarget("b"), ShareTarget("a", role="x"))},
            "Account a owns these groups: permit its own principals in a group's policy, without a share.",
            ("targets", 1, "account"),
        ),
        (
            {"targets": (ShareTarget(""),)},
            "The account's name is empty: give it at least one character.",
            ("targets", 0, "account"),
        ),
        (
            {"targets": (ShareTarget("b", "x", "y"),)},
            "A target is an account, a role of it, or a principal of it: give a role or a name, not both.",
            ("targets", 0),
        ),
        (
            {"targets": (ShareTarget("b", role=""),)},
            "The role's name is empty: give it at least one character.",
            ("targets", 0, "role"),
        ),
        (
            {"targets": (ShareTarget("b", name=""),)},
            "The principal's name is empty: give it at least one character.",
            ("targets", 0, "name"),
        ),
        ({"actions": frozenset()}, "A share allows at least one action: name one.", ("actions",)),
        (
            {"actions": frozenset({Permission.READ, Permission.SHARE, Permission.ADMINISTER})},
            "A share cannot allow ADMINISTER, SHARE: it can allow APPROVE, ASSOCIATE, READ, READ_PROPERTIES, TRAVERSE.",
            ("actions",),
        ),
        (
            {"kinds": frozenset()},
            "A share of no kinds would allow nothing: name some, or leave kinds out.",
            ("kinds",),
        ),
        (
            {"direction": "BOTH"},
            "A share's direction is ASCENDANTS or DESCENDANTS: leave it out for both.",
            ("direction",),
        ),
        ({"depth": 0}, "A share's depth is at least 1: leave it out for all the way.", ("depth",)),
        ({"expires_at": NOON}, "The share would expire in the past: give a later time.", ("expiresAt",)),
    ],
)
async def test_invalid_shares(terms: dict[str, Any], message: str, path: tuple[str | int, ...]) -> None:
    scene = await Scene().of("a", "b")
    operation = create_share(replace(TERMS, **terms))
    assert await refusal(scene, LOCAL, operation) == ("INVALID_VALUE", message, path)


@pytest.mark.parametrize(
    ("terms", "what", "path"),
    [
        ({"groups": (A,) * 101}, "groups", ("groups",)),
        ({"targets": (ShareTarget("b"),) * 101}, "targets", ("targets",)),
        ({"redacted": frozenset(map(str, range(101)))}, "redacted keys", ("redacted",)),
    ],
)
async def test_too_large_shares(terms: dict[str, Any], what: str, path: tuple[str]) -> None:
    scene = await Scene().of("a", "b")
    sentence = f"There are 101 {what}; the most is 100: send fewer."
    assert await refusal(scene, admin("a"), create_share(replace(TERMS, **terms))) == ("TOO_LARGE", sentence, path)


async def test_only_its_owner_revokes_a_share_and_receivers_see_it() -> None:
    scene = await Scene().of("a", "b", "c")
    share = await scene.do(admin("a"), create_share(TERMS))
    owners = ("FORBIDDEN", "Only account a, which made this share, revokes it.", ())
    for who in (admin("b"), person("b")):
        assert await refusal(scene, who, revoke_share(share.id)) == owners
    for who, id in ((admin("c"), share.id), (person("a"), share.id), (admin("a"), "unknown")):
        assert await refusal(scene, who, revoke_share(id)) == (
            "NOT_FOUND",
            f"There is no resource share {id}.",
            ("id",),
        )
    revoked = await scene.do(admin("a"), revoke_share(share.id))
    assert revoked == replace(share, revoked_at=NOON, revoked_by="a/ada")
    scene.now += HOUR
    assert await scene.do(admin("a"), revoke_share(share.id)) == revoked
    # With it went the invitation.
    absent = ("NOT_FOUND", f"There is no invitation {share.id}/b.", ("id",))
    assert await refusal(scene, admin("b"), accept_invitation(f"{share.id}/b")) == absent
    assert await refusal(scene, admin("b"), revoke_share(share.id)) == (
        "NOT_FOUND",
        f"There is no resource share {share.id}.",
        ("id",),
    )


async def test_deciding_an_invitation_needs_share_in_the_receiving_account() -> None:
    scene = await Scene().of("a", "b", "c")
    share = await scene.do(admin("a"), create_share(TERMS))
    id = f"{share.id}/b"
    needs = ("FORBIDDEN", "This needs lineage:Share on the default group of account b.", ())
    for operation in (accept_invitation(id), reject_invitation(id)):
        assert await refusal(scene, person("b"), operation) == needs
        limited = person("b", "ada", "admin", limited_to=READING)
        assert await refusal(scene, limited, operation) == needs
        # Neither another account nor the owner itself decides.
        for who in (admin("c"), admin("a")):
            assert await refusal(scene, who, operation) == ("NOT_FOUND", f"There is no invitation {id}.", ("id",))
    accepted = await scene.do(admin("b"), accept_invitation(id))
    assert (accepted.state, accepted.decided_at, accepted.decided_by) == (InvitationState.ACCEPTED, NOON, "b/ada")
    scene.now += HOUR
    assert await scene.do(admin("b"), accept_invitation(id)) == accepted


async def test_the_only_target_of_a_share_decides_its_invitation() -> None:
    scene = await Scene().of("a", "b")
    alone = await scene.do(admin("a"), create_share(replace(TERMS, targets=(ShareTarget("b", name="pat"),))))
    id = f"{alone.id}/b"
    absent = ("NOT_FOUND", f"There is no invitation {id}.", ("id",))
    assert await refusal(scene, person("b", "quinn"), accept_invitation(id)) == absent
    assert (await refusal(scene, person("b", limited_to=READING), accept_invitation(id)))[0] == "FORBIDDEN"
    await scene.do(person("b"), accept_invitation(id))
    assert scene.store.log[-1].policies == (f"share/{alone.id}",)
    assert (await scene.entity_scope(person("b"), "a")).is_readable
    assert not (await scene.entity_scope(admin("b"), "a")).is_readable

    targets = (ShareTarget("b", name="pat"), ShareTarget("b", name="quinn"))
    both = await scene.do(admin("a"), create_share(replace(TERMS, targets=targets)))
    assert (await refusal(scene, person("b"), accept_invitation(f"{both.id}/b")))[0] == "FORBIDDEN"
    await scene.policy("b", 'forbid (principal, action == Lineal::Action::"Share", resource);')
    assert (await refusal(scene, person("b"), reject_invitation(id)))[0] == "FORBIDDEN"


async def test_rejection_and_expiry_are_final() -> None:
    scene = await Scene().of("a", "b")
    share = await scene.do(admin("a"), create_share(replace(TERMS, expires_at=NOON + HOUR)))
    other = await scene.do(admin("a"), create_share(replace(TERMS, expires_at=NOON + HOUR)))
    rejected = await scene.do(admin("b"), reject_invitation(f"{share.id}/b"))
    assert await scene.do(admin("b"), reject_invitation(f"{share.id}/b")) == rejected
    again = ("CONFLICT", "It was rejected, for good: ask the owner for another share.", ("id",))
    assert await refusal(scene, admin("b"), accept_invitation(f"{share.id}/b")) == again
    scene.now = NOON + HOUR
    over = ("EXPIRED", "The share has expired: ask its owner for another.", ("id",))
    for operation in (accept_invitation(f"{other.id}/b"), reject_invitation(f"{other.id}/b")):
        assert await refusal(scene, admin("b"), operation) == over


# -- whatever is asked for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["", "\ud800", "x" * 1_000_000, "\x00", f"{A}/b"])
async def test_any_id_can_be_refused_and_logged(id: str) -> None:
    scene = await Scene().of("a")
    for operation in (
        revoke_key(id),
        change_group(id, GroupChange()),
        set_policy(id, ""),
        create_group("x", account=id),
        create_key("x", account=id),
        create_share(replace(TERMS, groups=(id,))),
        revoke_share(id),
        accept_invitation(id),
    ):
        code, message, _ = await refusal(scene, admin("a"), operation)
        assert code == "NOT_FOUND"
        await scene.access_service.denials.write()
        entry = scene.store.log[-1]
        assert (entry.accounts, entry.is_allowed) == (("a",), False)
        assert len(entry.resource.encode()) <= 600
        assert len(message.encode()) <= 700
