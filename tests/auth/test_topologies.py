"""Lineage of several accounts in one view: the three forms in which they may share it."""

from memory_access_store import READING, Scene, admin, person

from lineal.auth.operations.invitations import accept_invitation, reject_invitation
from lineal.auth.operations.shares import ShareTerms, create_share, revoke_share
from lineal.auth.records import InvitationState, ShareTarget
from lineal.auth.scopes import UNLIMITED, default_group

PLATFORM = person("platform", "root", "admin")


async def sees(scene: Scene, account: str, who: str = "pat") -> str:
    """The accounts whose entities someone of an account reads and crosses, in order."""
    results = []
    for other in ("a", "b", "c", "platform"):
        entity_scope = await scene.entity_scope(person(account, who), other)
        assert (entity_scope.descendants == UNLIMITED) == entity_scope.is_readable
        if entity_scope.is_readable:
            results.append(other)
    return " ".join(results)


async def test_each_shares_with_an_administrator_account() -> None:
    scene = await Scene().of("a", "b", "c", "platform")
    shares = []
    for account in ("a", "b", "c"):
        terms = ShareTerms("for the platform", (default_group(account),), (ShareTarget("platform"),), READING)
        shares.append(await scene.do(admin(account), create_share(terms)))

    # Three invitations wait for the platform account, and until it accepts nothing is given.
    received = [
        each for each in (await scene.access_service.newest()).invitations.values() if each.account == "platform"
    ]
    assert [each.state for each in received] == [InvitationState.PENDING] * 3
    assert await sees(scene, "platform") == "platform"

    for share in shares:
        await scene.do(PLATFORM, accept_invitation(f"{share.id}/platform"))
    assert await sees(scene, "platform") == "a b c platform"

    # The others see their own alone, as before.
    assert [await sees(scene, account) for account in ("a", "b", "c")] == ["a", "b", "c"]

    # What one revokes is gone at once; what the platform gives up too.
    await scene.do(admin("a"), revoke_share(shares[0].id))
    assert await sees(scene, "platform") == "b c platform"
    await scene.do(PLATFORM, reject_invitation(f"{shares[1].id}/platform"))
    assert await sees(scene, "platform") == "c platform"


async def test_each_shares_with_each_other() -> None:
    scene = await Scene().of("a", "b", "c")
    for account, others in (("a", "bc"), ("b", "ac"), ("c", "ab")):
        terms = ShareTerms("for my peers", (default_group(account),), tuple(map(ShareTarget, others)), READING)
        share = await scene.do(admin(account), create_share(terms))
        # Each receiving account decides for itself.
        await scene.do(admin(others[0]), accept_invitation(f"{share.id}/{others[0]}"))
        await scene.do(admin(others[1]), accept_invitation(f"{share.id}/{others[1]}"))
    assert [await sees(scene, account) for account in ("a", "b", "c")] == ["a b c", "a b c", "a b c"]

    # When c leaves what a offered, b keeps it.
    offered = next(s for s in (await scene.access_service.newest()).shares.values() if s.account == "a")
    await scene.do(admin("c"), reject_invitation(f"{offered.id}/c"))
    assert [await sees(scene, account) for account in ("a", "b", "c")] == ["a b c", "a b c", "b c"]


async def test_by_policy_alone_without_a_share() -> None:
    scene = await Scene().of("a", "b", "c", "platform")
    for account in ("a", "b", "c"):
        group = (await scene.access_service.newest()).groups[default_group(account)]
        await scene.policy(
            account,
            group.policy
            + """
            @id("platform")
            permit (
              principal in Lineal::Role::"platform/auditor",
              action in [Lineal::Action::"Read", Lineal::Action::"ReadProperties", Lineal::Action::"Traverse"],
              resource
            );
            """,
        )
    auditor = person("platform", "root", "auditor")
    assert [(await scene.entity_scope(auditor, account)).is_readable for account in ("a", "b", "c")] == [True] * 3
    assert await sees(scene, "platform") == "platform"
    assert not (await scene.access_service.newest()).invitations

    # Taking it back is taking the policy back.
    await scene.policy("b", "")
    assert [(await scene.entity_scope(auditor, account)).is_readable for account in ("a", "b", "c")] == [
        True,
        False,
        True,
    ]
