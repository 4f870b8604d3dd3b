"""Digests: as many matters as fit, each with its number, and nothing in them that a name or a title could break."""

import re
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.budget import STORM
from engine.core.judging.region import Region, RegionTable
from engine.gsm7 import parts
from engine.texts.answer_link_token import PLACEHOLDER, token_length
from engine.texts.digest import MOST_ITEMS
from engine.texts.render import KINDS
from engine.texts.sms_profile import Profile
from tests.unit.texts.sample import (
    ALERT,
    CLASH,
    NOW,
    RENDERER,
    RULE,
    TOLD,
    change,
    evidence,
    notification,
    renderer,
)
from tests.unit.texts.test_render import HOSTILE, Shape, sent

TWO_WAY = Profile(two_way=True)


def digest(cases, of=RENDERER, channel="sms", language="id", **route):
    mine = notification("digest", channel=channel, language=language)
    return of.digest(mine, cases, at=NOW, to="sekda@pinrang.example", **route)


def matters(number: int, alert=ALERT, kind: str = "first"):
    return [(notification(kind), alert, TOLD) for _ in range(number)]


def test_an_sms_says_how_many_of_the_matters_it_tells():
    """The others go in a further message: who was not told of one must not count as told."""
    rendered, count = digest(matters(9))
    assert 1 < count < 9
    assert rendered.text.startswith(f"SIAGA, {count} hal: 1) Kab. Pinrang ")
    assert f"{count}) Kab. Pinrang" in rendered.text
    assert f"{count + 1}) " not in rendered.text
    _, wider = digest(matters(9), profile=Profile(concat=True))
    assert wider > count


def storm(places: str, kind: str = "first"):
    """A matter of awas in each of these regions, held back by a storm."""
    awas = change(ALERT, level=4)
    return [
        (change(notification(kind), held=STORM), change(awas, region=region), TOLD)
        for region in places.split()
    ]


@pytest.mark.parametrize("route", [{}, {"code": "K7QR", "profile": TWO_WAY}], ids=["link", "code"])
@pytest.mark.parametrize("language", ["id", "en"])
def test_a_storm_is_told_by_count_and_places_in_one_part(route, language):
    """With the numbers by which each is answered; where the words fit they stand there too."""
    few, count = digest(storm("73.15"), language=language, **route)
    assert count == 1
    assert "1) Kab. Pinrang " in few.text
    many, count = digest(storm("73.15 " * 9), language=language, **route)
    assert count == 9
    assert "1-9) Kab. Pinrang." in many.text
    assert many.text.startswith("AWAS, 9 hal: " if language == "id" else "AWAS, 9 matters: ")
    for rendered in (few, many):
        assert parts(rendered.text.replace(PLACEHOLDER, "x" * token_length("sms"))) == 1


def test_places_of_a_storm_that_do_not_fit_come_as_their_provinces_and_then_in_a_further_message():
    regencies = " ".join(f"73.{number:02}" for number in range(1, 60))
    rendered, count = digest(storm(regencies))
    assert count == 59
    assert "1-59) Prov. Sulawesi Selatan." in rendered.text
    provinces = " ".join(f"{number}.01" for number in range(10, 60))
    rendered, count = digest(storm(provinces))
    assert 3 < count < 50
    assert rendered.text.startswith(f"AWAS, {count} hal: 1) ")
    assert parts(rendered.text.replace(PLACEHOLDER, "x" * token_length("sms"))) == 1


def test_what_a_storm_ended_is_told_apart_from_what_it_asks():
    rendered, _ = digest([*storm("73.15 " * 4), *storm("73.15 " * 4, "resolved")])
    assert "1-4) Kab. Pinrang; 5-8) Kab. Pinrang (selesai)." in rendered.text


def test_what_is_alleged_is_marked_in_both():
    """A title that tells it as a fact, until it is verified; what is over needs no mark."""
    text = digest(matters(1, CLASH))[0].text
    assert "Bentrok massa (blm diverifikasi). Jawab:" in text
    verified = change(CLASH, evidence=(change(CLASH.evidence[0], verification="verified"),))
    assert "Bentrok massa. Jawab:" in digest(matters(1, verified))[0].text
    assert "Bentrok massa (selesai). Jawab:" in digest(matters(1, CLASH, "resolved"))[0].text
    assert (
        "Belum ada yang diverifikasi; semuanya masih dugaan."
        in digest(matters(2, CLASH), channel="email")[0].text
    )


def test_a_letter_tells_every_matter_up_to_those_that_an_answer_can_name():
    """Two digits."""
    rendered, count = digest(matters(MOST_ITEMS + 5), channel="email")
    assert count == MOST_ITEMS
    assert re.findall(r"^HAL (\d+)$", rendered.text, re.MULTILINE)[-1] == str(MOST_ITEMS)


@given(
    titles=st.lists(HOSTILE, min_size=1, max_size=6),
    name=HOSTILE,
    role=HOSTILE,
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=6, max_size=6),
    language=st.sampled_from(["id", "en"]),
    space=st.sampled_from(["real", "exercise"]),
    by_code=st.booleans(),
    held=st.sampled_from(["", STORM]),
)
def test_hostile_words_neither_overflow_nor_break_a_digest(
    titles, name, role, kinds, language, space, by_code, held
):
    """One part with its way to answer; one mail with its own tags and one link."""
    region = Region(
        code="73.15",
        parent="73",
        level="regency",
        name=name or "x",
        short_name=name or "x",
        zone="WITA",
        timezone="Asia/Makassar",
    )
    hostile = renderer(regions=RegionTable([region]), kinds={"neutrality.asn": {"id": name, "en": role}})
    cases = [
        (
            change(notification(kind, role=role), held=held),
            change(
                ALERT,
                space=space,
                rule=change(RULE, title=title or "x", short_title=title),
                evidence=(evidence(1, NOW, kind=title),),
            ),
            TOLD,
        )
        for title, kind in zip(titles, kinds, strict=False)
    ]
    route = {"code": "K7QR", "profile": TWO_WAY} if by_code else {}
    sms, count = digest(cases, hostile, language=language, **route)
    travels = sms.text.replace(PLACEHOLDER, "x" * token_length("sms"))
    assert parts(travels) == 1
    assert 1 <= count <= len(cases)
    assert sms.text.count("K7QR" if by_code else PLACEHOLDER) == 1
    assert not set(sms.text) & set("\r\n")
    mail, told = digest(cases, hostile, channel="email", language=language)
    assert told == len(cases)
    assert (mail.text.count(PLACEHOLDER), mail.html.count(PLACEHOLDER)) == (1, 2)
    tags = {tag for tag, _ in Shape(mail.html).tags}
    assert tags <= {tag for tag, _ in Shape(digest(matters(1), channel="email")[0].html).tags}
    parsed = message_from_bytes(sent(mail), policy=policy.default)
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert mail.text.startswith("LATIHAN ") == (space == "exercise")
