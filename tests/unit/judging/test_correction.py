"""Families of events that correct and refute each other: who is out, who may say so, in every order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import metric_labels
from engine.core.judging.correction import REFUSALS, FamilyMember, member_of, named_by, refusal, verdict
from tests.unit.judging.desk import event


def member(id_: str, names: str = "", *, at: int = 0, refuted: bool = False, **over: Any) -> FamilyMember:
    """An event of Pinrang's desk, received in the order of their instants."""
    base: dict[str, Any] = {"desk": "73.15", "region": "73.15"}
    return FamilyMember(id=id_, names=names, reported_at=at, refuted=refuted, **{**base, **over})


def out(*members: FamilyMember) -> dict[str, str]:
    """Who is out and why, by id; the same in every order and however the family is cut off from others."""
    found = verdict(members).withdrawn
    shuffled = list(members)
    for seed in range(6):
        random.Random(seed).shuffle(shuffled)
        assert verdict(shuffled).withdrawn == found
    return {id_: reason for (_, id_), reason in found.items()}


def test_a_corrected_event_is_out_and_its_correction_counts() -> None:
    assert out(member("x"), member("c", "x", at=1)) == {"x": "corrected"}


def test_neither_a_refuted_event_nor_its_refutation_counts() -> None:
    assert out(member("x"), member("r", "x", at=1, refuted=True)) == {"x": "refuted", "r": "refuted"}


def test_an_event_that_says_it_is_refuted_itself_never_counts() -> None:
    assert out(member("x", refuted=True)) == {"x": "refuted"}


def test_a_correction_without_its_event_counts_and_waits() -> None:
    assert out(member("c", "x", at=1)) == {}


def test_of_two_corrections_the_later_reported_holds() -> None:
    """Then the greater desk, then the greater id; not the one that came in last.

    Law: docs/specification/rules.md#order-of-corrections.
    """
    first, second = member("c1", "x", at=5), member("c2", "x", at=4)
    assert out(member("x"), first, second) == {"x": "corrected", "c2": "corrected"}
    assert out(member("x"), member("c1", "x", at=5), member("c2", "x", at=5)) == {
        "x": "corrected",
        "c1": "corrected",
    }
    parent = member("a", "x", at=5, desk="73", region="73")
    assert out(member("x"), member("b", "x", at=5), parent) == {"x": "corrected", "a": "corrected"}


def test_a_correction_after_a_refutation_and_the_other_way_round() -> None:
    x, r = member("x"), member("r", "x", at=1, refuted=True)
    assert out(x, r, member("c", "x", at=2)) == {"x": "corrected", "r": "refuted"}
    assert out(x, member("c", "x"), r) == {"x": "refuted", "c": "refuted", "r": "refuted"}


def test_of_a_chain_of_corrections_only_the_last_counts() -> None:
    """It stands in the place of what it corrects; so nothing counts twice."""
    x, b, c = member("x"), member("b", "x", at=1), member("c", "b", at=2)
    assert out(x, b, c) == {"x": "corrected", "b": "corrected"}
    other = member("d", "x", at=9)
    assert out(x, b, c, other) == {"x": "corrected", "b": "corrected", "c": "corrected"}


def test_who_is_taken_back_gives_back() -> None:
    """A refuted correction, and a refuted refutation, and one step further."""
    x, c = member("x"), member("c", "x", at=1)
    r = member("r", "c", at=2, refuted=True)
    assert out(x, c, r) == {"c": "refuted", "r": "refuted"}
    refuting = member("c", "x", at=1, refuted=True)
    assert out(x, refuting, r) == {"c": "refuted", "r": "refuted"}
    again = member("s", "r", at=3, refuted=True)
    assert out(x, refuting, r, again) == {"x": "refuted", "c": "refuted", "r": "refuted", "s": "refuted"}


def test_the_earlier_of_two_corrections_holds_again_when_the_later_is_refuted() -> None:
    x, c, d = member("x"), member("c", "x", at=1), member("d", "x", at=2)
    assert out(x, c, d, member("r", "d", at=3, refuted=True)) == {
        "x": "corrected",
        "d": "refuted",
        "r": "refuted",
    }


def test_a_corrected_refutation_leaves_its_correction_alone() -> None:
    """The correction stands in the place of the refutation: what was refuted stays out, and is said to be corrected."""
    x, r = member("x"), member("r", "x", at=1, refuted=True)
    assert out(x, r, member("c", "r", at=2)) == {"x": "corrected", "r": "refuted"}


def test_a_name_means_the_own_desk_first() -> None:
    """The same id at two desks is two events."""
    elsewhere = member("x", desk="73.16", region="73.16")
    found = verdict([member("x"), elsewhere, member("c", "x", at=1)])
    assert found.withdrawn == {("73.15", "x"): "corrected"}
    alone = verdict([elsewhere, member("c", "x", at=1, desk="73", region="73")])
    assert alone.withdrawn == {("73.16", "x"): "corrected"}


def test_a_name_that_may_mean_several_events_means_none() -> None:
    """Only those count of which the sender may speak."""
    here, there = member("x"), member("x", desk="73.16", region="73.16")
    act = member("c", "x", at=1, desk="73", region="73")
    assert verdict([here, there, act]) == ({}, {("73", "c"): "ambiguous"})
    far = member("x", desk="94.02", region="94.02")
    assert verdict([here, far, act]).withdrawn == {("73.15", "x"): "corrected"}


def test_an_event_that_bears_the_id_it_names_does_not_mean_itself() -> None:
    parent = member("1", "1", at=1, desk="73", region="73")
    assert verdict([member("1"), parent]).withdrawn == {("73.15", "1"): "corrected"}
    assert verdict([parent]) == ({}, {})


def test_acts_that_go_round_in_a_circle_change_nothing() -> None:
    circle = [member("a", "b"), member("b", "c"), member("c", "a"), member("d", "a", at=3)]
    assert verdict(circle) == (
        {("73.15", "a"): "corrected"},
        {("73.15", id_): "circular" for id_ in "abc"},
    )


@pytest.mark.parametrize(
    ("act", "event_", "expected"),
    [
        ({}, {}, None),
        ({"desk": "73.16"}, {}, "not_its_source"),
        ({"desk": "73"}, {}, None),
        ({"desk": "00"}, {}, None),
        ({"desk": "73.15.01"}, {}, "not_its_source"),
        ({"desk": "73.1"}, {}, "not_its_source"),
        ({"desk": "hotline"}, {}, "not_its_source"),
        ({"desk": "hotline"}, {"desk": "hotline"}, None),
        ({"desk": "00"}, {"desk": "hotline"}, "not_its_source"),
        ({"desk": "hotline", "by_verifier": True}, {}, None),
        # an office of the source's own government
        ({}, {"subject": True}, "parent_must_confirm"),
        ({}, {"subject": True, "region": "73.15.01"}, "parent_must_confirm"),
        ({}, {"subject": True, "region": "73.16"}, None),
        ({"desk": "73"}, {"subject": True}, None),
        ({"desk": "73"}, {"subject": True, "desk": "73", "region": "73"}, "parent_must_confirm"),
        ({"desk": "73"}, {"subject": True, "desk": "73"}, None),
        ({"desk": "00"}, {"subject": True, "desk": "73", "region": "73"}, None),
        ({"desk": "hotline"}, {"subject": True, "desk": "hotline"}, None),
        ({"by_verifier": True}, {"subject": True}, None),
        # a grave event
        ({}, {"severity": 2}, None),
        ({}, {"severity": 3}, "parent_must_confirm"),
        ({"desk": "hotline"}, {"desk": "hotline", "severity": 4}, "parent_must_confirm"),
        ({"desk": "73.16"}, {"severity": 4}, "not_its_source"),
        ({"desk": "73"}, {"severity": 4}, None),
        ({"desk": "hotline", "by_verifier": True}, {"severity": 4}, None),
        # an event that held up a siaga or awas alert
        ({"against_alert": True}, {"severity": 1}, "parent_must_confirm"),
        ({"desk": "73", "against_alert": True}, {}, None),
        ({"by_verifier": True, "against_alert": True}, {}, None),
        # how far a token reaches
        ({"reach": "73"}, {}, None),
        ({"reach": "73.15"}, {"region": "73.15.01"}, None),
        ({"reach": "73.15"}, {"region": "73"}, "out_of_scope"),
        ({"reach": "94", "by_verifier": True}, {}, "out_of_scope"),
        ({"exercise": True}, {}, "other_space"),
        ({"exercise": True}, {"exercise": True}, None),
    ],
)
def test_who_may_say_it(act: dict[str, Any], event_: dict[str, Any], expected: str | None) -> None:
    """The source, its parent, a verifier; each within its region (docs/specification/rules.md#who-may-correct)."""
    assert refusal(member("c", "x", **act), member("x", **event_)) == expected


def test_a_refused_act_changes_nothing_and_is_named() -> None:
    stranger = member("c", "x", at=1, desk="73.16", region="73.16", refuted=True)
    assert verdict([member("x"), stranger]) == (
        {("73.16", "c"): "refuted"},
        {("73.16", "c"): "not_its_source"},
    )


def test_the_parent_confirms_what_the_source_alone_may_not() -> None:
    x, own = member("x", subject=True), member("c", "x", at=1)
    parent = member("p", "x", at=2, desk="73", region="73", refuted=True)
    assert verdict([x, own]) == ({}, {own.name: "parent_must_confirm"})
    assert verdict([x, own, parent]).withdrawn == {x.name: "refuted", parent.name: "refuted"}


def test_what_the_family_sees_of_an_event() -> None:
    plain = event(7, "x")
    assert member_of(plain) == FamilyMember(desk="7315", id="x", region="73.15", reported_at=7, severity=2)
    full = event(7, "c", corrects="x", reported_at=9, verification="refuted", **{"subject.role": "asn"})
    assert member_of(full) == FamilyMember(
        desk="7315", id="c", region="73.15", reported_at=9, names="x", refuted=True, subject=True, severity=2
    )
    assert named_by(event(7, supersedes="y")) == "y"
    assert named_by(event(7, corrects="x", supersedes="y")) == "x"
    assert named_by(event(7, corrects=5)) == ""


def test_every_reason_is_a_label() -> None:
    assert metric_labels.CORRECTIONS_REFUSED == REFUSALS


IDS = st.sampled_from("abcdef")
DESKS = st.sampled_from(["73.15", "73.15", "73.16", "73", "hotline"])
MEMBERS = st.lists(
    st.builds(
        FamilyMember,
        desk=DESKS,
        id=IDS,
        region=st.just("73.15"),
        reported_at=st.integers(0, 3),
        names=st.one_of(st.just(""), IDS, IDS),
        refuted=st.booleans(),
        subject=st.booleans(),
        by_verifier=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.name,
)


@given(members=MEMBERS, data=st.data())
def test_every_order_gives_the_same_verdict(members: list[FamilyMember], data: st.DataObject) -> None:
    """And an event that nobody names and that names nobody changes nothing."""
    bystander = FamilyMember(desk="73.99", id="z", region="73.99", reported_at=0)
    expected = verdict(members)
    assert verdict(data.draw(st.permutations(members))) == expected
    assert verdict([bystander, *members]) == expected


@given(members=MEMBERS)
def test_laws_of_every_family(members: list[FamilyMember]) -> None:
    """Who counts is not refuted by itself; no refused act takes anything out; without acts only the refuted are out."""
    found = verdict(members)
    by_name = {one.name: one for one in members}
    assert found.withdrawn.keys() | found.refused.keys() <= by_name.keys()
    for name in by_name.keys() - found.withdrawn.keys():
        assert not by_name[name].refuted
    without = [
        FamilyMember(
            **{field: getattr(one, field) for field in FamilyMember.__struct_fields__} | {"names": ""}
        )
        if one.name in found.refused
        else one
        for one in members
    ]
    assert verdict(without) == (found.withdrawn, {})
    acts = {one.name for one in members if one.names} - found.refused.keys()
    if not acts:
        assert found.withdrawn == {one.name: "refuted" for one in members if one.refuted}
