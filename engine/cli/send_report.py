"""What `siaga send` says of each event, and in the end: Indonesian first, English by `--lang en`.

Here: the words and what counts as amiss. Not here: what was sent or why something was refused (`sending`,
`documents.sheets.event_columns`). Lines on single rows and the last line go to standard output, remarks to standard
error. No line holds what a report says, nor the token.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.documents.finding import Language
from engine.documents.sheets.event_columns import CellFault
from engine.service.rows import fault_of

if TYPE_CHECKING:
    from engine.documents.sheets.sheet import NotASheet
    from engine.sending.courier import Delivery, Line
    from engine.service.given import Faulty, Given

MOST_LINES = 200
"""Rows that are named one by one; a file with more mistakes has one that is the same in all."""

_WORDS: dict[str, dict[Language, str]] = {
    "row": {"id": "baris {row}", "en": "row {row}"},
    "event": {"id": "laporan {row}", "en": "event {row}"},
    "aside": {
        "id": "{row}: ditahan untuk diperiksa ({id}): {why}",
        "en": "{row}: kept aside for somebody to look at ({id}): {why}",
    },
    "offered": {
        "id": "   posko dapat menerimanya sebagai {mended}",
        "en": "   the duty desk can accept it as {mended}",
    },
    "refused": {"id": "{row}: ditolak: {why}", "en": "{row}: refused: {why}"},
    "refused.kept": {"id": "Yang ditolak tersimpan di {path}", "en": "What was refused is kept in {path}"},
    "faulty": {"id": "{row}: belum dikirim: {why}", "en": "{row}: not sent: {why}"},
    "more": {"id": "... dan {n} baris lagi", "en": "... and {n} rows more"},
    "handed_back": {
        "id": "Baris yang perlu diperbaiki: {path}. Perbaiki di sana, lalu `siaga send` berkas itu.",
        "en": "Rows to correct: {path}. Correct them there, then `siaga send` that file.",
    },
    "checked": {
        "id": "Diperiksa saja: {good} laporan dapat dikirim, {bad} perlu diperbaiki. Tidak ada yang dikirim.",
        "en": "Only checked: {good} events can be sent, {bad} need correcting. Nothing was sent.",
    },
    "end": {
        "id": "{accepted} diterima, {duplicate} sudah pernah masuk, {aside} ditahan untuk diperiksa, "
        "{refused} ditolak, {faulty} perlu diperbaiki.",
        "en": "{accepted} accepted, {duplicate} came before, {aside} kept aside, {refused} refused, "
        "{faulty} to correct.",
    },
    "kept": {
        "id": "Belum semua terkirim ({why}). {n} kiriman tersimpan di {folder}; `siaga send --flush` mengulangnya.",
        "en": "Not all is delivered yet ({why}). {n} batches are kept in {folder}; `siaga send --flush` goes on.",
    },
    "unwelcome": {
        "id": "Tidak terkirim: {why}. {n} kiriman tersimpan di {folder}; perbaiki, lalu `siaga send --flush`.",
        "en": "Not delivered: {why}. {n} batches are kept in {folder}; mend this, then `siaga send --flush`.",
    },
    "desk_unknown": {
        "id": "Desk token ini belum diketahui: layanan belum menjawab. Baris tanpa kolom Desk dikirim atas nama "
        "daerahnya; bila desk Anda lain, beri --desk.",
        "en": "The desk of this token is not known: the service has not told it. Rows without a column Desk report "
        "for their region; where yours is another desk, give --desk.",
    },
    "clear": {
        "id": "Peringatan: {url} tidak terenkripsi; token dan laporan dapat dibaca di jalan. Pakai https.",
        "en": "Warning: {url} is not encrypted; token and reports can be read on the way. Use https.",
    },
}


class SendReport:
    """Tells what becomes of the events of one run. `rows` names the row that an event came from, where there is one."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.rows: dict[bytes, int] = {}
        self.amiss = False
        self.waiting = 0
        self._counts = dict.fromkeys(("accepted", "duplicate", "aside", "refused", "faulty"), 0)
        self._lines = 0

    def faulty(self, rows: Sequence[Faulty]) -> None:
        """Name the rows that are no event yet."""
        for faulty in rows:
            for fault in faulty.faults:
                self._line("faulty", row=self._say("row", row=faulty.row), why=fault.said(self.language))
        self._counts["faulty"] += len(rows)
        self.amiss |= bool(rows)

    def said(self, wrong: NotASheet) -> str:
        """Return why a file could not be read."""
        return CellFault(code=wrong.reason, facts=wrong.facts).said(self.language)

    def checked(self, given: Given, found: Sequence[Faulty]) -> None:
        """End a dry run, in which further faults were found."""
        self.faulty(found)
        self._more()
        good = len(given.events) - len(found)
        print(self._say("checked", good=good, bad=self._counts["faulty"]))

    def handed_back(self, path: Path) -> None:
        """Say where the rows to correct are."""
        self._remark("handed_back", path=path)

    def delivered(self, delivery: Delivery) -> None:
        """Take up what the service said of one batch."""
        answer = delivery.answer
        self._counts["accepted"] += answer.accepted
        self._counts["duplicate"] += answer.duplicate
        self._counts["aside"] += len(answer.quarantined)
        self._counts["refused"] += len(answer.rejected)
        for line in answer.quarantined:
            row = self._row(delivery.events[line.index])
            self._line("aside", row=row, id=line.id, why=self._why(line))
            if line.mended:
                mended = ", ".join(f"{field} {value}" for field, value in line.mended.items())
                self._line("offered", mended=mended)
        for line in answer.rejected:
            self._line("refused", row=self._row(delivery.events[line.index]), why=self._why(line))
        if delivery.kept is not None:
            self._remark("refused.kept", path=delivery.kept)
        self.amiss |= bool(answer.quarantined or answer.rejected)

    def kept(self, folder: Path, waiting: int, why: str) -> None:
        """Say that the rest waits in the spool."""
        self.waiting = waiting
        self._remark("kept", folder=folder, n=waiting, why=why)

    def unwelcome(self, folder: Path, waiting: int, why: str) -> None:
        """Say that nothing goes until somebody mends something."""
        self.amiss = True
        self._remark("unwelcome", folder=folder, n=waiting, why=why)

    def desk_unknown(self) -> None:
        """Say by which desk rows report that name none, where the service did not tell the token's."""
        self._remark("desk_unknown")

    def in_the_clear(self, url: str) -> None:
        """Warn of an address without encryption."""
        self._remark("clear", url=url)

    def end(self) -> None:
        """Say the numbers of this run."""
        self._more()
        print(self._say("end", **self._counts))

    def _why(self, line: Line) -> str:
        return fault_of(line.reason, line.field).said(self.language)

    def _row(self, event: bytes) -> str:
        """Name an event: by its row, else by its id, else by its place."""
        if event in self.rows:
            return self._say("row", row=self.rows[event])
        try:
            named = msgspec.json.decode(event)
        except (msgspec.DecodeError, RecursionError):
            named = None
        id_ = named.get("id") if isinstance(named, dict) else None
        return self._say("event", row=id_ if isinstance(id_, str) and id_.isprintable() else "?")

    def _line(self, key: str, **facts: object) -> None:
        self._lines += 1
        if self._lines <= MOST_LINES:
            print(self._say(key, **facts))

    def _more(self) -> None:
        if self._lines > MOST_LINES:
            print(self._say("more", n=self._lines - MOST_LINES))

    def _remark(self, key: str, **facts: object) -> None:
        print(self._say(key, **facts), file=sys.stderr)

    def _say(self, key: str, **facts: object) -> str:
        return _WORDS[key][self.language].format_map(facts)
