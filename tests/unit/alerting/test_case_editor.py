"""The working copy of a case: states that stay final, cancelling, and the chain of the history."""

import msgspec
import pytest

from engine.core.alerting.alert import AFTER_CLOSING, FINAL
from engine.core.alerting.case_editor import CaseEditor, chain_digest
from tests.credentials import OPERATOR
from tests.unit.alerting.cases import START, Course, policy, step, target


def draft(terms=None):
    course = Course(terms)
    return CaseEditor(course.alert, course.notifications, course.around, START, OPERATOR)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_stays(state):
    """What is delivered, failed, cancelled or suppressed never waits again."""
    case = draft()
    [notification] = case.notifications
    case.finish(notification, state, "uji")
    case.put(notification)
    assert [(n.state, n.reason, n.due_at) for n in case.notifications] == [(state, "uji", None)]


def test_cancelling_takes_only_what_waits():
    """What is being handed over is asked about by the dispatcher itself."""
    case = draft(policy(step("sekda", "bkpsdm")))
    case.put(msgspec.structs.replace(next(iter(case.notifications)), state="sending"))
    case.cancel("resolved", but=AFTER_CLOSING)
    assert [n.state for n in case.notifications] == ["sending", "cancelled"]


@pytest.mark.parametrize(
    ("spared", "left"),
    [
        ({}, set()),
        ({"person": "sekda"}, {"bkpsdm", "kesbangpol"}),
        ({"informing": False}, {"kesbangpol"}),
        ({"kinds": frozenset(["step"])}, {"sekda", "bkpsdm", "kesbangpol"}),
        ({"but": frozenset(["first"])}, {"sekda", "bkpsdm", "kesbangpol"}),
    ],
)
def test_cancelling_can_spare_kinds_people_and_who_is_only_informed(spared, left):
    """Each narrowing on its own."""
    case = draft(policy(step("sekda", "bkpsdm", inform=(target("kesbangpol"),))))
    case.cancel("uji", **spared)
    assert {n.person for n in case.notifications if n.state == "pending"} == left


def test_a_new_notification_is_listed_in_the_alert_once():
    """Replacing it does not list it again."""
    case = draft()
    [notification] = case.notifications
    case.put(msgspec.structs.replace(notification, state="sending"))
    assert case.alert.notifications == (notification.id,)


def test_each_entry_carries_the_digest_of_the_one_before():
    """Number and head in the alert follow."""
    case = draft()
    before = case.alert
    one, two = case.note("commented", person="x"), case.note("commented", person="y", note="d")
    assert (one.number, one.before, two.before) == (before.history + 1, before.head, one.digest)
    assert (case.alert.history, case.alert.head) == (two.number, two.digest)


@pytest.mark.parametrize(
    "change",
    [
        {"number": 9},
        {"alert": "other"},
        {"name": "answered"},
        {"at": 1},
        {"reason": "x"},
        {"person": "y"},
        {"details": {"note": "e"}},
        {"before": "0"},
    ],
)
def test_the_digest_covers_every_other_field(change):
    """And not itself."""
    entry = draft().note("commented", person="x", note="d")
    assert chain_digest(msgspec.structs.replace(entry, **change)) != entry.digest
    assert chain_digest(msgspec.structs.replace(entry, digest="other")) == entry.digest


def test_a_decision_lists_only_what_changed():
    """Untouched notifications are not written again."""
    case = draft(policy(step("sekda", "bkpsdm")))
    first, second = case.notifications
    case.finish(second, "cancelled", "uji")
    assert [n.id for n in case.decision("uji").notifications] == [second.id]
    assert first.state == "pending"
