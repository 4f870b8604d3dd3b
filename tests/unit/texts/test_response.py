"""The words that go back: one part, in both languages, the code and never a person."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.judging.region import Region, RegionTable
from engine.gsm7 import parts, septets
from engine.texts.conversation import RecordedAct
from engine.texts.reply_routing import UnusableText
from engine.texts.response import Responses, TextResult
from tests.unit.texts.sample import ALERT, CATALOGUE, REGIONS, RESOLVED, RULE, TAKEN, TOLD, change
from tests.unit.texts.test_render import HOSTILE

RESPONSES = Responses(CATALOGUE, REGIONS)
LANGUAGES = ("id", "en")
RECORDED = (
    *(
        "taken",
        "taken_need_not_met",
        "also_taken",
        "renewed",
        "seen",
        "declined",
        "taker_withdrew",
        "delegated",
    ),
    *("resolved", "escalated_by_hand", "repeated", "something_new"),
)
REFUSED = (
    *("not_told", "grade_too_low", "already_resolved", "already_taken", "conflict_of_interest"),
    *("delegate_unknown", "delegate_conflict_of_interest", "something_new"),
)
LONGEST = RegionTable(
    [
        Region(
            code="73.15",
            parent="73",
            level="regency",
            name="Kabupaten Administrasi Kepulauan Seribu",
            short_name="Kab. Administrasi Kepulauan Seribu",
            zone="WITA",
            timezone="Asia/Makassar",
        )
    ]
)


def became(reason: str, *, refused: bool = False, item: int | None = None, alert=TAKEN) -> TextResult:
    act = RecordedAct(alert=alert.id, code="K7QR", said="taken", item=item)
    return TextResult(act=act, reason=reason, refused=refused, alert=alert, notifications=TOLD)


def said(language: str, *became_: TextResult, unknown=(), regions=REGIONS) -> str:
    return Responses(CATALOGUE, regions).answered(language, became_, unknown)


@pytest.mark.parametrize(
    ("reason", "refused", "indonesian"),
    [
        (
            "taken",
            False,
            "Tercatat K7QR: Anda menangani 3 dugaan netralitas ASN, Kab. Pinrang. Bila beres balas SELESAI K7QR.",
        ),
        (
            "also_taken",
            False,
            (
                "Tercatat K7QR. 3 dugaan netralitas ASN, Kab. Pinrang: ditangani BKPSDM sejak 27/11 pkl 10.27 WITA. "
                "Anda tidak perlu bertindak."
            ),
        ),
        ("seen", False, "Tercatat K7QR: sudah dibaca. Bila Anda menangani balas TERIMA K7QR."),
        (
            "delegate_conflict_of_interest",
            True,
            (
                "Tidak diteruskan K7QR: orang atau jabatan itu tidak dikenal, tidak dapat dihubungi, "
                "atau tidak boleh menerimanya."
            ),
        ),
    ],
)
def test_what_became_of_an_answer(reason, refused, indonesian):
    assert said("id", became(reason, refused=refused)) == indonesian


def test_an_answer_to_a_closed_alert_says_since_when():
    text = said("id", became("already_resolved", refused=True, alert=RESOLVED))
    assert text.startswith("Kode lama K7QR: peringatan itu sudah ditutup 27/11 pkl 13.15 WITA.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_fits_one_part_with_the_longest_names_and_names_the_code(language):
    long = change(TAKEN, space="exercise", rule=change(RULE, short_title="W" * 60))
    for reason, refused in [*product(RECORDED, [False]), *product(REFUSED, [True])]:
        text = said(language, became(reason, refused=refused, alert=long), regions=LONGEST)
        assert parts(text) == 1, (reason, septets(text), text)
        assert text.startswith("LATIHAN ")
        assert "K7QR" in text
        assert "orang-" not in text


def test_an_answer_in_part_names_what_was_recorded_and_what_was_not():
    text = said(
        "id",
        became("taken", item=1),
        became("taken", item=3),
        became("already_resolved", refused=True, item=2),
        unknown=(7,),
    )
    assert text == (
        "K7QR: butir 1, 3 tercatat. Butir 2 tidak dapat dicatat; mohon hubungi Posko. Butir 7 tidak ada."
    )


def test_a_hundred_items_are_still_one_part():
    assert (
        parts(said("id", *(became("taken", item=number) for number in range(100)), unknown=range(200, 300)))
        == 1
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "why", ["help", "which", "which_items", "unknown_items", "old_code", "unknown_code", "nothing_open"]
)
def test_every_refusal_fits_one_part(language, why):
    codes = ("K7QR", "A2AAABE", "B2AB")
    regions = dict.fromkeys(codes, "73.15")
    for listed in (codes, codes[:1], ()):
        if why not in ("which", "which_items", "unknown_items") or listed:
            text = Responses(CATALOGUE, LONGEST).turned(
                language, UnusableText(why=why, codes=listed), regions
            )
            assert parts(text) == 1
            assert "{" not in text


def test_a_question_lists_codes_with_their_places():
    asked = UnusableText(why="which", codes=("K7QR", "A2AA"))
    assert RESPONSES.turned("id", asked, {"K7QR": "73.15", "A2AA": "94.02"}) == (
        "Yang mana? Peringatan terbuka: K7QR (Kab. Pinrang), A2AA (Kab. Puncak Jaya). "
        "Tambahkan kodenya, misalnya TERIMA K7QR."
    )


def test_words_of_the_design_that_officials_are_told():
    def turned(why):
        return RESPONSES.turned("id", UnusableText(why=why), {}).lower()

    assert "kode lama" in turned("old_code")
    assert "kode tidak dikenal" in turned("unknown_code")
    assert "tidak ada peringatan terbuka" in turned("nothing_open")


@pytest.mark.parametrize("language", LANGUAGES)
def test_stopping_is_said_in_one_part(language):
    assert parts(RESPONSES.stopped(language, coded=True)) == 1
    assert parts(RESPONSES.stopped(language, coded=False)) == 1
    assert parts(RESPONSES.locked(language)) == 1


def test_the_open_alert_has_no_taker_to_name():
    assert "K7QR" in said("en", became("taken_need_not_met", alert=ALERT))


@given(
    title=HOSTILE,
    name=HOSTILE,
    role=HOSTILE,
    reason=st.sampled_from([*RECORDED, *REFUSED]),
    refused=st.booleans(),
    language=st.sampled_from(LANGUAGES),
    space=st.sampled_from(["real", "exercise"]),
)
def test_hostile_words_neither_overflow_nor_break_a_reply(
    title, name, role, reason, refused, language, space
):
    """One part of GSM-7 with its code, whatever rule, region and office are called."""
    region = Region(
        code="73.15",
        parent="73",
        level="regency",
        name=name or "x",
        short_name=name or "x",
        zone="WITA",
        timezone="Asia/Makassar",
    )
    alert = change(TAKEN, space=space, rule=change(RULE, short_title=title, title=title or "x"))
    told = tuple(change(n, role=role) for n in TOLD)
    hostile = Responses(CATALOGUE, RegionTable([region]))
    answered = TextResult(
        act=RecordedAct(alert=alert.id, code="K7QR", said="taken"),
        reason=reason,
        refused=refused,
        alert=alert,
        notifications=told,
    )
    asked = UnusableText(why="which", codes=("K7QR", "A2AA"))
    for text in (
        hostile.answered(language, [answered]),
        hostile.turned(language, asked, dict.fromkeys(asked.codes, "73.15")),
    ):
        assert parts(text) == 1
        assert not set(text) & set("\r\n")
    assert hostile.answered(language, [answered]).startswith("LATIHAN ") == (space == "exercise")
