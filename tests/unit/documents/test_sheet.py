"""Files that somebody uploads: what they hold, and that whatever they are nothing but `NotASheet` comes of it."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.documents.sheets.event_columns import FAULTS
from engine.documents.sheets.sheet import (
    LARGEST_BYTES,
    LARGEST_UNPACKED,
    LAST_ROW,
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_PARTS,
    MOST_ROWS,
    NotASheet,
    Sheet,
    read_sheet,
)
from tests.unit.documents.workbook import DATE, TIME, filled, packed, parts, workbook


def refused(data: bytes) -> str:
    with pytest.raises(NotASheet) as wrong:
        read_sheet(data)
    assert wrong.value.reason in FAULTS
    return wrong.value.reason


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_as_spreadsheets_save_it(delimiter: str, encoding: str):
    text = f'Daerah{delimiter}Jenis\r\n\r\n73.15{delimiter}"Banjir é\r\nbesar"\r\n'
    sheet = read_sheet(text.encode(encoding))
    assert sheet.headings == ("Daerah", "Jenis")
    assert [(row.number, row.cells) for row in sheet.rows] == [(3, ("73.15", "Banjir é\r\nbesar"))]


def test_a_workbook_with_numbers_dates_and_times_where_they_lie():
    sheet = read_sheet(filled([["A", "B", "C"], ["x", (DATE, 45623), (TIME, 0.340278)], ["", 73.1]], first=4))
    assert sheet.headings == ("A", "B", "C")
    assert [row.number for row in sheet.rows] == [5, 6]
    first, second = (row.cells for row in sheet.rows)
    assert (first[0], f"{first[1]:%d/%m/%Y}") == ("x", "27/11/2024")
    assert second == ("", 73.1, "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "file_empty"),
        (b"\n;;\n", "file_empty"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "file_old_excel"),
        (b"a;b\n1;2;3\n", "row_too_long"),
        (b'a;b\n"1;2\n', "csv_broken"),
        (b"a;\0b", "file_unknown"),
        (b"x" * (LARGEST_BYTES + 1), "file_too_large"),
        (b"a\n" + b"1\n" * (MOST_ROWS + 1), "too_many_rows"),
        (b";".join([b"a"] * (MOST_COLUMNS + 1)), "too_many_columns"),
        (b"a\n" + b"x" * (LONGEST_CELL + 1), "cell_too_long"),
        (b"PK\x03\x04 and no more", "file_unknown"),
        (packed({"a.txt": "a"}), "file_unknown"),
        (packed({f"{n}.txt": "a" for n in range(MOST_PARTS + 1)}), "file_unpacks_too_large"),
        (packed({"xl/a.xml": b" " * (LARGEST_UNPACKED + 1)}), "file_unpacks_too_large"),
    ],
)
def test_what_is_no_sheet_says_why(data: bytes, reason: str):
    assert refused(data) == reason


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        ('<row r="1"><c r="XFD1048576"><v>1</v></c></row>', "cell_too_far"),
        ('<row r="1048576"><c><v>1</v></c></row>', "cell_too_far"),
        ('<row><c s=">" r="&#88;FD1"><v>1</v></c></row>', "cell_too_far"),
        ('<row><x:c xmlns:x="x" r="ZZZ1"><v>1</v></x:c></row>', "cell_too_far"),
        ("<row>" + "<c><v>1</v></c>" * (MOST_COLUMNS + 1) + "</row>", "cell_too_far"),
        ("<row/>" * (LAST_ROW + 1), "cell_too_far"),
        ('<row r="1"><c r="a1"/></row>', "file_unknown"),
        ('<row r="x"/>', "file_unknown"),
        ('<row r="1"><c r="A1"><v>1</v></row>', "file_unknown"),
        ("<row>&lol;</row>", "file_unknown"),
    ],
)
def test_a_cell_far_out_is_refused_before_a_reader_makes_room_for_it(sheet: str, reason: str):
    assert refused(workbook(sheet)) == reason


def test_entities_and_other_encodings_are_refused():
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa">]><worksheet/>'
    assert refused(packed(parts("") | {"xl/worksheets/sheet1.xml": bomb})) == "file_unknown"
    for encoding in ("utf-16", "utf-7"):
        declared = f'<?xml version="1.0" encoding="{encoding}"?><worksheet/>'.encode(encoding)
        assert refused(packed(parts("") | {"xl/worksheets/sheet1.xml": declared})) == "file_unknown"


def test_a_size_that_the_archive_declares_falsely_is_not_believed():
    """The head says 10 bytes and the checksum of these; unpacked there would be far more."""
    data = bytearray(packed(parts("") | {"xl/worksheets/sheet1.xml": b" " * 1_000_000}))
    short, long = struct.pack("<L", 10), struct.pack("<L", 1_000_000)
    sum_, other = (struct.pack("<L", zlib.crc32(b" " * n)) for n in (10, 1_000_000))
    data = data.replace(long, short).replace(other, sum_)
    assert refused(bytes(data)) == "file_unknown"  # what is left of the sheet is ten blanks


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_sheet_or_named(data: bytes):
    reads(data)


@given(st.binary(max_size=400))
def test_any_bytes_behind_the_head_of_an_archive_are_named(data: bytes):
    reads(b"PK\x03\x04" + data)


@given(st.data())
def test_a_workbook_with_any_bytes_changed_is_a_sheet_or_named(data):
    good = filled([["Daerah", "Tanggal"], ["73.15", (DATE, 45623)]])
    place = data.draw(st.integers(0, len(good) - 1))
    reads(good[:place] + data.draw(st.binary(max_size=8)) + good[place + data.draw(st.integers(0, 8)) :])


MARKUP = st.lists(
    st.sampled_from(
        [
            "<row>",
            "</row>",
            '<row r="2">',
            "<c>",
            '<c r="B3" t="s">',
            '<c t="d">',
            '<c t="b">',
            '<c t="e">',
            '<c s="1">',
            "</c>",
            "<v>",
            "</v>",
            "<is>",
            "</is>",
            "<t>",
            "</t>",
            "<f>",
            "</f>",
            "1",
            "-1",
            "1e308",
            "x",
            "&amp;",
            "nan",
        ]
    ),
    max_size=30,
).map("".join)


@given(MARKUP)
def test_any_markup_is_a_sheet_or_named(markup: str):
    reads(workbook(markup))


@given(
    st.lists(st.lists(st.sampled_from(["x", 1, 1.5, 1e300, (DATE, 1e9), (TIME, -5)]), max_size=4), max_size=4)
)
def test_any_cells_are_a_sheet_or_named(rows):
    reads(filled(rows))


def reads(data: bytes) -> None:
    """Read a file; whatever it is, it is a sheet within the bounds or `NotASheet` with words."""
    sheet = reason = None
    try:
        sheet = read_sheet(data)
    except NotASheet as wrong:
        reason = wrong.reason
    if reason is not None:
        assert reason in FAULTS
    else:
        assert isinstance(sheet, Sheet)
        assert all(len(row.cells) == len(sheet.headings) <= MOST_COLUMNS for row in sheet.rows)
