"""E-mails: their headers and parts; nothing in them that a name, a rule or a summary could break."""

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.alerting.alert import RuleWords
from engine.core.judging.region import Region, RegionTable
from engine.texts.answer_link_token import PLACEHOLDER
from engine.texts.render import KINDS
from notifiers.base import Message
from notifiers.mime import mime_bytes
from tests.unit.texts.sample import (
    ALERT,
    NOW,
    RENDERER,
    RESOLVED,
    RULE,
    TAKEN,
    TOLD,
    change,
    evidence,
    notification,
    renderer,
)

HOSTILE = st.text(max_size=300) | st.sampled_from(
    [
        "x" * 10_000,
        "nama\r\nBcc: semua@desk.example\r\n\r\nisi lain",
        "{{ 7 * 7 }}{% raw %}{{token}}{{ letter.__class__ }}{level}{0.__class__}%(x)s",
        "<script>alert(1)</script><a href='https://jahat.example'>klik</a>",
        '"><img src=x onerror=alert(1)>',
        "\u202emoc.tahaj\u202c\u200b\u0000\u0007😀🚨",
        "=?utf-8?q?jahat?= \x1b[31m",
    ]
)


class Shape(HTMLParser):
    """The tags, their attributes and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def render(kind: str = "first", alert=ALERT, told=TOLD, **fields):
    return RENDERER.render(notification(kind, **fields), alert, told, at=NOW, to="sekda@pinrang.example")


def sent(rendered) -> bytes:
    return mime_bytes(
        Message(
            id="pemberitahuan",
            channel="email",
            to=rendered.to,
            text=rendered.text,
            subject=rendered.subject,
            html=rendered.html,
            date=rendered.date,
            reference=rendered.reference,
            headers=rendered.headers,
        )
    )


def test_the_headers_thread_one_alert_and_stop_automatic_answers():
    """Every message has its own Message-ID and refers to its alert.

    Law: docs/specification/escalation.md#e-mail-threads.
    """
    mail = render()
    assert mail.reference == "<pemberitahuanfirstemail@siaga.example>"
    assert mail.date == "Wed, 27 Nov 2024 10:15:00 +0800"
    assert mail.headers == {
        "From": "Siaga Desk Pilkada <siaga@desk.example>",
        "References": "<abcdefgh23456772@siaga.example>",
        "In-Reply-To": "<abcdefgh23456772@siaga.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Language": "id",
    }


@pytest.mark.parametrize(
    ("kind", "alert", "fields", "expected"),
    [
        ("first", ALERT, {}, "[SIAGA] Kab. Pinrang: Dugaan pelanggaran netralitas ASN berulang"),
        ("first", ALERT, {"informing": True}, "[SIAGA] Untuk diketahui: Kab. Pinrang: Dugaan"),
        ("taken_by", TAKEN, {}, "[SIAGA] Sudah ditangani: Kab. Pinrang: Dugaan"),
        ("resolved", RESOLVED, {}, "[SELESAI] Kab. Pinrang: Dugaan"),
        ("correction", RESOLVED, {}, "[RALAT] Kab. Pinrang: Dugaan"),
        ("first", change(ALERT, space="exercise"), {}, "LATIHAN [SIAGA] Kab. Pinrang: Dugaan"),
    ],
)
def test_subjects_tell_level_place_and_what(kind: str, alert, fields: dict, expected: str):
    """And nothing about a person."""
    assert render(kind, alert, **fields).subject.startswith(expected)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("language", ["id", "en"])
def test_every_message_of_an_exercise_begins_with_latihan(kind: str, language: str):
    """The subject, the text, the page; and the SMS."""
    alert = change(TAKEN, space="exercise", resolved_at=NOW)
    mail = render(kind, alert, language=language)
    assert mail.subject.startswith("LATIHAN ")
    assert mail.text.startswith("LATIHAN ")
    assert re.search(r"<td bgcolor[^>]*>LATIHAN ", mail.html)
    assert render(kind, alert, language=language, channel="sms").text.startswith("LATIHAN ")


@pytest.mark.parametrize("space", ["real", "exercise"])
def test_a_webhook_names_the_space_of_its_alert(space: str):
    """A system that takes over must know what did not really happen; of a digest too."""
    alert = change(ALERT, space=space)
    assert render("first", alert, channel="webhook").headers["space"] == space
    items = [(notification("first", channel="webhook"), alert, ())]
    mail, _ = RENDERER.digest(notification("digest", channel="webhook"), items, at=NOW, to="")
    assert mail.headers["space"] == space


def test_a_kind_that_is_not_about_one_alert_is_not_rendered_here():
    """A digest has many alerts, a reply may have none."""
    with pytest.raises(ValueError, match="digest"):
        render("digest")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_message_is_the_same_each_time(kind: str):
    """Byte for byte, since an attempt may be repeated after a crash."""
    assert sent(render(kind, TAKEN)) == sent(render(kind, TAKEN))


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_no_message_holds_the_id_of_a_person_or_of_an_event(kind: str, language: str, channel: str):
    """Offices only, and what was reported by kind, place and time."""
    alert = change(TAKEN, seen=("orang-kesbangpol",), declined=("orang-lain",), resolved_by="orang-bkpsdm")
    mail = render(kind, alert, language=language, channel=channel)
    whole = f"{mail.subject}{mail.text}{mail.html}{mail.headers}"
    assert "orang-" not in whole
    assert "kejadian-" not in whole


def test_the_page_of_an_email_loads_nothing_and_runs_nothing():
    """Old clients, no images, no style sheet; the only way out is the link."""
    shape = Shape(render().html)
    assert {tag for tag, _ in shape.tags} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "body",
            "table",
            "tr",
            "td",
            "b",
            "ul",
            "li",
            "div",
            "span",
            "br",
            "a",
        )
    }
    assert [a["href"] for tag, a in shape.tags if tag == "a"] == [f"https://siaga.example/a/{PLACEHOLDER}"]
    assert not any("src" in a or "background" in a for _, a in shape.tags)


def test_the_duty_desk_stands_in_notices_where_it_is_known():
    """Whom to call."""
    desk = renderer(duty_desk="Posko Kab. Pinrang\n0421-000000")
    notice = desk.render(notification(), ALERT, TOLD, at=NOW, to="x").text
    assert "POSKO\nPosko Kab. Pinrang 0421-000000\n" in notice
    assert "0421" not in desk.render(notification("taken_by"), TAKEN, TOLD, at=NOW, to="x").text


@given(
    words=st.lists(HOSTILE, min_size=5, max_size=5),
    name=HOSTILE,
    kind_name=HOSTILE,
    role=HOSTILE,
    kind=st.sampled_from(sorted(KINDS)),
    language=st.sampled_from(["id", "en"]),
)
def test_hostile_words_neither_inject_nor_break_an_email(words, name, kind_name, role, kind, language):
    """It stays one mail with its headers, two parts, its own tags, and the token in its places only."""
    rule = RuleWords(
        id=words[0], version=words[1], title=words[2], short_title=words[2], why=words[3], guide=words[4]
    )
    region = Region(
        code="73.15",
        parent="73",
        level="regency",
        name=name or "x",
        short_name=name or "x",
        zone="WITA",
        timezone="Asia/Makassar",
    )
    hostile = renderer(
        regions=RegionTable([region]),
        kinds={"neutrality.asn": {"id": kind_name, "en": kind_name}},
        duty_desk=words[0],
    )
    alert = change(
        ALERT, rule=rule, evidence=(evidence(1, NOW), evidence(2, NOW, kind=words[4], channel=words[3]))
    )
    mine = notification(kind, role=role, language=language)
    mail = hostile.render(mine, alert, TOLD, at=NOW, to="sekda@pinrang.example")
    harmless = hostile.render(mine, change(alert, rule=RULE), TOLD, at=NOW, to="sekda@pinrang.example")

    assert not set(mail.subject) & set("\r\n")
    assert len(mail.subject) <= 150
    assert len(mail.text) < 12_000
    assert mail.text.count(PLACEHOLDER) == 1
    assert mail.html.count(PLACEHOLDER) == 2
    tags = {tag for tag, _ in Shape(mail.html).tags}
    assert tags <= {tag for tag, _ in Shape(harmless.html).tags} | {"div", "ul", "li"}
    parsed = message_from_bytes(sent(mail), policy=policy.default)
    assert sorted(parsed.keys()) == sorted(
        [*mail.headers, "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
    )
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert parsed.get_body(("plain",)).get_content().count(PLACEHOLDER) == 1
