"""What was reported: no invented clock time, what is new after a quiet time, and figures that are never summed."""

import pytest

from engine.core.alerting.alert import Alert
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.judgement import Impact
from engine.texts.event_list import EventList
from engine.texts.localizer import Localizer
from tests.unit.texts.sample import (
    ALERT,
    CATALOGUE,
    CLASH,
    CLASH_AT,
    KINDS,
    NOW,
    REGIONS,
    change,
    evidence,
    instant,
)

NOON = instant("2024-11-27T12:00:00+09:00")
MARCH = instant("2025-03-03T12:00:00+09:00")


def reports(*found, alert: Alert = CLASH, at: int = CLASH_AT, language: str = "id", **fields) -> EventList:
    """The reports of an alert that the first piece of evidence opened."""
    first = found[0].occurred_at if found else alert.happened_at
    fields = {"evidence": found, "evidence_count": len(found), "happened_at": first} | fields
    voice = Localizer(CATALOGUE.texts(language), REGIONS, KINDS, alert.region)
    return EventList(voice, change(alert, **fields), at)


def clash(number: int, at: int, **fields):
    fields = {"kind": "conflict.clash", "region": "94.02", "channel": "polri"} | fields
    return evidence(number, at, **fields)


# --- when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("precision", "full", "short"),
    [
        ("exact", "Rabu, 27 November 2024 pukul 12.00 WIT", "27/11 pkl 12.00 WIT"),
        ("approx", "Rabu, 27 November 2024 sekitar pukul 12.00 WIT", "27/11 sekitar pkl 12.00 WIT"),
        ("day", "Rabu, 27 November 2024 (jam belum diketahui)", "27/11"),
    ],
)
def test_a_clock_time_is_told_only_where_it_is_known(precision: str, full: str, short: str):
    """An event of a day stands at noon for the engine alone."""
    found = reports(clash(1, NOON, time_precision=precision))
    assert (found.moment(), found.short_moment()) == (full, short)


def test_the_item_of_a_day_has_no_clock_time_either():
    """And says why."""
    assert reports(clash(1, NOON, time_precision="day")).newest() == (
        "27/11 (jam belum diketahui), Kab. Puncak Jaya: Bentrok massa (belum diverifikasi; sumber: Polri)",
    )


def test_the_instant_of_several_reports_is_known_as_the_least_of_them():
    """Which of two at noon made the condition true cannot be told: no clock time is claimed."""
    found = reports(clash(1, NOON), clash(2, NOON, time_precision="day"))
    assert found.precision == "day"


def test_the_precision_is_that_of_the_completing_report():
    """Of three, the last; what came before or after says nothing of it."""
    three = (
        clash(1, NOON - DAY, time_precision="day"),
        clash(2, NOON),
        clash(3, NOON + HOUR, time_precision="approx"),
    )
    assert reports(*three, happened_at=NOON).precision == "exact"


def test_where_the_completing_report_is_not_kept_the_least_known_counts():
    """An alert with hundreds of reports must not make up a noon."""
    left = (clash(1, NOON - DAY), clash(2, NOON + HOUR, time_precision="day"))
    assert reports(*left, happened_at=NOON, evidence_count=200).precision == "day"
    assert reports(*left, happened_at=NOON).precision == "exact"


def test_an_alert_without_evidence_has_an_instant_of_its_own():
    """Silence is judged at an exact instant."""
    assert reports().precision == "exact"


# --- what is new --------------------------------------------------------------------------------------------


def test_nothing_is_new_as_long_as_the_opening_is_the_newest():
    """Earlier evidence that came late is not news."""
    found = reports(clash(2, NOON), clash(1, NOON - 9 * DAY))
    assert found.news is None
    assert list(found.what_is_new()) == []


def test_a_further_report_is_told_first():
    """An hour later: no talk of quiet."""
    found = reports(clash(1, NOON), clash(2, NOON + HOUR))
    assert list(found.what_is_new()) == ["Ada kejadian baru: Rabu, 27 November 2024 pukul 13.00 WIT."]
    assert found.moment() == "Rabu, 27 November 2024 pukul 12.00 WIT"


def test_what_comes_after_months_of_quiet_is_the_matter_now():
    """Headline and SMS tell the new event, "why now" how long it was quiet and how it began."""
    found = reports(clash(1, CLASH_AT), clash(2, MARCH, time_precision="day"), at=MARCH)
    assert found.moment() == "kejadian baru Senin, 3 Maret 2025 (jam belum diketahui)"
    assert found.short_moment() == "kejadian baru 03/03"
    assert found.moment(first=True) == "Rabu, 27 November 2024 pukul 12.40 WIT"
    assert found.short_moment(first=True) == "27/11 pkl 12.40 WIT"
    assert list(found.what_is_new()) == [
        "Ada kejadian baru: Senin, 3 Maret 2025 (jam belum diketahui), setelah 96 hari tenang.",
        "Peringatan ini bermula pada Rabu, 27 November 2024 pukul 12.40 WIT.",
    ]
    assert found.newest()[1].startswith("27/11/2024 pkl 12.40 WIT, ")


@pytest.mark.parametrize(("verification", "what"), [("unverified", "dugaan"), ("verified", "kejadian")])
def test_what_is_new_is_alleged_until_it_is_verified(verification: str, what: str):
    """Here as everywhere."""
    later = evidence(2, NOW + 9 * DAY, verification=verification)
    found = reports(evidence(1, NOW), later, alert=ALERT)
    assert found.short_moment() == f"{what} baru 06/12 pkl 10.15 WITA"
    assert next(found.what_is_new()).startswith(f"Ada {what} baru: ")
    assert found.told_again() == f"Anda dihubungi lagi karena ada {what} baru."


def test_a_second_report_after_the_quiet_time_is_still_part_of_what_is_new():
    """An hour after the first new one the old date would mislead again."""
    found = reports(clash(1, CLASH_AT), clash(2, MARCH), clash(3, MARCH + HOUR), at=MARCH + HOUR)
    assert found.moment() == "kejadian baru Senin, 3 Maret 2025 pukul 13.00 WIT"
    assert "setelah 96 hari tenang" in next(found.what_is_new())


@pytest.mark.parametrize(("days", "quiet"), [(1, False), (2, True)])
def test_a_quiet_time_has_a_whole_day_without_a_report(days: int, quiet: bool):
    """A report each day is no quiet, at whatever hour."""
    found = reports(
        clash(1, NOON, time_precision="day"), clash(2, NOON + days * DAY + HOUR, time_precision="day")
    )
    assert (found.news.quiet_days > 0) is quiet


def test_the_window_of_a_rule_must_have_gone_by():
    """Of a rule that counts over 7 days, three days are no quiet time."""
    three, eight = (
        reports(evidence(1, NOW), evidence(2, NOW + days * DAY), alert=ALERT).news for days in (3, 8)
    )
    assert (three.quiet_days, eight.quiet_days) == (0, 8)


def test_a_gap_in_what_is_kept_is_no_quiet_time():
    """Between the first and the newest reports of many, others were left out."""
    kept = (clash(1, NOON), clash(2, NOON + 9 * DAY), clash(3, NOON + 9 * DAY + HOUR))
    assert reports(*kept, evidence_count=200).news.quiet_days == 0
    assert reports(*kept).news.quiet_days == 9


@pytest.mark.parametrize(("precision", "told"), [("exact", 1), ("approx", 1), ("day", 0)])
def test_no_trend_is_drawn_from_hours_that_nobody_knows(precision: str, told: int):
    """A report of a day may lie in either 24 hours."""
    found = reports(
        clash(1, CLASH_AT - DAY + MINUTE, time_precision=precision),
        clash(2, CLASH_AT),
        happened_at=CLASH_AT,
    )
    assert len(list(found.trend())) == told


# --- impact -------------------------------------------------------------------------------------------------


def test_the_impact_of_one_report_is_told_as_reported():
    """The gravest figure first; in the list too."""
    found = reports(clash(1, CLASH_AT, impact=Impact(tps=37, dead=2, injured=94)))
    assert list(found.impact()) == ["Dampak menurut laporan: 2 meninggal, 94 luka, 37 TPS."]
    assert ": Bentrok massa, 2 meninggal, 94 luka, 37 TPS (belum" in found.newest()[0]
    assert found.impact_in_brief() == "2 meninggal, 94 luka"


def test_figures_of_several_reports_are_not_summed():
    """The newest is told as the newest; what others said more of, as theirs (5, then 6, then 7 TPS in Sarmi)."""
    found = reports(
        clash(1, CLASH_AT, impact=Impact(tps=7, injured=2)),
        clash(2, CLASH_AT + HOUR, impact=Impact(tps=6)),
        clash(3, CLASH_AT + 2 * HOUR, impact=Impact(tps=5, voters=2_000)),
        clash(4, CLASH_AT + 3 * HOUR),
    )
    assert list(found.impact()) == [
        "Dampak menurut laporan terbaru, 27/11 pkl 14.40 WIT: 5 TPS, 2.000 pemilih.",
        "Laporan lain menyebut sampai 2 luka, 7 TPS.",
    ]
    assert found.impact_in_brief() == "5 TPS, 2.000 pemilih"


def test_the_newest_report_may_be_the_highest_too():
    """Then nothing else is said; the place is, where it is not that of the alert."""
    found = reports(
        clash(1, CLASH_AT, impact=Impact(dead=1)),
        clash(2, CLASH_AT + HOUR, impact=Impact(dead=4, injured=9), region="94.02.01"),
    )
    assert list(found.impact()) == [
        "Dampak menurut laporan terbaru, 27/11 pkl 13.40 WIT: 4 meninggal, 9 luka."
    ]
    of_province = reports(
        clash(1, CLASH_AT, impact=Impact(dead=1), region="94.01"),
        clash(2, CLASH_AT + HOUR, impact=Impact(dead=1)),
        region="94",
    )
    assert "13.40 WIT, Kab. Puncak Jaya: 1 meninggal." in next(of_province.impact())


def test_a_report_that_nobody_was_hurt_says_so_and_costs_no_sms():
    """Zero is a report, not a lack of one."""
    found = reports(clash(1, CLASH_AT, impact=Impact(dead=0, injured=0)))
    assert list(found.impact()) == ["Dampak menurut laporan: tidak ada korban jiwa, tidak ada korban luka."]
    assert found.impact_in_brief() == ""


def test_a_zero_is_no_higher_figure():
    """Nobody says "up to nobody"."""
    found = reports(
        clash(1, CLASH_AT, impact=Impact(dead=0)), clash(2, CLASH_AT + HOUR, impact=Impact(injured=3))
    )
    assert list(found.impact()) == ["Dampak menurut laporan terbaru, 27/11 pkl 13.40 WIT: 3 luka."]


def test_a_refuted_report_has_no_impact():
    """Nor one without figures."""
    found = reports(clash(1, CLASH_AT, impact=Impact(dead=1), verification="refuted"), clash(2, CLASH_AT))
    assert list(found.impact()) == []
    assert found.impact_in_brief() == ""


def test_figures_in_english():
    """One of a thing is one."""
    found = reports(clash(1, CLASH_AT, impact=Impact(dead=1, voters=1)), language="en")
    assert list(found.impact()) == ["Impact as reported: 1 dead, 1 voter."]


# --- alerts of other rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "items", "new"),
    [
        (
            "id",
            (
                "27/11 pkl 13.00 WIT, Kab. Nabire: peringatan Bentrok massa",
                "27/11 pkl 12.00 WIT, Kab. Puncak Jaya: peringatan Bentrok massa",
            ),
            "Ada peringatan lain baru: Rabu, 27 November 2024 pukul 13.00 WIT.",
        ),
        (
            "en",
            (
                "27/11 13:00 WIT, Kab. Nabire: alert Bentrok massa",
                "27/11 12:00 WIT, Kab. Puncak Jaya: alert Bentrok massa",
            ),
            "A new alert of another rule: Wednesday, 27 November 2024, 13:00 WIT.",
        ),
    ],
)
def test_alerts_of_other_rules_are_listed_by_rule_and_place(language, items, new):
    """They are neither verified nor from a source, and nobody calls them reports."""
    alerts = [
        clash(number, NOON + number * HOUR, region=region, kind="alert:bentrok", title="Bentrok massa")
        for number, region in ((0, "94.02"), (1, "94.01"))
    ]
    told = reports(*alerts, language=language)
    assert told.newest() == items
    assert (list(told.verified()), list(told.trend()), told.what) == ([], [], "alert")
    assert list(told.what_is_new()) == [new]
