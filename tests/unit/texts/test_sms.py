"""SMS: one part of 160 septets, whatever it has to say, and the link whole."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.instant import DAY, MINUTE
from engine.core.judging.judgement import Impact
from engine.core.judging.region import Region, RegionTable
from engine.gsm7 import parts
from engine.texts.answer_link_token import PLACEHOLDER
from engine.texts.sms import length
from tests.unit.texts.sample import (
    ALERT,
    NOW,
    POLICY,
    REGIONS,
    RENDERER,
    RULE,
    TOLD,
    change,
    evidence,
    notification,
    renderer,
)

KINDS = (
    "first",
    "step",
    "taken_by",
    "reminder",
    "expiry",
    "reopened",
    "delegated",
    "unreachable",
    "resolved",
    "correction",
)
LINK = f"siaga.example/a/{PLACEHOLDER}"
FORTY = "Pemungutan suara ulang di empat puluh a."


def text(
    kind: str = "first", alert=ALERT, at: int = NOW, base_url: str = "https://siaga.example", **fields
) -> str:
    mine = notification(kind, channel="sms", **fields)
    return renderer(base_url).render(mine, alert, TOLD, at=at, to="+6281100000000").text


def test_the_first_notice_says_level_place_what_when_whom_and_by_when():
    """All that a Sekda at 02.50 needs, and the link (docs/specification/escalation.md#deadline-in-a-message)."""
    assert text() == (
        "SIAGA Desk Pilkada, Kab. Pinrang: 3 dugaan netralitas ASN, 27/11 pkl 10.10 WITA. Yth. Sekda, mohon jawab "
        f"sebelum 10.45 WITA: {LINK}"
    )


def test_what_is_told_as_a_fact_is_marked_until_it_is_verified():
    """Where the words themselves do not say dugaan."""
    unrest = change(ALERT, rule=change(RULE, short_title="Kericuhan massa"))
    assert "Kericuhan massa (blm diverifikasi), " in text(alert=unrest)
    verified = change(unrest, evidence=(evidence(1, NOW, verification="verified"),))
    assert "Kericuhan massa, " in text(alert=verified)


def test_the_first_line_of_awas_says_the_impact_as_reported():
    """The gravest figures; a lower level has no room for them."""
    hurt = (evidence(1, NOW - 5 * MINUTE, impact=Impact(dead=2, injured=94, tps=37)),)
    alert = change(ALERT, level=4, evidence=hurt, evidence_count=1)
    assert text(alert=alert) == (
        "AWAS Kab. Pinrang: 3 dugaan netralitas ASN, dilaporkan 2 meninggal, 94 luka, 27/11 pkl 10.10 WITA. "
        f"Yth. Sekda, jawab sblm 10.45: {LINK}"
    )
    assert "94" not in text(alert=change(alert, level=3))


def test_an_impact_that_does_not_fit_gives_way_to_the_deadline():
    """What to do by when outranks how bad it is; the page tells that."""
    hurt = (evidence(1, NOW - 5 * MINUTE, impact=Impact(dead=1_234, injured=12_345)),)
    rule = change(RULE, short_title=FORTY)
    told = text(alert=change(ALERT, level=4, evidence=hurt, evidence_count=1, rule=rule, region="71.09"))
    assert "dilaporkan" not in told
    assert "10.45" in told


def test_a_day_is_told_without_a_clock_time_and_the_deadline_keeps_its_zone():
    """Also where the deadline is told in short, since no other clock time says the zone then."""
    days = tuple(change(e, time_precision="day") for e in ALERT.evidence)
    for host in ("siaga", "s" * 40, "s" * 55):
        told = text(alert=change(ALERT, evidence=days), base_url=f"https://{host}.example")
        assert "netralitas ASN, 27/11. " in told
        assert re.search(r"(sebelum|sblm) 10\.45 WITA", told)
        assert "10.10" not in told


def test_an_event_after_a_quiet_time_is_told_as_new():
    """And not under the date of months ago."""
    later = evidence(4, NOW + 90 * DAY, time_precision="approx")
    alert = change(ALERT, evidence=(*ALERT.evidence, later), evidence_count=4)
    told = text("step", alert=alert, at=NOW + 90 * DAY)
    assert "dugaan baru 25/02 sekitar pkl 10.15 WITA" in told
    assert "27/11" not in told
    assert "27/11 pkl 10.10 WITA" in text("correction", alert=alert, at=NOW + 90 * DAY)


def test_an_acting_holder_is_addressed_as_such():
    """Also in short."""
    assert "Yth. Pj. Bupati, mohon" in text(role="kepala_daerah", status="pj")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("kind", ["first", "step"])
def test_every_region_fits_one_part_with_the_longest_short_title(kind: str, language: str):
    """Of an exercise too, with time, deadline and link whole."""
    alert = change(ALERT, rule=change(RULE, short_title=FORTY), level=2, space="exercise")
    assert len(FORTY) == 40
    for region in REGIONS:
        at_region = change(alert, region=region.code)
        told = text(kind, at_region, language=language, role="asisten_pem", office="00")
        assert length(told) <= 160, region.name
        assert told.startswith("LATIHAN WASPADA "), region.name
        assert told.endswith(LINK), region.name
        assert f"{FORTY}, 27/11 " in told, region.name
        assert re.search(r" (sebelum|sblm|before|by) \d\d[.:]45", told), region.name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_kind_fits_one_part_in_the_longest_region(kind: str, language: str):
    """With the place and what happened named."""
    alert = change(ALERT, region="71.09", rule=change(RULE, short_title=FORTY))
    told = text(kind, alert, language=language)
    assert parts(told.replace(PLACEHOLDER, "x" * 12)) == 1
    assert "Kab. Kep. Siau Tagulandang Biaro: Pemungutan suara ulang" in told


def test_the_deadline_has_its_date_on_another_day():
    """Or a Sekda would think of today."""
    run = change(ALERT.runs[0], ends_at=NOW + DAY)
    assert "sebelum 28/11 10.15 WITA" in text(alert=change(ALERT, runs=(run,)))


def test_a_passed_deadline_becomes_at_once():
    """A message that was held back."""
    assert "mohon jawab segera: " in text(at=NOW + 45 * MINUTE)


def test_who_is_informed_is_asked_nothing():
    """And still gets the link."""
    told = text(role="kesbangpol", informing=True)
    assert "untuk diketahui: " in told
    assert "jawab" not in told


def test_a_delegation_that_comes_back_says_so():
    """The giver has it again."""
    assert "Penerusan Anda ditolak" in text("delegated", returned=True)
    assert "Diteruskan kepada Anda" in text("delegated")


def test_the_scheme_is_left_out_and_any_base_address_kept():
    """Operators strip it; a port or a path stays."""
    assert text(base_url="http://127.0.0.1:8080").endswith(f" 127.0.0.1:8080/a/{PLACEHOLDER}")


def test_a_long_address_takes_room_from_the_rest_in_a_fixed_order():
    """First courtesy, then the deadline, the time, what happened, the place; at last the link stands alone."""
    alert = change(ALERT, rule=change(RULE, short_title=FORTY))
    told = [text(alert=alert, base_url=f"https://{'s' * extra}.example") for extra in range(5, 150)]
    first_without = {
        name: next(number for number, one in enumerate(told) if part not in one)
        for name, part in {
            "courtesy": "Yth.",
            "deadline": "10.45",
            "time": "27/11",
            "what": FORTY,
            "place": "Kab. Pinrang",
            "level": "SIAGA",
        }.items()
    }
    assert list(first_without.values()) == sorted(first_without.values())
    assert len(set(first_without.values())) == len(first_without)


@given(
    title=st.text(max_size=300) | st.just("😀" * 10_000) | st.just("{{token}}{level}{0}%s\n\r\u202e"),
    name=st.text(min_size=1, max_size=200),
    role=st.text(max_size=50),
    host=st.text(st.sampled_from("abcdefghijklmnop-"), min_size=1, max_size=120),
    kind=st.sampled_from(KINDS),
    language=st.sampled_from(["id", "en"]),
    space=st.sampled_from(["real", "exercise"]),
)
def test_hostile_words_neither_overflow_nor_break_an_sms(title, name, role, host, kind, language, space):
    """One line of one part, with the link whole or not there at all, and never a second placeholder."""
    region = Region(
        code="73.15",
        parent="73",
        level="regency",
        name=name,
        short_name=name,
        zone="WITA",
        timezone="Asia/Makassar",
    )
    alert = change(ALERT, rule=change(RULE, short_title=title, title=title), space=space, policy=POLICY)
    mine = notification(kind, channel="sms", language=language, role=role)
    base_url = f"https://{host}.example"
    told = renderer(base_url, regions=RegionTable([region])).render(mine, alert, TOLD, at=NOW, to="x").text
    assert parts(told.replace(PLACEHOLDER, "x" * 12)) == 1
    assert "\n" not in told
    assert "\r" not in told
    assert told.count(PLACEHOLDER) <= 1
    assert (
        told.count("/a/" + PLACEHOLDER)
        == told.count(f"{host}.example/a/{PLACEHOLDER}")
        == told.count(PLACEHOLDER)
    )
    if kind in ("first", "step", "delegated", "unreachable", "reminder", "expiry"):
        assert told.endswith(f"{host}.example/a/{PLACEHOLDER}")


def test_an_sms_has_no_subject_and_no_headers():
    """Only an address, a text and its date."""
    rendered = RENDERER.render(notification(channel="sms"), ALERT, TOLD, at=NOW, to="+6281100000000")
    assert (rendered.to, rendered.date) == ("+6281100000000", "Wed, 27 Nov 2024 10:15:00 +0800")
    assert (rendered.subject, rendered.html, rendered.reference, rendered.headers) == ("", "", "", {})
