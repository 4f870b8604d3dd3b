"""Budgets and turns: how many messages go, when the next one may, and who goes first."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.alert import Notification
from engine.core.alerting.budget import Allowance, Budgets, accounts, allowed_at, kept
from engine.core.alerting.send_order import in_turn, waiting
from engine.core.judging.instant import HOUR, MINUTE

FIVE = Allowance(at_most=5, within=15 * MINUTE)


def message(number=1, **more):
    fields = {
        "id": f"n{number}",
        "alert": "a",
        "kind": "first",
        "person": "sekda",
        "contact": "sekda/sms/1",
        "channel": "sms",
        "cause": "a.1",
        "planned_at": number,
        "level": 3,
        "region": "73.15",
    }
    return Notification(**fields | more)


@pytest.mark.parametrize(
    ("went", "now", "expected"),
    [
        ((), 0, 0),
        ((0, 1, 2, 3), 4, 4),
        ((0, 1, 2, 3, 4), 5, 15 * MINUTE),
        ((0, 1, 2, 3, 4), 15 * MINUTE - 1, 15 * MINUTE),
        ((0, 1, 2, 3, 4), 15 * MINUTE, 15 * MINUTE),
        ((0, 7, 8, 9, 10, 11), 12, 7 + 15 * MINUTE),
    ],
)
def test_one_more_may_go_once_fewer_than_so_many_went_in_the_stretch(went, now, expected):
    """(t - within, t]: a message that went exactly `within` ago counts no more.

    Law: docs/specification/escalation.md#budgets.
    """
    assert allowed_at(went, [FIVE], now) == expected


def test_a_smooth_budget_also_spreads_them_evenly():
    smooth = Allowance(at_most=3, within=10, smooth=True)
    assert allowed_at((100,), [smooth], 101) == 104
    assert allowed_at((100, 104, 108), [smooth], 109) == 112


allowances = st.builds(Allowance, at_most=st.integers(1, 6), within=st.integers(1, 40), smooth=st.booleans())


@given(budget=st.lists(allowances, min_size=1, max_size=3), waits=st.lists(st.integers(0, 12), max_size=60))
def test_no_stretch_ever_holds_more_than_its_budget_and_nothing_waits_longer_than_it_must(budget, waits):
    """Sent at the allowed instant, however the messages come, with only the instants kept that are still needed."""
    now, went, remembered = 0, [], ()
    for wait in waits:
        now += wait
        at = allowed_at(remembered, budget, now)
        assert at == allowed_at(went, budget, now)
        for one in budget:
            assert sum(at - one.within < t <= at for t in went) < one.at_most
        if at > now:
            assert any(
                sum(at - 1 - one.within < t for t in went) >= one.at_most
                or (one.smooth and went and at - 1 < went[-1] + one.within / one.at_most)
                for one in budget
            )
        now = at
        went.append(at)
        remembered = kept((*remembered, at), budget)
        assert len(remembered) <= max(one.at_most for one in budget)


BUDGETS = Budgets(
    person={"sms": (FIVE,)}, region={"sms": (FIVE,)}, gateway={"sms": (Allowance(at_most=10, within=HOUR),)}
)


def test_whose_budgets_a_message_counts_against():
    found = {account.whose: account for account in accounts(BUDGETS, message(region="73.15.03"))}
    assert {whose: account.key for whose, account in found.items()} == {
        "person": "person:sekda/sms",
        "region": "region:73.15/sms",
        "gateway": "gateway:sms",
    }
    assert all(account.holds for account in found.values())
    assert found["gateway"].allowances == (Allowance(at_most=8, within=HOUR),)  # a fifth is kept for awas


def test_awas_is_held_by_nothing_but_the_whole_rate_of_its_gateway():
    found = {account.whose: account for account in accounts(BUDGETS, message(level=4))}
    assert [found[whose].holds for whose in ("person", "region", "gateway")] == [False, False, True]
    assert found["gateway"].allowances == BUDGETS.gateway["sms"]


AWAS = Budgets(awas={"sms": (Allowance(at_most=5, within=10 * MINUTE),)}, awas_digest_every=2 * MINUTE)


def test_what_one_phone_gets_of_awas_concerns_awas_by_sms_alone():
    whose = [account.whose for account in accounts(AWAS, message(level=4), "p")]
    assert whose == ["phone", "phone"]
    for other in ({"level": 3}, {"exercise": True}, {"channel": "email"}, {"kind": "reply"}):
        assert list(accounts(AWAS, message(**{"level": 4} | other), "p")) == []


def test_beyond_five_awas_in_ten_minutes_one_waits_two_minutes_after_the_last():
    single, _ = accounts(AWAS, message(level=4), "p")
    went = (0, 1, 2, 3, MINUTE)
    assert single.held_until(went[:4], 4) is None
    assert single.held_until(went, MINUTE) == 3 * MINUTE
    assert (
        single.held_until(went, 9 * MINUTE) == 9 * MINUTE
    )  # long enough after the last: at once, in a digest
    assert single.held_until(went, 10 * MINUTE) is None


def test_a_digest_of_awas_waits_for_the_digest_before_it_and_for_nothing_else():
    single, digest = accounts(AWAS, message(kind="digest", level=4), "p")
    assert single.held_until((0, 1, 2, 3, 4), 5) is None
    assert digest.held_until((), 5) is None
    assert digest.held_until((5,), 6) == 5 + 2 * MINUTE
    assert (single.counts, digest.counts) == (True, True)


def test_nothing_overtakes_the_digests_of_a_storm_one_by_one():
    single, digest = accounts(AWAS, message(level=4), "p")
    assert (single.counts, digest.counts) == (True, False)
    assert digest.held_until((MINUTE,), 2 * MINUTE) == 3 * MINUTE


def test_a_phone_is_named_as_it_is_given_else_by_its_contact():
    assert [account.key for account in accounts(AWAS, message(level=4), "p")] == [
        "phone:p/sms",
        "phone-digest:p/sms",
    ]
    assert next(accounts(AWAS, message(level=4))).key == "phone:sekda/sms/1/sms"


def test_an_exercise_has_budgets_of_its_own_and_no_reserve():
    found = {account.whose: account for account in accounts(BUDGETS, message(level=4, exercise=True))}
    assert found["person"].key == "exercise:person:sekda/sms"
    assert found["person"].holds
    assert (found["gateway"].key, found["gateway"].allowances[0].at_most) == ("gateway:sms", 8)


def test_a_reply_counts_against_nothing():
    assert list(accounts(BUDGETS, message(kind="reply"))) == []
    assert list(accounts(Budgets(), message())) == []


def order(*messages, served=None):
    return [one.id for one in in_turn(map(waiting, messages), served or {})]


def test_awas_goes_first_then_the_regions_in_turn():
    """However many wait for one regency, the next one's message comes after one of its."""
    storm = [message(n, region="73.15") for n in range(1, 6)]
    others = [message(6, region="73.16"), message(7, region="73.17.02")]
    urgent = message(8, level=4, region="73.15")
    assert order(*storm, *others, urgent) == ["n8", "n1", "n6", "n7", "n2", "n3", "n4", "n5"]


def test_an_exercise_waits_for_everything_real_also_where_it_is_awas():
    drills = [message(1, level=4, exercise=True), message(2, level=2, exercise=True, region="73.16")]
    real = [message(3, level=2), message(4, level=4, region="73.17")]
    assert order(*drills, *real) == ["n4", "n3", "n1", "n2"]
    assert waiting(drills[0]).bundle != waiting(real[0]).bundle  # never in one digest


def test_the_region_served_longest_ago_comes_first():
    """Law: docs/specification/escalation.md#held-messages."""
    messages = [message(1, region="73.15"), message(2, region="73.16"), message(3, region="73.17")]
    assert order(*messages, served={"73.15": 9, "73.16": 3, "73.17": 5}) == ["n2", "n3", "n1"]


def test_inside_a_region_the_higher_level_then_what_was_planned_earlier():
    messages = [message(1, level=2), message(2, level=3), message(3, level=2, planned_at=0)]
    assert order(*messages) == ["n2", "n3", "n1"]


def test_what_was_held_back_gathers_and_what_was_tried_does_not():
    held = message(held="budget")
    assert waiting(held).gathers
    assert not waiting(msgspec.structs.replace(held, state="sending")).gathers
    assert not waiting(message(held="quiet_hours")).gathers
