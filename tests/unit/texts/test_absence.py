"""What is said of an alert because something did not come, in both languages."""

from __future__ import annotations

import pytest

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.texts.alert_text import AlertText
from tests.unit.texts.sample import ALERT, NOW, RULE, change, notification
from tests.unit.texts.sample import teller as tell

SILENCE = change(
    ALERT,
    rule=change(RULE, condition="silence", within=None, title="Desk tidak melapor", why=""),
    happened_at=NOW - 10 * MINUTE,
    evidence=(),
    evidence_count=0,
    figure=2.0 * HOUR,
    limit=2.0 * HOUR,
    window=(NOW - 2 * HOUR - 10 * MINUTE, NOW - 10 * MINUTE),
)
DEADLINE = change(
    SILENCE, rule=change(SILENCE.rule, condition="deadline"), window=None, figure=None, limit=None
)


def teller(alert: Alert, language: str = "id", at: int = NOW) -> AlertText:
    return tell(notification(language=language), alert, told=(), at=at)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("id", "Tidak ada laporan sejak pukul 08.05 WITA (2 jam 10 menit); batas 2 jam."),
        ("en", "No report since 08:05 WITA (2 hours 10 minutes); the limit is 2 hours."),
    ],
)
def test_a_silence_is_told_by_when_it_began(language: str, expected: str):
    assert list(teller(SILENCE, language).why_now()) == [expected]


def test_a_silence_that_lasts_is_told_as_it_is_now():
    later = change(SILENCE, figure=26.0 * HOUR)
    (said,) = teller(later, at=NOW + DAY).why_now()
    assert said == (
        "Tidak ada laporan sejak Rabu, 27 November 2024 pukul 08.05 WITA (1 hari 2 jam 10 menit); batas 2 jam."
    )


def test_too_few_reports_are_counted():
    few = change(SILENCE, evidence=ALERT.evidence[-1:], evidence_count=1, happened_at=NOW)
    assert next(iter(teller(few).why_now())).startswith("Hanya 1 kejadian sejak pukul 08.05 WITA (")


def test_the_first_line_says_since_when():
    assert teller(SILENCE).headline() == (
        "SIAGA: Desk tidak melapor, Kab. Pinrang, sejak Rabu, 27 November 2024 pukul 08.05 WITA"
    )


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("id", "Tidak ada laporan sampai batas waktu, Rabu, 27 November 2024 pukul 10.05 WITA."),
        ("en", "No report by the deadline, Wednesday, 27 November 2024, 10:05 WITA."),
    ],
)
def test_a_deadline_is_told_by_itself(language: str, expected: str):
    assert list(teller(DEADLINE, language).why_now()) == [expected]


@pytest.mark.parametrize("alert", [SILENCE, DEADLINE])
def test_nothing_is_listed_and_that_is_said(alert):
    reported = teller(alert).reported()
    assert (reported.lines, reported.items) == (
        ("Tidak ada; peringatan ini tentang laporan yang tidak datang.",),
        (),
    )
