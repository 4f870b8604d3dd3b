"""Addresses of an erased person in the text of others: every way of writing them is found, and nothing else."""

import msgspec
import pytest

from engine.records.contact_values import ERASED, ContactValues

GONE = ContactValues(["+6281234567801", "sekda@pinrang.example"])


@pytest.mark.parametrize(
    "written",
    [
        "+6281234567801",
        "6281234567801",
        "081234567801",
        "0812-3456-7801",
        "+62 812 3456 7801",
        "(0812) 3456.7801",
        "sekda@pinrang.example",
        "Sekda@Pinrang.Example",
    ],
)
def test_each_way_of_writing_it_is_redacted(written):
    assert GONE.redacted(f"Hubungi {written}, segera.") == f"Hubungi {ERASED}, segera."
    assert GONE.within(f"x{written}x".encode())


@pytest.mark.parametrize(
    "other",
    ["+6281234567802", "0812345678012", "1081234567801", "wakil-sekda@pinrang.example", "7801", "tidak ada"],
)
def test_nothing_else_is(other):
    assert GONE.redacted(f"Hubungi {other} segera.") == f"Hubungi {other} segera."


def test_a_document_stays_json_and_unconcerned_ones_keep_their_bytes():
    raw = b'{"summary": "telp 0812 3456 7801", "n": 81234567801, "a": [{"sekda@pinrang.example": 1}], "ok": true}'
    assert msgspec.json.decode(GONE.redacted_document(raw)) == {
        "summary": f"telp {ERASED}",
        "n": ERASED,
        "a": [{ERASED: 1}],
        "ok": True,
    }
    assert GONE.redacted_document(b'{"a":  1}') == b'{"a":  1}'


def test_without_an_address_nothing_is_found():
    assert not ContactValues(["", "12345"])
    assert not ContactValues([]).within(b"12345")
