"""The answer page: what it offers in each state, what it says after the tap, and that it is light, safe and legible."""

import base64
import hashlib
import re
from html import unescape

import pytest
from hypothesis import given

from engine.core.alerting.alert import Delegation, Taking
from engine.core.alerting.directory import FoundHolder
from engine.core.judging.instant import HOUR
from engine.core.judging.judgement import Impact
from engine.texts.answer_page import STYLES, AnswerPages, PageOutcome
from engine.texts.digest import MOST_ITEMS
from tests.unit.texts.sample import (
    ALERT,
    CATALOGUE,
    CLASH,
    KINDS,
    LATER,
    NOW,
    REGIONS,
    RESOLVED,
    RULE,
    TAKEN,
    TEMPLATES,
    TOLD,
    change,
    notification,
)
from tests.unit.texts.test_render import HOSTILE, Shape

PAGES = AnswerPages(
    CATALOGUE, KINDS, REGIONS, templates=TEMPLATES, duty_desk="Posko Kab. Pinrang, 0421-000000"
)
MINE = change(TAKEN, acknowledged_by="orang-sekda", takings=(change(TAKEN.takings[0], person="orang-sekda"),))
PASSED_ON = change(
    TAKEN, delegations=(Delegation(giver=TAKEN.acknowledged_by, delegate="orang-sekda", entry=9),)
)
BKPSDM = FoundHolder(person="orang-bkpsdm", capacity="holder", role="bkpsdm", region="73.15")
COUNTED = change(ALERT, takings=(Taking(person="orang-sekda", at=LATER, via="link", grade=2),))


def page(alert=ALERT, outcome: PageOutcome | None = None, at: int = LATER, **fields) -> str:
    return PAGES.page(notification(**fields), alert, TOLD, at=at, outcome=outcome)


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)).split())


def buttons(html: str) -> list[str]:
    return [a["value"] for tag, a in Shape(html).tags if tag == "button"]


@pytest.mark.parametrize(
    ("alert", "fields", "expected"),
    [
        (ALERT, {}, ["taken", "declined", "resolved", "seen"]),
        (change(ALERT, seen=("orang-sekda",)), {}, ["taken", "declined", "resolved"]),
        (change(ALERT, seen=("orang-sekda",), declined=("orang-sekda",)), {}, ["taken", "resolved"]),
        (COUNTED, {}, ["resolved", "declined"]),
        (MINE, {}, ["resolved", "declined"]),
        (MINE, {"kind": "reminder"}, ["taken", "resolved", "declined"]),
        (PASSED_ON, {"kind": "delegated"}, ["taken", "declined", "resolved", "seen"]),
        (TAKEN, {}, ["resolved", "seen"]),
        (RESOLVED, {}, []),
        (ALERT, {"role": "kesbangpol", "informing": True}, ["seen"]),
        (change(ALERT, seen=("orang-kesbangpol",)), {"role": "kesbangpol", "informing": True}, []),
    ],
)
def test_only_answers_that_make_a_difference_are_offered(alert, fields: dict, expected: list[str]):
    """The most wanted one first."""
    assert buttons(page(alert, **fields)) == expected


def test_the_form_posts_to_its_own_address():
    """A GET answers nothing, so every button stands in a POST form."""
    forms = [a for tag, a in Shape(page()).tags if tag == "form"]
    assert [(form["method"], "action" in form) for form in forms] == [("post", False)]
    assert all(a["name"] == "says" for tag, a in Shape(page()).tags if tag == "button")


def test_the_page_tells_all_that_the_message_told():
    """What, where, when with zone, why me, why now, who knows, until when, what if not, the procedure, whom to call."""
    said = text(page())
    for part in (
        "SIAGA (tingkat 3 dari 4) Dugaan pelanggaran netralitas ASN berulang Kab. Pinrang Rabu, 27 November 2024",
        "pukul 10.10 WITA",
        "Belum ada yang menangani. Mohon jawab sebelum pukul 10.45 WITA.",
        "Mengapa Anda Anda dihubungi sebagai Sekretaris Daerah Kab. Pinrang.",
        "Mengapa sekarang 3 kejadian dalam 7 hari; ambang 3.",
        "1 dari 3 sudah diverifikasi",
        "Juga dihubungi: Kepala BKPSDM Kab. Pinrang",
        "diteruskan kepada Sekretaris Daerah Provinsi Sulawesi Selatan.",
        "SOP: netralitas asn",
        "Posko Posko Kab. Pinrang, 0421-000000",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("outcome", "alert", "expected"),
    [
        (PageOutcome(reason="taken"), MINE, "Tercatat: Anda menangani peringatan ini. Terima kasih."),
        (PageOutcome(reason="taken_need_not_met"), COUNTED, "Masih menunggu pejabat lain."),
        (
            PageOutcome(reason="also_taken"),
            TAKEN,
            "sudah ditangani oleh Kepala BKPSDM Kab. Pinrang sejak pukul 10.27 WITA",
        ),
        (PageOutcome(reason="renewed"), MINE, "Anda masih menangani peringatan ini."),
        (PageOutcome(reason="seen"), ALERT, "Membaca belum berarti menangani"),
        (PageOutcome(reason="resolved"), RESOLVED, "Tercatat: peringatan ini selesai. Terima kasih."),
        (PageOutcome(reason="sesuatu"), ALERT, "Jawaban Anda tercatat."),
        (PageOutcome(reason="taken", repeated=True), MINE, "Jawaban Anda sudah tercatat sebelumnya"),
        (
            PageOutcome(reason="", refusal="already_resolved"),
            RESOLVED,
            "sudah selesai sejak pukul 13.15 WITA",
        ),
        (PageOutcome(reason="", refusal="not_told"), ALERT, "Peringatan ini tidak ditujukan kepada Anda"),
        (PageOutcome(reason="", refusal="grade_too_low"), ALERT, "jawaban lewat tautan tidak cukup"),
        (PageOutcome(reason="", refusal="lain"), ALERT, "Mohon coba lagi atau hubungi Posko."),
    ],
)
def test_the_page_says_plainly_what_happened(outcome: PageOutcome, alert, expected: str):
    """After every tap, in words."""
    assert expected in text(page(alert, outcome, at=NOW + 3 * HOUR))


def test_without_an_answer_there_is_no_banner():
    """Opening the page is no answer, and the page says so."""
    assert "banner" not in re.sub(r"<style>.*?</style>", "", page(), flags=re.DOTALL)
    assert "Membukanya belum menjawab apa pun." in text(page())


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (ALERT, "Belum ada yang menangani."),
        (TAKEN, "Kepala BKPSDM Kab. Pinrang menangani sejak pukul 10.27 WITA."),
        (MINE, "Anda menangani sejak pukul 10.27 WITA."),
        (RESOLVED, "Selesai sejak pukul 13.15 WITA."),
    ],
)
def test_how_the_matter_stands_is_one_line(alert, expected: str):
    """Before the buttons."""
    assert re.search(r'<p class="status">(.*?)</p>', page(alert)).group(1) == expected


def test_an_exercise_is_called_one_at_the_top():
    """And in the level."""
    said = text(page(change(ALERT, space="exercise")))
    assert said.startswith("LATIHAN SIAGA Kab. Pinrang Ini LATIHAN. Tidak ada kejadian nyata")


def test_pages_are_in_the_persons_language():
    """English where the directory says so."""
    html = page(language="en")
    assert '<html lang="en">' in html
    assert "Please answer before 10:45 WITA." in text(html)


@pytest.mark.parametrize(
    "html", [page(), page(RESOLVED, PageOutcome(reason="resolved")), PAGES.not_found(), PAGES.unavailable()]
)
def test_a_page_is_light_and_takes_nothing_from_elsewhere(html: str):
    """Under 30 kB, no script, no image, no address at all."""
    assert len(html.encode()) < 30_000
    tags = {tag for tag, _ in Shape(html).tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed"}
    assert {a["href"].partition(":")[0] for tag, a in Shape(html).tags if tag == "a"} <= {"tel"}
    assert not any(name.startswith("on") or name == "style" for _, a in Shape(html).tags for name in a)
    assert not re.search(r"url\(|@import|https?:", html)


@pytest.mark.parametrize("html", [page(), PAGES.not_found(), PAGES.unavailable()])
def test_the_policy_allows_the_pages_own_style_and_nothing_else(html: str):
    """The hash is that of the very style in the page."""
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in PAGES.content_security_policy
    assert PAGES.content_security_policy.startswith("default-src 'none';")


def test_a_link_that_leads_nowhere_gets_one_page_without_a_hint():
    """In both languages, since nobody is known."""
    said = text(PAGES.not_found())
    assert "Halaman tidak ditemukan" in said
    assert "Page not found" in said


def test_while_the_store_is_away_a_page_asks_to_come_back_and_says_whom_to_call():
    """In both languages; of an answer nothing is claimed."""
    said = text(PAGES.unavailable())
    assert "Halaman ini sedang tidak dapat dibuka" in said
    assert "This page cannot be opened now" in said
    assert said.count("0421-000000") == 2
    assert "Tercatat:" not in said
    silent = AnswerPages(CATALOGUE, KINDS, REGIONS, templates=TEMPLATES)
    assert "Posko:" not in text(silent.unavailable())


def test_the_page_shows_the_impact_at_the_top_and_no_clock_time_that_is_not_known():
    """Where an official looks first."""
    days = tuple(change(e, time_precision="day", impact=Impact(dead=1)) for e in CLASH.evidence)
    said = text(page(change(CLASH, evidence=days)))
    assert (
        "Rabu, 27 November 2024 (jam belum diketahui) Dampak menurut laporan: 1 meninggal. Belum ada" in said
    )
    assert "12.40" not in said.replace("sebelum pukul 12.40", "")


@given(title=HOSTILE, why=HOSTILE, role=HOSTILE)
def test_hostile_words_stay_words(title: str, why: str, role: str):
    """They add no tag and run nothing."""
    harmless = {tag for tag, _ in Shape(page()).tags}
    html = page(change(ALERT, rule=change(RULE, title=title, why=why, guide=why)), role=role)
    assert {tag for tag, _ in Shape(html).tags} <= harmless
    assert len(html.encode()) < 30_000


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_pair_of_colours_is_legible():
    """WCAG asks 4.5; a phone in sunlight needs more: 7 where text and ground are named together."""
    style = "".join((TEMPLATES / name).read_text() for name in STYLES)
    pairs = re.findall(r"background: (#\w+);(?: border-color: #\w+;)? color: (#\w+)", style)
    assert len(pairs) == 11
    assert min(contrast(*pair) for pair in pairs) >= 7
    quiet = re.search(r"\.quiet {.*?[^-]color: (#\w+)", style).group(1)
    assert contrast(quiet, "#fff") >= 7


def test_buttons_are_large_enough_for_a_thumb():
    """WCAG 2.2 asks 24 px, phones' own guides 48."""
    heights = [int(n) for n in re.findall(r"min-height: (\d+)px", (TEMPLATES / "answer.css").read_text())]
    assert min(heights) >= 48


def test_no_text_is_smaller_than_a_small_phone_in_sunlight_needs():
    """The page's own size is 17 px; nothing is set smaller."""
    style = (TEMPLATES / "answer.css").read_text()
    sizes = re.findall(r"font-size: ([\d.]+)(\w+)", style)
    assert re.search(r"font: 17px/", style)
    assert [size for size in sizes if size[1] != "rem" or float(size[0]) < 1] == []


def test_the_duty_desk_is_called_by_a_tap():
    """Its number alone becomes a link, whatever else the line holds."""
    assert '<a href="tel:0421000000">0421-000000</a>' in page()
    strange = AnswerPages(
        CATALOGUE, KINDS, REGIONS, templates=TEMPLATES, duty_desk="<b>24/7</b> +62 (21) 345 6789 & HT 3"
    )
    html = strange.page(notification(), ALERT, TOLD, at=LATER)
    assert '&lt;b&gt;24/7&lt;/b&gt; <a href="tel:+62213456789">+62 (21) 345 6789</a> &amp; HT 3' in html


ROLE = "r" * 64
WIDE = "\u0950" * 300
"""Longer than any text of a rule may be, in letters of three bytes."""


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_page_at_its_longest_is_under_30_kb(language: str):
    """Everything that grows is as large as it can be: reports, people, offices, words."""
    places = [region for region in REGIONS if region.level == "regency"]
    told = [
        notification(role=ROLE, office=place.code, person=f"orang-{n}", state="sent", language=language)
        for n, place in enumerate(places)
    ]
    reports = tuple(
        change(e, impact=Impact(dead=99_999, injured=99_999, displaced=99_999, tps=99_999, voters=99_999))
        for e in ALERT.evidence * 50
    )
    takings = tuple(Taking(person=f"orang-{n}", at=LATER, via="link", grade=2) for n in range(10))
    people = tuple(f"orang-{n}" for n in range(100, 300))
    alert = change(
        ALERT,
        rule=change(RULE, title=WIDE, short_title=WIDE, why=WIDE * 3, guide=f"https://{WIDE}"),
        evidence=reports,
        evidence_count=150,
        takings=takings,
        seen=people[:100],
        declined=people[100:],
    )
    pages = AnswerPages(CATALOGUE, {}, REGIONS, templates=TEMPLATES, duty_desk=WIDE[:200])
    delegates = [change(BKPSDM, role=f"{ROLE[2:]}{n:02}") for n in range(20)]
    mine = notification(role=ROLE, language=language)
    html = pages.page(
        mine, alert, told, at=LATER, delegates=delegates, outcome=PageOutcome(reason="", refusal="other")
    )
    assert len(html.encode()) < 30_000
    assert len(buttons(html)) == 5


def test_the_page_of_a_digest_at_its_longest_is_under_30_kb():
    """The matters beyond the first dozen have one line each; none is left out."""
    paths = [f"/a/{n:043}" for n in range(MOST_ITEMS)]
    html = PAGES.digest(
        notification("digest"), [(notification(), ALERT, TOLD, path) for path in paths], at=LATER
    )
    assert len(html.encode()) < 30_000
    assert [path for path in paths if f'<a href="{path}">' not in html] == []
    assert f"{MOST_ITEMS}. Kab. Pinrang: 3 dugaan netralitas ASN</a>" in html


def test_the_matter_can_be_passed_on_to_an_office_of_the_region():
    """By its title; the page carries the role and never the id of a person."""
    html = PAGES.page(notification(), ALERT, TOLD, at=LATER, delegates=(BKPSDM,))
    options = [(tag, a["value"]) for tag, a in Shape(html).tags if tag == "option"]
    assert options == [("option", ""), ("option", "bkpsdm")]
    assert buttons(html)[-1] == "delegated"
    assert "orang-bkpsdm" not in html


@pytest.mark.parametrize(("alert", "fields"), [(TAKEN, {}), (RESOLVED, {}), (ALERT, {"informing": True})])
def test_only_who_has_the_matter_passes_it_on(alert, fields):
    """Not what another has, what is over, or what one need only know."""
    html = PAGES.page(notification(**fields), alert, TOLD, at=LATER, delegates=(BKPSDM,))
    assert "<select" not in html


def test_the_taker_is_offered_to_take_it_back():
    """Batal, not Bukan wewenang saya."""
    words = text(page(MINE))
    assert "Batal" in words
    assert "Bukan wewenang saya" not in words
