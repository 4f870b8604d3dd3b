"""Sheets of reports: what each cell may be, what is said of a mistake, and that no row is lost or sent twice."""

import csv
import io
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.event_fields import FAULTS as OF_THE_DOOR
from engine.documents.kinds import load_kinds
from engine.documents.reference_data import FIELDS
from engine.documents.regions import load_regions
from engine.documents.sheets.cell import (
    ClockTime,
    Unreadable,
    clock_time_of,
    code_text,
    day_of,
    number_of,
    whole_of,
)
from engine.documents.sheets.event_columns import COLUMNS, FAULTS, CellFault, folded, headings
from engine.documents.sheets.event_sheet import EventSheets, template, to_correct
from engine.documents.sheets.sheet import NotASheet, read_sheet
from engine.intake.event_schema import REFUSALS
from tests.unit.documents.workbook import DATE, TIME, filled

ROOT = Path(__file__).parents[3]
SHEETS = EventSheets(load_regions(ROOT / "config/regions.csv"), load_kinds(ROOT / "config/kinds.yaml"))
HEAD = "Daerah;Tanggal;Jam;Jenis;Tingkat;Ringkasan;Luka;Partisipasi (%)\n"
GOOD = "73.15;27/11/2024;08.10;Bentrok massa;siaga;Dorong-dorongan;12;\n"


def rows_of(text: str, desk: str = "73"):
    return SHEETS.read(read_sheet(text.encode()), desk=desk)


def test_a_row_becomes_an_event():
    (row,) = rows_of(HEAD + GOOD)
    document = dict(row.document)
    assert document.pop("id").startswith("r-")
    assert document == {
        "region": "73.15",
        "occurred_at": "2024-11-27T08:10:00+08:00",
        "kind": "conflict.clash",
        "severity": 3,
        "summary": "Dorong-dorongan",
        "metrics": {"injured": 12},
        "source": {"desk": "73", "channel": "desk"},
    }


def test_a_workbook_says_the_same_as_a_csv():
    (of_csv,) = rows_of(HEAD + GOOD)
    book = filled(
        [
            HEAD.strip().split(";"),
            [73.15, (DATE, 45623), (TIME, 0.34027777), "conflict.clash", 3.0, "Dorong-dorongan", 12.0, ""],
        ]
    )
    (of_book,) = SHEETS.read(read_sheet(book), desk="73")
    assert of_book.document == of_csv.document


def test_a_row_without_a_time_of_day_says_so():
    (row,) = rows_of(HEAD + GOOD.replace("08.10", ""))
    assert (row.document["occurred_at"], row.document["time_precision"]) == (
        "2024-11-27T12:00:00+08:00",
        "day",
    )


def test_each_mistake_names_its_row_and_column_and_what_to_write_instead():
    first, second = rows_of(HEAD + "Bima;kemarin;25.00;bentrok masa;xyz;;dua;\n;;;;;;;1\n")
    assert [(fault.column, fault.code) for fault in first.faults] == [
        ("Daerah", "region_name_unknown"),
        ("Tanggal", "not_a_date"),
        ("Jam", "not_a_time"),
        ("Jenis", "word_unknown"),
        ("Tingkat", "word_unknown"),
        ("Luka", "not_a_number"),
    ]
    said = [fault.said("id") for fault in first.faults]
    assert said[0] == "Daerah: daerah `Bima` tidak dikenal -> pilihannya: Kab. Bima, Kota Bima"
    assert said[3] == "Jenis: `bentrok masa` tidak dikenal -> mungkin maksud Anda `bentrok massa`?"
    assert said[4] == "Tingkat: `xyz` tidak dikenal -> pilihannya: normal, waspada, siaga, awas"
    assert (
        first.faults[5].said("en")
        == "Luka: `dua` is not a number -> write a number only, such as 12 or 68.16"
    )
    assert [(fault.column, fault.code) for fault in second.faults] == [
        (heading, "cell_empty") for heading in ("Daerah", "Tanggal", "Jenis", "Tingkat")
    ]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("73.15", "73.15"),
        ("Kab. Pinrang", "73.15"),
        ("KABUPATEN PINRANG", "73.15"),
        ("pinrang", "73.15"),
        ("Kota Bima", "52.72"),
        ("Sulawesi Selatan", "73"),
        ("Provinsi Sulawesi Selatan", "73"),
        ("7315", "7315"),
    ],
)
def test_regions_are_written_as_people_do(written: str, code: str):
    (row,) = rows_of(HEAD + GOOD.replace("73.15", written))
    assert row.document["region"] == code


def test_the_same_file_again_brings_the_same_ids_and_equal_rows_are_named():
    first, again = rows_of(HEAD + GOOD), rows_of(HEAD + GOOD.replace("27/11/2024", "27 November 2024"))
    assert first[0].document == again[0].document
    one, two = rows_of(HEAD + GOOD + GOOD)
    assert one.document is not None
    assert [fault.code for fault in two.faults] == ["same_row"]


def test_a_number_of_its_own_stands():
    (row,) = rows_of("Nomor laporan;Daerah;Tanggal;Jenis;Tingkat\n17/XI;73.15;27/11/2024;banjir;2\n")
    assert row.document["id"] == "17/XI"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Daerah;Tanggl;Jenis;Tingkat\n1;2;3;4", "heading_unknown"),
        ("Daerah;;Jenis\n1;2;3", "heading_empty"),
        ("Daerah;Wilayah\n1;2", "heading_twice"),
        ("Daerah;Tanggal;Jenis\n1;2;3", "heading_missing"),
        (HEAD, "nothing_in_it"),
    ],
)
def test_wrong_headings_are_said_of_the_whole_file(text: str, reason: str):
    with pytest.raises(NotASheet) as wrong:
        rows_of(text)
    assert wrong.value.reason == reason
    assert CellFault(code=reason, facts=wrong.value.facts).said("id")


def test_what_is_to_be_corrected_comes_back_as_a_sheet_and_goes_in_once_corrected():
    sheet = read_sheet((HEAD + GOOD + GOOD.replace("siaga", "xyz")).encode())
    rows = SHEETS.read(sheet, desk="73")
    handed_back = to_correct(sheet, [row for row in rows if row.faults])
    assert (
        handed_back.decode("utf-8-sig").splitlines()[1].endswith("pilihannya: normal, waspada, siaga, awas")
    )
    (corrected,) = SHEETS.read(read_sheet(handed_back.replace(b"xyz", b"awas", 1)), desk="73")
    assert corrected.document["severity"] == 4


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_template_is_a_sheet_of_all_columns(language):
    sheet = read_sheet(template(language))
    assert sheet.headings == headings(language)
    with pytest.raises(NotASheet) as wrong:
        SHEETS.read(sheet, desk="73")
    assert wrong.value.reason == "nothing_in_it"


def test_every_field_of_an_event_has_a_column_and_every_word_means_one_value():
    columns = {column.field for column in COLUMNS}
    others = {
        "region_scheme",
        "time_precision",
        "confidence",
        "supersedes",
        "subject.pseudonym",
        "details_ref",
    }
    assert set(FIELDS) - columns == others | {"exercise", "source.token"}
    for column in COLUMNS:
        values = {str(value) for value in column.words}
        expected = (
            {"1", "2", "3", "4"}
            if column.field == "severity"
            else set(FIELDS.get(column.field, FIELDS["id"]).texts)
        )
        assert values == expected or not column.words
        words = [folded(word) for several in column.words.values() for word in several]
        assert len(words) == len(set(words))
    named = [folded(name) for column in COLUMNS for name in {column.id, column.en, *column.also}]
    assert sorted(name for name in set(named) if named.count(name) > 1) == []


def test_the_page_for_desks_tells_every_column():
    page = (ROOT / "docs/desk.md").read_text()
    told = [f"| {column.id} | `{column.field}` | {column.note['id']} |" for column in COLUMNS]
    assert [line for line in told if line not in page] == []


def test_every_text_has_both_languages_and_what_to_write_instead():
    """A comma without quotes would make a further key of the rest of a sentence."""
    read = yaml.safe_load((ROOT / "engine/documents/sheets/event_columns.yaml").read_text())
    texts = [*read["faults"].values(), *(column["note"] for column in read["columns"])]
    assert [text for text in texts if set(text) != {"id", "en"}] == []
    assert [
        code for code, text in read["faults"].items() for said in text.values() if said.count(" -> ") != 1
    ] == []


def test_every_fault_of_the_door_has_words_for_people():
    assert {*OF_THE_DOOR, *REFUSALS} - FAULTS == set()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("12", 12),
        ("12.696", 12696),
        ("1.234.567", 1234567),
        ("1.234,5", 1234.5),
        ("1,234,567.5", 1234567.5),
        ("68,16", 68.16),
        ("68.16", 68.16),
        ("68,16 %", 68.16),
        ("0.125", 0.125),
        ("-3", -3),
        (68.0, 68),
        (1.5, 1.5),
    ],
)
def test_numbers(written, number):
    assert number_of(written) == number


@pytest.mark.parametrize(
    "written", ["1,234", "dua", "1.2.3", "", True, float("nan"), float("inf"), "१२", "1e5"]
)
def test_what_is_no_number_or_could_be_two(written):
    with pytest.raises(Unreadable):
        number_of(written)


def test_a_whole_number_has_no_decimals():
    with pytest.raises(Unreadable, match="not_whole"):
        whole_of("1,5")


@pytest.mark.parametrize(
    "written",
    [
        "27/11/2024",
        "27-11-2024",
        "27.11.2024",
        "2024-11-27",
        "27 November 2024",
        "27 Nop 2024",
        "Rabu, 27 November 2024",
        date(2024, 11, 27),
        datetime(2024, 11, 27, tzinfo=UTC),
    ],
)
def test_dates(written):
    assert day_of(written) == (date(2024, 11, 27), None)


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("08.10", ClockTime(time(8, 10))),
        ("pukul 8:10 WITA", ClockTime(time(8, 10), "WITA")),
        (time(8, 10), ClockTime(time(8, 10))),
        (0.3402777, ClockTime(time(8, 10))),
        (timedelta(hours=8, minutes=10), ClockTime(time(8, 10))),
    ],
)
def test_times(written, when):
    assert clock_time_of(written) == when


def test_a_spreadsheet_that_took_a_code_for_a_number_is_understood():
    assert [code_text(cell) for cell in (73.1, 73.15, 9.4, 73.0, "73.10")] == [
        "73.10",
        "73.15",
        "09.40",
        "73",
        "73.10",
    ]


CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "73.15",
            "Bima",
            "27/11/2024",
            "31/02/2024",
            "0/0/0000",
            "08.10",
            "banjir",
            "siaga",
            "1.234",
            "9" * 16,
        ]
    ),
)


@given(st.lists(st.lists(CELLS, min_size=8, max_size=8), min_size=1, max_size=5))
def test_any_row_becomes_an_event_or_says_what_is_wrong(rows):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows([HEAD.strip().split(";"), *rows])
    try:
        found = rows_of(text.getvalue())
    except NotASheet:
        return
    for row in found:
        assert (row.document is None) == bool(row.faults)
        assert all(fault.code in FAULTS and fault.said("id") and fault.said("en") for fault in row.faults)


@given(
    st.one_of(
        st.text(), st.floats(), st.integers(), st.booleans(), st.datetimes(), st.times(), st.timedeltas()
    )
)
def test_any_cell_is_read_or_unreadable(cell):
    for read in (day_of, clock_time_of, number_of, whole_of):
        with suppress(Unreadable):
            read(cell)
    code_text(cell)


def test_a_fault_is_said_on_a_line_and_in_sentences():
    fault = CellFault(code="word_unknown", column="kind", facts={"text": "x", "best": "banjir"})
    assert fault.said("id") == "kind: `x` tidak dikenal -> mungkin maksud Anda `banjir`?"
    assert fault.sentences("id") == "Jenis: `x` tidak dikenal. Mungkin maksud Anda `banjir`?"
    assert CellFault(code="new_code").sentences("en") == "new_code."
    assert fault.sentences("en") == "Kind: `x` is not known. Did you mean `banjir`?"
