"""The story of an alert and the fate of its messages, in words; nobody's id but a user's slips into them."""

import re

import msgspec
import pytest

from engine.core.alerting.alert import HistoryEntry
from engine.core.judging.instant import MINUTE
from engine.metric_labels import CHANNELS, STATES
from engine.texts.alert_text import AlertText, CaseText
from engine.texts.console.alert_story import story
from engine.texts.console.deliveries import deliveries
from engine.texts.console.event_table import reports
from engine.texts.localizer import Localizer
from engine.web.console.page_renderer import console_catalogue
from tests.unit.texts.sample import ALERT, CATALOGUE, KINDS, NOW, REGIONS, TEMPLATES, notification
from tests.unit.web.test_console_texts import TEXTS

NAMES = (
    *(
        "opened",
        "hidden",
        "shown",
        "joined",
        "level_rose",
    ),
    *(
        "step_started",
        "step_skipped",
        "step_declined",
        "step_unreachable",
        "recipient_passed_over",
    ),
    *(
        "conflict_of_interest",
        "notified",
        "fallback",
        "answered",
        "answer_refused",
    ),
    *(
        "also_taken",
        "acknowledged",
        "reminded",
        "expired",
        "delegated",
    ),
    *(
        "returned",
        "escalated_by_hand",
        "silenced",
        "silence_ended",
        "commented",
    ),
    *(
        "exhausted",
        "resolved",
        "corrected",
        "called",
        "redated",
    ),
    *(
        "restarted",
        "reload_kept",
    ),
)
"""docs/specification/escalation.md#history."""
TOLD = (
    notification(state="sent", person="orang-sekda"),
    msgspec.structs.replace(
        notification(role="bkpsdm", person="orang-bkpsdm", state="failed", reason="bounced"), id="lain"
    ),
)


def teller(language: str = "id", told=TOLD) -> AlertText:
    texts = console_catalogue(CATALOGUE, TEMPLATES).texts(language)
    voice = Localizer(texts, REGIONS, KINDS, ALERT.region)
    return AlertText(voice, CaseText(notification=TOLD[0], alert=ALERT, notifications=told, at=NOW))


def entry(number: int, name: str, at: int = NOW, **fields) -> HistoryEntry:
    return HistoryEntry(alert=ALERT.id, number=number, name=name, at=at, **fields)


def told(*entries: HistoryEntry, **notes: str) -> list[str]:
    return [line.text for line in happened(*entries, **notes)]


def happened(*entries: HistoryEntry, language: str = "id", labels=None, **notes: str):
    """Return the story behind its first line, which tells of the reports."""
    reported, *lines = story(entries, teller(language), notes, labels)
    assert reported.tone == "reported"
    return lines


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("name", NAMES)
def test_every_entry_of_a_history_has_words(name, language):
    (line,) = happened(entry(1, name, person="orang-sekda"), language=language)
    assert f"console.story.{name}" in TEXTS
    assert "orang-" not in line.text
    assert not re.search(r"[{}]|console\.", line.text)


def test_answers_say_who_how_and_who_entered_it():
    lines = told(
        entry(1, "answered", reason="taken", person="orang-sekda", details={"via": "link"}),
        entry(
            2,
            "answered",
            reason="declined",
            person="orang-bkpsdm",
            details={"via": "proxy", "operator": "piket"},
        ),
        entry(3, "answered", reason="resolved", person="piket", details={"via": "console"}),
    )
    assert lines == [
        "Sekretaris Daerah Kab. Pinrang menerima (tautan)",
        "Kepala BKPSDM Kab. Pinrang: bukan wewenangnya (lewat petugas) (dicatat oleh piket)",
        "pengguna piket menyatakan selesai (konsol)",
    ]


def test_each_line_says_by_which_credential_it_was_done():
    """In words: whose link, whose text, which user or token, which part of Siaga; of several entries each once."""
    message = TOLD[0]
    lines = happened(
        entry(1, "opened", by="service:evaluator"),
        entry(2, "answered", reason="seen", person="orang-sekda", by=f"link:{message.id}"),
        entry(3, "answered", reason="taken", person="orang-sekda", by=f"phone:{message.contact}"),
        entry(
            4,
            "answered",
            reason="resolved",
            person="orang-sekda",
            by="token:t1",
            details={"via": "proxy", "operator": "t1"},
        ),
        entry(5, "notified", person="orang-sekda", by="service:dispatcher"),
        entry(6, "notified", person="orang-bkpsdm", by="gateway:kannel"),
        entry(7, "commented", person="piket"),
        labels={"t1": "Posko"},
    )
    assert [line.who for line in lines] == [
        "Siaga (penilaian)",
        "tautan yang dikirim kepada Sekretaris Daerah Kab. Pinrang",
        "SMS dari Sekretaris Daerah Kab. Pinrang",
        "token Posko (t1)",
        "Siaga (pengiriman), gerbang kannel",
        "tidak tercatat",
    ]
    assert lines[3].text.endswith("(dicatat oleh token Posko (t1))")


def test_a_note_stands_beside_its_entry_for_who_may_read_it():
    commented = entry(1, "commented", person="piket", details={"note": "digest"})
    (seen,) = happened(commented, digest="Sudah ke lokasi")
    (unseen,) = happened(commented)
    assert (seen.note, unseen.note) == ("Sudah ke lokasi", "")


def test_messages_of_one_minute_are_one_line_with_each_of_them_below():
    many = [
        entry(n, "notified", person=f"orang-{role}", details={"kind": "first", "channel": "sms"})
        for n, role in enumerate(("sekda", "bkpsdm"), start=1)
    ]
    later = entry(
        3, "notified", NOW + MINUTE, person="orang-sekda", details={"kind": "step", "channel": "email"}
    )
    first, second = happened(*many, later)
    assert first.text == "2 pesan diterima gerbang"
    assert first.more[0] == "Pemberitahuan kepada Sekretaris Daerah Kab. Pinrang lewat SMS: diterima gerbang"
    assert (
        second.text
        == "Pemberitahuan ulang kepada Sekretaris Daerah Kab. Pinrang lewat surel: diterima gerbang"
    )


def test_who_was_passed_over_is_named_by_office_with_the_reason():
    passed = entry(1, "recipient_passed_over", reason="away", details={"role": "sekda", "region": "73.15"})
    assert told(passed) == ["Sekretaris Daerah Kab. Pinrang dilewati: sedang tidak di tempat"]


def test_an_entry_of_a_later_version_is_named_and_not_left_out():
    assert told(entry(1, "teleported")) == ["Catatan: teleported"]


def test_each_person_is_told_once_in_the_table_with_all_ways():
    by_sms = notification(state="delivered", person="orang-sekda", channel="sms")
    rows = deliveries(teller(told=(*TOLD, by_sms)))
    assert [(row.office, [(way.channel, way.state, way.why) for way in row.ways]) for row in rows] == [
        ("Kepala BKPSDM Kab. Pinrang", [("surel", "Gagal", "surel kembali")]),
        ("Sekretaris Daerah Kab. Pinrang", [("surel", "Terkirim", ""), ("SMS", "Sampai", "")]),
    ]


def test_every_state_channel_and_reason_has_words():
    wanted = {f"console.state.{state}" for state in STATES} | {f"console.channel.{one}" for one in CHANNELS}
    wanted |= {f"console.reason.{reason}" for reasons in STATES.values() for reason in reasons if reason}
    assert wanted - TEXTS.keys() == set()


def test_the_table_of_reports_has_the_newest_first_and_no_id_of_an_event():
    rows = reports(teller())
    assert [row.source for row in rows] == ["media", "Bawaslu", "aduan masyarakat"]
    assert [row.verification for row in rows] == [
        "belum diverifikasi",
        "sudah diverifikasi",
        "belum diverifikasi",
    ]
    assert "kejadian-" not in str(rows)


def test_the_story_begins_with_what_was_reported():
    (line,) = story([], teller(), {})
    assert (line.text, len(line.more)) == ("3 laporan masuk", 3)
    assert line.more[-1].startswith("Dugaan pelanggaran netralitas ASN, Kab. Pinrang, 27/11")


def test_a_report_that_joined_is_told_once():
    joined = entry(1, "joined", details={"desk": "73.15", "event": "kejadian-3"})
    assert [line.text for line in story([joined], teller(), {})] == [
        "2 laporan masuk",
        "Laporan baru dari desk 73.15",
    ]
