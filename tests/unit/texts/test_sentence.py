"""What a rule does, in a sentence: the shipped rules word for word, and words for everything a rule can say.

`SIAGA_GOLDEN=write ./run test tests/unit/texts/test_sentence.py` writes the file anew; then read it aloud.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.core.judging.calendar import Active, NamedSpan
from engine.core.judging.condition import (
    Aggregate,
    AllItems,
    AnyItem,
    Bond,
    Change,
    Compare,
    Condition,
    Count,
    Deadline,
    Distinct,
    EveryEvent,
    ExpectedReporters,
    FirstTime,
    Floor,
    Guard,
    NotAllItems,
    PatternPart,
    ReferenceColumn,
    Sequence,
    SequenceStage,
    ShareCondition,
    SilenceCondition,
    Spread,
    Value,
)
from engine.core.judging.filter import AllOf, AnyOf, Limit, Test, Unless
from engine.core.judging.instant import DAY, HOUR, MINUTE
from engine.core.judging.rule import Clear, Exemption, LevelStep, Rule, TellAgain
from engine.documents.calendar import load_calendar
from engine.documents.reference_data import ANYTHING
from engine.documents.rules.rules import load_rules
from engine.texts.rule_sentence import sentence
from tests.unit.texts.sample import CATALOGUE, KINDS, ROOT

GOLDEN = Path(__file__).parent / "sentences.txt"
LANGUAGES = ("id", "en")
CLASH, DEATH = Test("kind", "equals", "conflict.clash"), Test("kind", "equals", "conflict.death")
RULE = Rule(
    id="contoh",
    title="Judul contoh",
    short_title="c",
    owner="o",
    why="w",
    guide="g",
    watch=CLASH,
    per=("regency",),
)
LIMIT = Limit("at_least", 3)
CONDITIONS: dict[str, tuple[Condition, str]] = {
    "every_event": (EveryEvent(), "Setiap kali ada laporan bentrok massa di satu kabupaten/kota"),
    "count": (
        Count(at_least=3, within=7 * DAY),
        "Bila dalam 7 hari ada sedikitnya 3 bentrok massa di satu kabupaten/kota",
    ),
    "distinct": (
        Distinct(of=("incident", "stage"), limit=Limit("at_most", 3), within=DAY),
        (
            "Bila dalam 1 hari ada paling banyak 3 bentrok massa dari kejadian dan tahapan yang berbeda"
            " di satu kabupaten/kota"
        ),
    ),
    "value": (
        Value(field="metrics.tps", limit=LIMIT),
        "Bila menurut laporan terbaru tentang bentrok massa di satu kabupaten/kota jumlah TPS sedikitnya 3",
    ),
    "aggregate": (
        Aggregate(
            function="percentile",
            of="metrics.turnout_pct",
            limit=Limit("below", 40.5),
            within=HOUR,
            p=90,
            min_events=5,
            missing=0,
        ),
        (
            "Bila dalam 1 jam persentil ke-90 dari persentase partisipasi pada bentrok massa di satu kabupaten/kota"
            " kurang dari 40,5 (dari sedikitnya 5 laporan) (laporan tanpa angka dihitung 0)"
        ),
    ),
    "change": (
        Change(of=("stage",), old=("kampanye",), new=("masa_tenang", "pungut"), within=HOUR),
        (
            "Bila tahapan pada bentrok massa di satu kabupaten/kota berubah dari kampanye menjadi masa tenang"
            " atau pungut sejak laporan sebelumnya yang kurang dari 1 jam sebelumnya"
        ),
    ),
    "first_time": (
        FirstTime(of=("subject.unit",), memory=30 * DAY),
        (
            "Bila bentrok massa di satu kabupaten/kota menyebut unit kerja terlapor yang tidak pernah disebut"
            " dalam 30 hari sebelumnya"
        ),
    ),
    "spread": (
        Spread(over="district", at_least=30, within=DAY, children=()),
        "Bila dalam 1 hari ada bentrok massa di sedikitnya 30% kecamatan di satu kabupaten/kota",
    ),
    "rules": (
        Bond(("banjir", "gempa"), Limit("at_least", 3), over="district", within=HOUR),
        (
            "Bila di satu kabupaten/kota ada sedikitnya 3 kecamatan yang berbeda dengan peringatan banjir atau gempa"
            " yang masih terbuka dan dibuka dalam 1 jam terakhir"
        ),
    ),
    "share": (
        ShareCondition(
            part=DEATH,
            whole=AllOf(()),
            limit=Limit("at_least", 20),
            within=DAY,
            floor=Floor(reference=Limit("at_least", 5)),
        ),
        (
            "Bila dalam 1 hari banyaknya laporan bentrok dengan korban jiwa pada bentrok massa"
            " di satu kabupaten/kota sedikitnya 20% dari banyaknya semua laporan,"
            " hanya bila keseluruhannya sedikitnya 5"
        ),
    ),
    "compare": (
        Compare(
            figure="latest",
            of=("metrics.turnout_pct",),
            relation="falls_by",
            number=10,
            within=3 * HOUR,
            reference=ReferenceColumn(name="directory.baseline_turnout"),
            floor=Floor(field="metrics.pct_done", field_limit=Limit("at_least", 50)),
            at=datetime(2024, 11, 27, 11),  # noqa: DTZ001 - local to each region
        ),
        (
            "Bila dalam 3 jam angka terbaru dari persentase partisipasi pada bentrok massa di satu kabupaten/kota"
            " sedikitnya 10 poin lebih rendah daripada partisipasi daerah itu pada pemilihan sebelumnya,"
            " hanya bila persentase selesai pada laporan terbaru sedikitnya 50"
            " (dinilai satu kali, 27 November 2024 pukul 11.00 waktu setempat)"
        ),
    ),
    "sequence": (
        Sequence(
            stages=(
                SequenceStage(
                    parts=(PatternPart(watch=CLASH, times=2),),
                    within=HOUR,
                    guards=(Guard(part=PatternPart(watch=DEATH), within=DAY),),
                ),
                SequenceStage(
                    parts=(
                        PatternPart(watch=DEATH),
                        PatternPart(watch=Test("kind", "equals", "disaster.flood")),
                    ),
                    guards=(Guard(part=PatternPart(watch=CLASH)),),
                ),
            ),
            guards=(
                Guard(part=PatternPart(watch=Test("kind", "equals", "followup.police")), within=2 * HOUR),
            ),
            within=3 * DAY,
        ),
        (
            "Bila di satu kabupaten/kota berturut-turut terjadi dalam 3 hari: (1) tanpa bentrok dengan korban jiwa"
            " selama 1 hari sebelumnya, lalu 2 kali bentrok massa semuanya dalam 1 jam, (2) tanpa bentrok massa,"
            " lalu bentrok dengan korban jiwa atau banjir, tanpa tindak lanjut kepolisian selama 2 jam sesudahnya"
            " (hanya bentrok massa)"
        ),
    ),
    "all_of": (
        AllItems(items=(PatternPart(watch=CLASH), PatternPart(watch=DEATH)), within=DAY),
        (
            "Bila di satu kabupaten/kota semua ini terjadi dalam 1 hari, dalam urutan apa pun: bentrok massa;"
            " bentrok dengan korban jiwa (hanya bentrok massa)"
        ),
    ),
    "any_of": (
        AnyItem(items=(PatternPart(watch=CLASH), PatternPart(watch=DEATH))),
        (
            "Bila di satu kabupaten/kota salah satu dari ini terjadi: bentrok massa; bentrok dengan korban jiwa"
            " (hanya bentrok massa)"
        ),
    ),
    "not_all_of": (
        NotAllItems(items=(PatternPart(watch=CLASH), PatternPart(watch=DEATH)), within=DAY),
        (
            "Bila di satu kabupaten/kota salah satu dari ini terjadi dan 1 hari kemudian belum semuanya terjadi:"
            " bentrok massa; bentrok dengan korban jiwa (hanya bentrok massa)"
        ),
    ),
    "silence": (
        SilenceCondition(length=2 * HOUR, expected=ExpectedReporters(roster="regions")),
        (
            "Bila sebuah kabupaten/kota yang menyelenggarakan pemilihan dan desknya aktif"
            " tidak melaporkan bentrok massa selama 2 jam"
        ),
    ),
    "deadline": (
        Deadline(by=datetime.fromisoformat("2024-11-27T18:00"), expected=ExpectedReporters(roster="pelapor")),
        (
            "Bila pelapor dalam daftar pelapor belum melaporkan bentrok massa"
            " sampai 27 November 2024 pukul 18.00 waktu setempat"
        ),
    ),
}
STAGE = NamedSpan(
    id="masa_tenang",
    since=datetime.fromisoformat("2024-11-24"),
    until=datetime.fromisoformat("2024-11-27"),
)
SAID = {
    *("levels", "by_severity", "watch", "per", "condition", "hold_for", "clear", "keep_open_for"),
    *("start_again", "tell_again", "hide_while", "exemptions", "effective_from", "effective_until", "active"),
}
UNSAID = {
    *("id", "title", "short_title", "owner", "why", "guide", "wait_for_late", "late_horizon"),
    *("escalate", "holds_until", "version", "source"),
}


def said(language: str = "id", **keys: object) -> str:
    return sentence(msgspec.structs.replace(RULE, **keys), CATALOGUE.texts(language), KINDS)


def test_the_shipped_rules_word_for_word():
    """The sentence of every shipped rule, in both languages."""
    calendar = load_calendar(ROOT / "config/calendar.yaml").expect()
    rules = load_rules(ROOT / "rules", msgspec.structs.replace(ANYTHING, calendar=calendar)).expect()
    written = "\n".join(
        f"{rule.id} {language}\n  {sentence(rule, CATALOGUE.texts(language), KINDS)}\n"
        for rule in rules
        for language in LANGUAGES
    )
    if os.environ.get("SIAGA_GOLDEN") == "write":
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8")


def test_every_condition_has_an_example_here():
    """Whoever adds a condition to the language adds its words: without them it is told by the rule's title only."""
    words = {condition.__struct_config__.tag for condition in get_args(Condition)}
    assert words == CONDITIONS.keys()


@pytest.mark.parametrize("word", CONDITIONS)
def test_a_condition_in_words(word: str):
    condition, expected = CONDITIONS[word]
    assert said(condition=condition).partition(", peringatan tingkat")[0] == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", CONDITIONS)
def test_no_condition_is_told_by_the_title_alone(word: str, language: str):
    assert RULE.title not in said(language, condition=CONDITIONS[word][0])


def test_every_key_of_a_rule_is_said_or_left_out_knowingly():
    """A key that is added to rules is put into words, or named here."""
    assert {field.name for field in msgspec.structs.fields(Rule)} == SAID | UNSAID


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"levels": (LevelStep(2), LevelStep(3, LIMIT))}, "WASPADA dibuka; mulai 3 menjadi SIAGA."),
        (
            {"levels": (LevelStep(2), LevelStep(4, Limit("below", 9)))},
            "; bila angkanya kurang dari 9 menjadi AWAS.",
        ),
        ({"by_severity": True}, "dibuka pada tingkat laporan yang terberat (sedikitnya WASPADA)."),
        ({"hold_for": 90 * MINUTE}, " dan tetap demikian selama 1 jam 30 menit, peringatan"),
        ({"clear": Clear("by_hand")}, " Peringatan ditutup oleh orang."),
        ({"clear": Clear("no_longer_true")}, " bila syaratnya tidak terpenuhi lagi."),
        ({"clear": Clear("no_longer_true"), "keep_open_for": HOUR}, " tidak terpenuhi lagi, 1 jam kemudian."),
        ({"clear": Clear("event", event=DEATH)}, " tertutup sendiri bila ada bentrok dengan korban jiwa."),
        ({"clear": Clear("quiet", quiet_for=2 * DAY)}, " tertutup sendiri 2 hari sesudah laporan terakhir."),
        (
            {"clear": Clear("limit", limit=Limit("below", 2))},
            " tertutup sendiri bila angkanya kurang dari 2.",
        ),
        ({"start_again": True}, " hitungan mulai dari awal."),
        ({"tell_again": TellAgain(value_doubles=True)}, " setiap kali angkanya menjadi dua kali lipat."),
        ({"tell_again": TellAgain(every=4 * HOUR)}, " diberi tahu lagi setiap 4 jam."),
        ({"tell_again": TellAgain(every=HOUR, growing_to=12 * HOUR)}, " setelah 1 jam, lalu dengan jeda"),
        (
            {"exemptions": (Exemption(holds=DEATH, keys=(("level", '"awas"'),), reason="Surat 7", level=4),)},
            " Kecuali bentrok dengan korban jiwa: level awas (Surat 7).",
        ),
        ({"hide_while": ("banjir", "gempa")}, " Selama ada peringatan banjir atau gempa di daerah"),
        ({"effective_from": 1_732_665_600_000}, " berlaku sejak Rabu, 27 November 2024 pukul 07.00 WIB."),
        ({"effective_until": 1_732_665_600_000}, " berlaku sampai Rabu, 27 November 2024 pukul 07.00 WIB."),
        (
            {
                "condition": SilenceCondition(
                    length=2 * HOUR, below=3, expected=ExpectedReporters(seen=7 * DAY)
                ),
                "levels": (LevelStep(2), LevelStep(3, Limit("at_least", 4 * HOUR))),
            },
            (
                "Bila sebuah kabupaten/kota yang melapor dalam 7 hari terakhir melaporkan bentrok massa kurang dari"
                " 3 kali selama 2 jam, peringatan tingkat WASPADA dibuka; mulai 4 jam menjadi SIAGA."
            ),
        ),
        (
            {"active": Active(stages=(STAGE,), hours="06:00-22:00 local", days="mon..fri")},
            " hanya menilai pada tahapan masa_tenang, pada hari Senin sampai Jumat, pukul 06.00-22.00 waktu setempat.",
        ),
        (
            {"active": Active(since=STAGE.since, until=1_732_665_600_000, days="sun")},
            " sampai Rabu, 27 November 2024 pukul 07.00 WIB, pada hari Minggu.",
        ),
        ({"per": ("nation",)}, " di seluruh Indonesia, "),
        ({"per": ("province", "subject.role")}, " di satu provinsi dengan jabatan terlapor yang sama, "),
        ({"per": ("metrics.jenis_baru",)}, " dengan jenis baru yang sama, "),
    ],
)
def test_the_other_keys_in_words(keys: dict[str, object], expected: str):
    assert expected in said(**keys)


@pytest.mark.parametrize(
    ("watch", "expected"),
    [
        (AllOf(()), "kejadian apa pun"),
        (Test("kind", "prefix", "neutrality."), "dugaan pelanggaran netralitas"),
        (Test("kind", "prefix", "voting.p"), "pemungutan suara tertunda"),
        (Test("kind", "one_of", ("conflict.clash", "tidak.dikenal")), "bentrok massa atau tidak.dikenal"),
        (
            AllOf(
                (
                    CLASH,
                    Test("severity", "at_least", 2),
                    Unless(Test("stage", "one_of", ("pungut", "hitung"))),
                )
            ),
            "bentrok massa (dengan tingkat keparahan sedikitnya 2, kecuali bila tahapan pungut atau hitung)",
        ),
        (
            AnyOf((CLASH, AllOf((DEATH, Test("exercise", "equals", value=True))))),
            "bentrok massa atau bentrok dengan korban jiwa (dengan latihan ya)",
        ),
        (
            AllOf((CLASH, AnyOf((Test("x", "exists", value=False), AllOf((Test("y", "above", 2), DEATH)))))),
            "bentrok massa (dengan (x tidak disebut atau (y lebih dari 2 dan jenisnya bentrok dengan korban jiwa)))",
        ),
        (
            AllOf((CLASH, Test("z", "matches", "^a"), Test("z", "prefix", "b"))),
            "bentrok massa (dengan z yang cocok dengan pola ^a dan z yang diawali b)",
        ),
    ],
)
def test_what_is_watched_in_words(watch: object, expected: str):
    assert said(watch=watch).startswith(f"Setiap kali ada laporan {expected} di satu kabupaten/kota, ")
