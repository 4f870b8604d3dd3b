"""Ids are derived from their cause: the same cause, the same id; another cause, another id."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.ids import alert_id, derive, notification_id

PARTS = st.lists(st.text(), max_size=4)


@given(PARTS, PARTS)
def test_two_lists_of_parts_have_one_id_exactly_when_they_are_equal(one, other):
    """The lengths of the parts are part of the id, so that no two lists run together."""
    assert (derive(*one) == derive(*other)) == (one == other)


def test_neighbouring_parts_do_not_run_together():
    """`ab, c` is not `a, bc`."""
    assert derive("ab", "c") != derive("a", "bc")


@given(PARTS)
def test_an_id_is_sixteen_characters_that_can_stand_in_any_link(parts):
    """80 bits in lower-case base32."""
    made = derive(*parts)
    assert (len(made), set(made) - set("abcdefghijklmnopqrstuvwxyz234567")) == (16, set())


def test_space_and_ordinal_tell_alerts_of_one_group_apart():
    """An exercise never has the id of a real alert, nor the second alert that of the first.

    Law: docs/specification/trust.md#derived-ids.
    """
    ids = {alert_id("n", space, "r", "g", ordinal) for space in ("real", "exercise") for ordinal in (1, 2)}
    assert len(ids) == 4


def test_a_message_is_told_apart_by_cause_person_contact_and_kind():
    """Each of the four makes another notification."""
    base = ("a.1", "p", "p/sms/1", "first")
    others = [(*base[:i], "x", *base[i + 1 :]) for i in range(4)]
    assert len({notification_id(*parts) for parts in [base, *others]}) == 5
