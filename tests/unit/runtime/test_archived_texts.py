"""The erasable part of the archive of cases loses the addresses of an erased person, in every kind of text."""

import msgspec

from engine.core.alerting.alert import Rendered
from engine.records.case_archive import CaseArchive
from engine.records.contact_values import ERASED, ContactValues
from engine.records.quarantine import Quarantined
from engine.records.quarantine_acts import SettledRecord
from engine.store.archive.case_index import FILE, FiledText

PHONE = "+6281234567801"
GONE = ContactValues([PHONE])
RAW = f'{{"summary":"telp {PHONE}"}}'.encode()
RECORD = Quarantined(
    id="q", reason="missing", field="kind", raw=RAW, received_at=1, token_id="t", region="73.15"
)
SETTLED = SettledRecord(record=RECORD, sent=RAW, token_id="t", at=1, act="resubmitted")
RENDERED = Rendered(to="+6281234567802", text=f"Hubungi {PHONE}.")


async def test_notes_messages_and_settled_records_lose_the_address(tmp_path):
    past = CaseArchive(tmp_path, "n")
    texts = [
        FiledText("a", "note", "d1", "bpbd", None, f"Sekda {PHONE} sakit".encode()),
        FiledText("a", "note", "d2", "bpbd", None, b"Aman"),
        FiledText("a", "message", "m", "bpbd", None, msgspec.json.encode(RENDERED)),
        FiledText("quarantine/q", "settled", "1", "", None, msgspec.json.encode(SETTLED)),
    ]
    past.index.file([], texts, "0-0")
    assert await past.redact(GONE) == 3
    notes = {text.key: text.value for text in past.index.texts("a")}
    assert notes["d1"] == f"Sekda {ERASED} sakit".encode()
    assert notes["d2"] == b"Aman"
    assert msgspec.json.decode(notes["m"], type=Rendered).text == f"Hubungi {ERASED}."
    (settled,) = past.index.texts("quarantine/q")
    left = msgspec.json.decode(settled.value, type=SettledRecord)
    assert PHONE.encode() not in left.sent + left.record.raw
    assert PHONE[3:].encode() not in (tmp_path / FILE).read_bytes()
    assert await past.redact(GONE) == 0


async def test_without_an_archive_nothing_is_made(tmp_path):
    assert await CaseArchive(tmp_path / "none", "n").redact(GONE) == 0
    assert not (tmp_path / "none").exists()
