"""The report on the situation: at 06.00 and 18.00 of its region, once, with numbers that agree with the metrics."""

import pytest
from pydantic import ValidationError

from engine.core.alerting.alert import Notification
from engine.core.alerting.situation import STATES
from engine.core.judging.instant import HOUR, MINUTE, parse_instant
from engine.operations.situation_report import SITUATIONS
from engine.records.alert_repository import NOTIFICATIONS
from engine.settings import Settings
from engine.settings_sections import SituationSection
from engine.store.codec import decode
from engine.store.port import Plan, Write
from tests.acceptance.web.conftest import START

EVENING, _ = parse_instant("2024-11-27T18:00:00+08:00")
JAKARTA, _ = parse_instant("2024-11-27T18:00:00+07:00")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The posko of the nation, of each province, and one office that nobody holds."""
    to = ("posko_nasional@nation", "posko@province", "ops@73.15")
    return settings.model_copy(update={"situation": settings.situation.model_copy(update={"to": to})})


async def letters(api) -> list[Notification]:
    found = [decode(r.value, Notification) for r in (await api.siaga.store.scan(NOTIFICATIONS)).values()]
    return sorted((n for n in found if n.kind == "situation"), key=lambda n: (n.planned_at, n.region))


def metric(api, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in api.siaga.metrics.registry.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def test_each_office_gets_it_at_its_own_evening_and_morning_once(api):
    await api.siaga.advance(JAKARTA + 13 * HOUR)
    told = [(n.region, n.planned_at, n.state) for n in await letters(api)]
    papua, sulawesi, nation = (("94", JAKARTA - 2 * HOUR), ("73", EVENING), ("00", JAKARTA))
    evening = [(region, at, "sent") for region, at in (papua, sulawesi, nation)]
    assert told == [*evening, *[(region, at + 12 * HOUR, "sent") for region, at, _ in evening]]
    await api.siaga.situations.turn()
    assert len(await letters(api)) == 6


async def test_an_office_that_nobody_holds_holds_nothing_up(api):
    await api.siaga.advance(EVENING + HOUR)
    planned = await api.siaga.store.planned(SITUATIONS)
    assert planned["ops|73.15"] == EVENING + 12 * HOUR


async def test_a_report_that_was_planned_before_a_crash_is_not_planned_twice(api):
    """The plan of the next report is in the same write; somebody may put the old one back all the same."""
    await api.siaga.advance(EVENING)
    (first,) = [n for n in await letters(api) if n.region == "73"]
    await api.siaga.store.write(Write(name="situation", plans=(Plan(SITUATIONS, "posko|73", EVENING),)))
    await api.siaga.advance(EVENING + MINUTE)
    (again,) = [n for n in await letters(api) if n.region == "73"]
    assert again == first


async def test_what_was_missed_is_told_once_of_the_last_instant(api):
    await api.siaga.advance(START)
    api.siaga.clock.set(EVENING + 40 * HOUR)  # nobody was there for three reports
    await api.siaga.situations.turn()
    (letter,) = [n for n in await letters(api) if n.region == "73"]
    assert "Jumat, 29 November 2024 pukul 06.00 WITA" in letter.rendered.text


async def test_its_numbers_are_those_of_the_metrics_of_the_same_span(api):
    """What was planned is in exactly one state, and each event in exactly one region.

    Law: docs/specification/escalation.md#situation-report.
    """
    headers = await api.bearer()
    events = [api.event(id="E1"), api.event(id="E2", region="73.15"), api.event(id="E3", severity=9)]
    events += [
        api.event(id="E1"),
        api.event(id="E4", kind="conflict.death", region="73.15", metrics={"dead": 1}),
    ]
    await api.client.post("/v1/events", json=events, headers=headers)
    await api.siaga.advance(START + 40 * MINUTE)
    alert = (await api.siaga.desk.alerts())[0]
    (_, link), *_ = await api.links(alert.id)
    await api.client.post(link, data={"says": "taken"})
    await api.siaga.advance(JAKARTA - MINUTE)
    found = await api.siaga.situations.at("00", JAKARTA)
    assert found.period.since < START
    assert sum(found.events.values()) == metric(api, "siaga_events_total", result="accepted") == 3
    assert (
        (found.aside.new, found.aside.waiting) == (1, 1) == (metric(api, "siaga_events_quarantined_total"), 1)
    )
    assert metric(api, "siaga_events_total", result="duplicate") == 1
    assert set(found.messages) <= set(STATES)
    assert found.planned == sum(found.messages[state] for state in STATES)
    reports = len(await letters(api))  # messages too, of no alert: the metrics count them, a report does not
    assert found.planned + reports == metric(api, "siaga_notifications_total", state="pending", reason="")
    for state in ("delivered", "failed", "cancelled", "suppressed"):
        assert found.messages[state] == metric(api, "siaga_notifications_total", state=state), state
    assert found.messages["sent"] + reports == metric(api, "siaga_notifications_total", state="sent")
    assert found.messages["sent"] > 0
    assert found.opened == metric(api, "siaga_alerts_opened_total")
    assert found.resolved == metric(api, "siaga_alerts_resolved_total")
    assert len(found.open) == found.opened - found.resolved
    evenings = {"73": EVENING, "94": JAKARTA - 2 * HOUR}
    by_province = [await api.siaga.situations.at(code, at) for code, at in evenings.items()]
    assert (
        sum(part.opened for part in by_province) + sum(a.region == "00" for a in found.open) == found.opened
    )
    assert sum(sum(part.events.values()) for part in by_province) == 3


async def test_the_letter_is_one_page_and_says_who_waits(api):
    await api.open_alert()
    await api.siaga.advance(EVENING)
    (letter,) = [n for n in await letters(api) if n.region == "94"]
    text = letter.rendered.text
    assert letter.rendered.subject == "Laporan situasi Provinsi Papua Tengah, 27/11 pkl 18.00 WIT"
    assert "Kab. Puncak Jaya: " in text
    assert "AWAS, Kab. Puncak Jaya: " in text
    assert "Tanda audit" in text
    assert "Yohanes" not in text + letter.rendered.html
    assert len(text.splitlines()) < 70
    sent = (await api.siaga.store.get(NOTIFICATIONS, [letter.id]))[0]
    assert decode(sent.value, Notification).state == "sent"


async def test_the_report_is_a_page_too_within_the_users_region(api):
    await api.sign_in("read", region="73")
    page = await api.client.get("/console/report")
    assert "LAPORAN SITUASI: Provinsi Sulawesi Selatan, Rabu, 27 November 2024 pukul 11.00 WITA" in page.text
    assert "Kab. Pinrang, Rabu" in (await api.client.get("/console/report?region=73.15")).text
    assert (await api.client.get("/console/report?region=94")).status_code == 403
    assert (await api.client.get("/console/report?region=99")).status_code == 404


def test_offices_are_written_as_role_and_place():
    assert SituationSection(to="posko@73, sekda@province").to == ("posko@73", "sekda@province")
    for wrong in ("posko", "posko@everywhere", "Posko@73", "posko@7"):
        with pytest.raises(ValidationError, match="write posko_nasional@nation"):
            SituationSection(to=[wrong])
