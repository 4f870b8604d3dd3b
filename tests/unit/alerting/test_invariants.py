"""The two balances, and the proof of a history: what is lost or touched is found."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.alert import HistoryEntry
from engine.core.alerting.case_editor import chain_digest
from engine.core.alerting.invariants import broken_link, unaccounted_alerts, unaccounted_notifications
from tests.unit.alerting.cases import CONTENTS, Course, policy, says, step, without


def lost(course, planned=None, **changes):
    alert = msgspec.structs.replace(course.alert, **changes)
    planned = {alert.id} if planned is None else planned
    return unaccounted_alerts([alert], planned, course.notifications.values())


def test_an_open_alert_is_accounted_for_by_its_due_instant():
    """In the schedule, and with an instant; either alone is not enough."""
    course = Course()
    assert (lost(course), lost(course, planned=set()), lost(course, wake_at=None)) == (
        set(),
        {course.alert.id},
        {course.alert.id},
    )


def test_a_taker_or_what_hides_it_holds_an_alert():
    """An acknowledgement without end needs no due instant; without taker it is nobody's."""
    course = Course().until(1)
    course.do(says("sekda", "taken"))
    assert lost(course, planned=set()) == set()
    assert lost(course, planned=set(), takings=()) == {course.alert.id}
    assert lost(course, planned=set(), takings=(), hidden="rule") == set()


def test_an_exhausted_alert_needs_an_unreachable_or_the_reason_nobody():
    """Somebody is called, or it is written that nobody is."""
    called = Course(policy(step())).until(1)
    nobody = Course(policy(step()), without(*(p.id for p in CONTENTS.people))).until(1)
    assert (lost(called, planned=set()), lost(nobody, planned=set())) == (set(), set())
    assert lost(nobody, planned=set(), nobody=False) == {nobody.alert.id}


def test_a_resolved_alert_is_settled():
    """Whatever else it carries."""
    assert lost(Course(), planned=set(), status="resolved", wake_at=None) == set()


@pytest.mark.parametrize("state", ["pending", "sending", "sent", "failed", "cancelled", "suppressed"])
@pytest.mark.parametrize(("planned", "held"), [(True, ""), (False, "budget"), (False, "")])
def test_a_notification_is_due_held_or_settled(state, planned, held):
    """Only one that waits without schedule and without reason is lost."""
    [notice] = Course().notifications.values()
    notice = msgspec.structs.replace(notice, state=state, held=held)
    found = unaccounted_notifications([notice], {notice.id} if planned else set())
    assert found == ({notice.id} if state in ("pending", "sending") and not planned and not held else set())


def life():
    """The history of an alert that was told, taken, expired, told again and closed."""
    course = Course().until(1)
    course.do(says("sekda", "taken"))
    course.until(800)
    course.do(says("sekda", "resolved"))
    return tuple(course.history), course.alert.head


ENTRIES, HEAD = life()
PLACES = st.integers(0, len(ENTRIES) - 1)


def test_a_history_that_nobody_touched_is_whole():
    """Up to the head; an empty one too."""
    assert (broken_link(ENTRIES, HEAD), broken_link((), "")) == (None, None)


@given(PLACES, st.data())
def test_one_flipped_byte_is_found(place, data):
    """In the stored bytes of any entry: it cannot be read any more, or its link is the first broken one."""
    encoded = bytearray(msgspec.json.encode(ENTRIES[place]))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        touched = msgspec.json.decode(bytes(encoded), type=HistoryEntry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert broken_link((*ENTRIES[:place], touched, *ENTRIES[place + 1 :]), HEAD) == place + 1


@given(PLACES)
def test_a_removed_entry_is_found(place):
    """Also the last one, by the head."""
    assert broken_link(ENTRIES[:place] + ENTRIES[place + 1 :], HEAD) == place + 1


@given(PLACES)
def test_a_forged_entry_with_a_good_digest_of_its_own_is_found(place):
    """The next entry, or the head, still names the digest of the true one."""
    forged = msgspec.structs.replace(ENTRIES[place], person="somebody else")
    forged = msgspec.structs.replace(forged, digest=chain_digest(forged))
    assert broken_link((*ENTRIES[:place], forged, *ENTRIES[place + 1 :]), HEAD) == place + 2


@given(PLACES, st.booleans())
def test_an_inserted_entry_is_found(place, end):
    """A copy of any entry at any place, and one at the end with a good digest of its own."""
    at = len(ENTRIES) if end else place
    inserted = (*ENTRIES[:at], ENTRIES[place], *ENTRIES[at:])
    assert broken_link(inserted, HEAD) == (at + 2 if at == place else at + 1)


@given(PLACES, PLACES)
def test_two_entries_in_the_wrong_order_are_found(one, other):
    """The first that is out of place is named."""
    entries = list(ENTRIES)
    entries[one], entries[other] = entries[other], entries[one]
    assert broken_link(entries, HEAD) == (None if one == other else min(one, other) + 1)


def test_another_head_is_found_behind_the_last_entry():
    """The alert says more happened than the log has."""
    assert broken_link(ENTRIES, "0" * 32) == len(ENTRIES) + 1
