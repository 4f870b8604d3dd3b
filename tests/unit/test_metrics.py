"""Metrics are declared once, start at zero and stay bounded, and their label values are those of the values counted."""

from typing import get_args

import pytest

from engine import metric_labels
from engine.core.alerting import alert, command
from engine.core.alerting.delivery import REASONS
from engine.core.judging.rule import LEVEL_NAMES
from engine.metrics import Metrics
from notifiers.base import Reason


def samples(counted: Metrics, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


class Entry:
    def __init__(self, name: str, reason: str = "", **details):
        self.id, self.name, self.reason, self.details = f"alert.{name}", name, reason, details


class Told:
    def __init__(self, state: str, reason: str = "", cause: str = "", channel: str = "sms"):
        self.state, self.reason, self.cause, self.channel = state, reason, cause, channel


class Decided:
    def __init__(self, *history: Entry, notifications: tuple[Told, ...] = ()):
        self.history, self.notifications = history, notifications
        self.alert = type(
            "Alert", (), {"exercise": False, "level": 3, "rule": type("Rule", (), {"id": "netralitas"})}
        )


def test_label_values_are_those_of_the_values_that_are_counted():
    """The metrics cannot import what stands above them; this keeps the lists equal."""
    assert metric_labels.LEVELS == LEVEL_NAMES
    assert set(metric_labels.STATES) == set(get_args(alert.NotificationState))
    assert set(metric_labels.STATES["failed"]) == {*get_args(Reason), *REASONS, metric_labels.OTHER}
    assert get_args(command.Says) == metric_labels.SAYS
    assert get_args(command.Via) == metric_labels.VIA


def test_names_begin_with_siaga_and_every_child_starts_at_zero():
    """But for what is about the process and its software, which is as it is from the start."""
    for family in Metrics().registry.collect():
        assert family.name.startswith(("siaga_", "process_"))
        assert family.documentation
        if family.name != "siaga_build" and family.name.startswith("siaga_"):
            assert [sample for sample in family.samples if sample.value != 0] == []


def test_two_processes_share_nothing():
    first, second = Metrics(), Metrics()
    first.events("accepted", 3)
    assert samples(first, "siaga_events_total")[("accepted",)] == 3
    assert samples(second, "siaga_events_total")[("accepted",)] == 0


def test_a_quarantined_event_counts_by_result_and_by_reason():
    counted = Metrics()
    counted.quarantined("ahead")
    counted.rejected("not_json")
    assert samples(counted, "siaga_events_total") == {
        ("accepted",): 0,
        ("duplicate",): 0,
        ("quarantined",): 1,
        ("rejected",): 1,
    }
    assert samples(counted, "siaga_events_quarantined_total")[("ahead",)] == 1
    assert samples(counted, "siaga_events_rejected_total")[("not_json",)] == 1


@pytest.mark.parametrize("made_up", ["", "no such reason", "081100000001"])
def test_values_outside_the_lists_are_counted_as_other(made_up: str):
    """No text from outside can become a label."""
    counted = Metrics()
    counted.quarantined(made_up)
    counted.rejected(made_up)
    counted.flagged(made_up)
    counted.answer("taken", made_up, "recorded")
    counted.notification(Told("failed", made_up))
    counted.decided(Decided(Entry("opened"), Entry("step_started", step=21), Entry("resolved", made_up)))
    everything = str(list(counted.registry.collect()))
    assert not made_up or made_up not in everything
    assert samples(counted, "siaga_events_quarantined_total")[("other",)] == 1
    assert samples(counted, "siaga_answers_total")[("other", "other", "other")] == 1
    assert samples(counted, "siaga_notifications_total")[("other", "other", "other")] == 1
    assert samples(counted, "siaga_steps_started_total")[("other",)] == 1


def test_the_names_of_writes_are_bounded():
    counted = Metrics()
    for number in range(1_000):
        counted.commit(f"write_{number}", "committed")
    assert len(samples(counted, "siaga_commits_total")) <= metric_labels.MOST_WRITES * 3
    assert sum(samples(counted, "siaga_commits_total").values()) == 1_000


def test_a_decision_counts_openings_steps_and_what_it_planned():
    counted = Metrics()
    counted.know_rules(["netralitas"])
    first = Told("pending", cause="alert.step_started")
    older = Told("pending", cause="alert.earlier")
    counted.decided(
        Decided(
            Entry("opened"),
            Entry("step_started", step=1),
            Entry("step_skipped"),
            Entry("exhausted"),
            notifications=(first, older, Told("cancelled", "taken")),
        )
    )
    assert samples(counted, "siaga_alerts_opened_total")[("netralitas", "siaga")] == 1
    assert samples(counted, "siaga_steps_started_total")[("1",)] == 1
    assert samples(counted, "siaga_steps_skipped_total")[()] == 1
    assert samples(counted, "siaga_alerts_exhausted_total")[()] == 1
    notifications = samples(counted, "siaga_notifications_total")
    assert notifications[("sms", "pending", "")] == 1
    assert notifications[("sms", "cancelled", "taken")] == 1


def test_an_opening_of_a_rule_that_is_not_in_force_is_counted_as_other():
    counted = Metrics()
    counted.know_rules(["another"])
    counted.decided(Decided(Entry("opened")))
    assert samples(counted, "siaga_alerts_opened_total")[("other", "siaga")] == 1


def test_a_level_without_alerts_falls_back_to_zero():
    counted = Metrics()
    counted.alerts_now({"awas": 2}, {"awas": 90.0})
    counted.alerts_now({"siaga": 1}, {})
    assert samples(counted, "siaga_alerts_open") == {
        ("normal",): 0,
        ("waspada",): 0,
        ("siaga",): 1,
        ("awas",): 0,
    }
    assert set(samples(counted, "siaga_alerts_oldest_unacknowledged_seconds").values()) == {0.0}


def test_a_scrape_asks_a_loop_for_its_age():
    counted = Metrics()
    ages = iter([1.5, 7.0, 7.0])
    counted.watch_loop("evaluator", lambda: next(ages), 30.0)
    assert samples(counted, "siaga_loop_age_seconds")[("evaluator",)] == 1.5
    assert samples(counted, "siaga_loop_age_seconds")[("evaluator",)] == 7.0
    bounds = samples(counted, "siaga_loop_bound_seconds")
    assert (bounds[("evaluator",)], bounds[("auditor",)]) == (30.0, 0.0)
