"""Explanations of decisions, in sentences."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from memory_access_store import HOUR, NOON, READING, Scene, admin, person

from lineal.auth.decisions import Explanation
from lineal.auth.explanation import explain
from lineal.auth.operations.groups import create_group
from lineal.auth.operations.invitations import reject_invitation
from lineal.auth.operations.shares import revoke_share
from lineal.auth.permissions import Permission
from lineal.auth.principals import LOCAL, Principal
from lineal.auth.records import ShareTarget
from lineal.auth.scopes import default_group

A = default_group("a")


async def why(
    scene: Scene, who: Principal, permission: Permission = Permission.READ, *groups: str, kind: str = "DATASET"
) -> Explanation:
    return explain(await scene.access_service.newest(), who, permission, groups or (A,), kind, scene.now)


def sentences(explanation: Explanation) -> list[str]:
    return [*explanation.reasons, *(reason for group in explanation.groups for reason in group.reasons)]


async def test_explanation_by_policy() -> None:
    scene = await Scene().of("a", "b")
    explanation = await why(scene, person("a"))
    assert explanation.is_allowed
    assert sentences(explanation) == [
        "a/pat holds lineage:Read: a policy or share permits it, and no policy forbids it.",
        "Policy members of group default of account a permits it.",
    ]
    (group,) = explanation.groups
    assert (group.group, group.is_allowed, group.is_forbidden, group.policies) == (A, True, False, ("members",))

    explanation = await why(scene, person("b"))
    assert not explanation.is_allowed
    assert sentences(explanation) == [
        "No policy and no share permits b/pat lineage:Read, so it is denied.",
        "No policy of group default of account a applies.",
    ]


async def test_explanation_by_a_policy_that_forbids() -> None:
    scene = await Scene().of("a")
    gold = (await scene.do(admin("a"), create_group("gold"))).id
    await scene.policy("a", '@id("closed") forbid (principal, action, resource);', gold)
    explanation = await why(scene, person("a"), Permission.READ, A, gold, "unknown")
    assert not explanation.is_allowed
    assert sorted(sentences(explanation)) == [
        "A policy forbids lineage:Read, and wins over everything that permits it.",
        "Policy closed of group gold of account a forbids it.",
        "Policy members of group default of account a permits it.",
    ]
    await scene.policy("a", "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };", gold)
    assert "The policy of group gold of account a cannot be evaluated, so it forbids everything." in sentences(
        await why(scene, person("a"), Permission.READ, gold)
    )


async def test_explanation_by_shares() -> None:
    scene = await Scene().of("a", "b")

    async def shared(name: str, **terms: Any) -> str:
        return (await scene.share("a", ShareTarget("b"), name=name, **terms)).id

    whole = await shared("whole")
    part = await shared("part", kinds=frozenset({"MODEL", "IMAGE"}))
    up = await shared("up", direction="ASCENDANTS", depth=3)
    hiding = await shared("hiding", actions=READING - {Permission.TRAVERSE}, redacted=frozenset({"y", "x"}))
    over = await shared("over", expires_at=NOON + HOUR)
    waiting = await shared("waiting", accepted=False)
    refused = await shared("refused", accepted=False)
    await scene.do(admin("b"), reject_invitation(f"{refused}/b"))
    ended = await shared("ended")
    await scene.do(admin("a"), revoke_share(ended))
    await shared("of other things", actions=frozenset({Permission.APPROVE}))
    scene.now += HOUR

    explanation = await why(scene, person("b"), Permission.TRAVERSE)
    assert explanation.is_allowed
    assert set(explanation.groups[0].shares) == {whole, up}
    assert set(explanation.groups[0].reasons) == {
        "No policy of group default of account a applies.",
        f"Share whole ({whole}) permits it.",
        f"Share part ({part}) permits it on IMAGE, MODEL only.",
        f"Share up ({up}) permits it in direction ASCENDANTS only and at fewer than 3 associations from the start "
        f"of a query.",
        f"Share over ({over}) would permit it, but has expired.",
        f"Share waiting ({waiting}) would permit it, but its invitation to account b is PENDING.",
        f"Share refused ({refused}) would permit it, but its invitation to account b is REJECTED.",
        f"Share ended ({ended}) would permit it, but was revoked.",
    }
    assert f"Share part ({part}) permits it." in sentences(await why(scene, person("b"), kind="MODEL"))
    assert f"Share up ({up}) permits it." in sentences(await why(scene, person("b")))
    assert f"Share hiding ({hiding}) permits it, except for the keys x, y." in sentences(
        await why(scene, person("b"), Permission.READ_PROPERTIES)
    )


async def test_explanation_for_a_limited_key_and_the_local_administrator() -> None:
    scene = await Scene().of("a")
    limited = person("a", "ci", "admin", limited_to=READING)
    explanation = await why(scene, limited, Permission.DELETE)
    assert not explanation.is_allowed
    assert explanation.reasons == (
        "The key of a/ci is limited to lineage:Read, lineage:ReadProperties, lineage:Traverse; lineage:Delete is not "
        "among them.",
    )
    explanation = await why(scene, LOCAL, Permission.DELETE)
    assert explanation.is_allowed
    assert explanation.reasons == ("local/local is the local administrator, and may do everything.",)


@given(st.sampled_from(Permission), st.sampled_from(["DATASET", "MODEL"]), st.booleans(), st.booleans(), st.booleans())
async def test_an_explanation_agrees_with_the_decision(
    permission: Permission, kind: str, is_forbidden: bool, is_shared: bool, is_limited: bool
) -> None:
    scene = await Scene().of("a", "b")
    if is_shared:
        await scene.share("a", ShareTarget("b"), kinds=frozenset({"MODEL"}))
    if is_forbidden:
        await scene.policy("a", 'forbid (principal, action == Lineal::Action::"Read", resource);')
    who = person("b", limited_to=frozenset({Permission.TRAVERSE}) if is_limited else None)
    decision = (await scene.authorizer(who)).decide(permission, [A], kind)
    explanation = await why(scene, who, permission, kind=kind)
    assert explanation.is_allowed == decision.is_allowed
    assert any(group.is_forbidden for group in explanation.groups) == decision.is_forbidden
    if decision.is_allowed:
        named = [f"share/{share}" for group in explanation.groups for share in group.shares]
        named += [f"{group.group}/{policy}" for group in explanation.groups for policy in group.policies]
        assert sorted(named) == sorted(decision.policies)
