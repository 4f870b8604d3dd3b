"""What a test came to: its failures, its timeline, and every phrase that a report says, in both languages.

A phrase is a value that can be written in either language, Indonesian first. `simulation.suite` lays reports out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.core.judging.instant import Instant, Millis, format_duration
from engine.documents.finding import Finding

PhraseLanguage = Literal["id", "en"]

PHRASES: Mapping[str, tuple[str, str]] = {
    # states of an alert, as rule tests name them
    "opens": ("buka", "opens"),
    "hidden": ("buka tersembunyi", "opens hidden"),
    "joins": ("bergabung", "joins"),
    "closes": ("tutup", "closes"),
    # one line of a table
    "happening": ("{state} {rule} [{group}]{more}", "{state} {rule} [{group}]{more}"),
    "checked": ("periksa {rule} [{group}]: {what}", "check {rule} [{group}]: {what}"),
    "message": ("pesan {kind} kepada {to} ({channel}){more}", "message {kind} to {to} ({channel}){more}"),
    "alert": ("peringatan {state} {rule} [{group}]{more}", "alert {state} {rule} [{group}]{more}"),
    "notification": (
        "pemberitahuan {state} {to} ({channel}){more}",
        "notification {state} {to} ({channel}){more}",
    ),
    "audit": ("riwayat {name} {rule} [{group}]{more}", "history {name} {rule} [{group}]{more}"),
    "act": ("> {what}", "> {what}"),
    "nothing": ("-", "-"),
    # failures
    "missing": ("{at}: diharapkan {what}, tidak terjadi", "{at}: expected {what}, which did not happen"),
    "missing_because": (
        "{at}: diharapkan {what}, tidak terjadi ({why})",
        "{at}: expected {what}, which did not happen ({why})",
    ),
    "missing_but": (
        "{at}: diharapkan {what}, yang terjadi: {got}",
        "{at}: expected {what}; what happened instead: {got}",
    ),
    "unexpected": ("{at}: {what} tidak diharapkan", "{at}: {what} was not expected"),
    "wrong": (
        "{at}: {rule} [{group}] {key}: diharapkan {expected}, didapat {got}",
        "{at}: {rule} [{group}] {key}: expected {expected}, got {got}",
    ),
    "contradiction": (
        "{at}: {rule} [{group}]: menurut buka dan tutupnya {listed}, padahal peringatannya {found}",
        "{at}: {rule} [{group}]: {listed} by what opened and closed, but its alert is {found}",
    ),
    "open": ("terbuka", "open"),
    "closed": ("tertutup", "closed"),
    "no_such_group": (
        "{at}: {rule} tidak punya kelompok {group}; kunci kelompoknya: {per}",
        "{at}: {rule} has no group {group}; the keys of its groups: {per}",
    ),
    "many_groups": (
        "{at}: {rule} punya beberapa kelompok ({found}); sebutkan `group`",
        "{at}: {rule} has several groups ({found}); name the `group`",
    ),
    "unknown_rule": (
        "aturan `{rule}` tidak ada; yang ada: {rules}",
        "there is no rule `{rule}`; there are: {rules}",
    ),
    "unnamed_rule": (
        "`check` harus menyebut `rule`; yang ada: {rules}",
        "`check` must name its `rule`; there are: {rules}",
    ),
    "finding": ("{what}", "{what}"),
    "order": (
        "urutan tiba {order}: dibuka {got}, padahal menurut urutan kejadian {expected}",
        "arrival order {order}: opened {got}, but in the order of occurrence {expected}",
    ),
    "not_available": (
        "{what} belum tersedia di versi ini",
        "{what} is not available in this version",
    ),
    "crashed": ("kesalahan dalam mesin: {what}", "an error inside the engine: {what}"),
    "act_failed": ("{at}: {what}", "{at}: {what}"),
    "no_alert": ("tidak ada peringatan {rule} [{group}]", "there is no alert {rule} [{group}]"),
    "many_alerts": (
        "ada beberapa peringatan ({found}); sebutkan `rule` dan `group`",
        "there are several alerts ({found}); name `rule` and `group`",
    ),
    "no_link": ("belum ada tautan yang terkirim kepada {who}", "no link was sent to {who} yet"),
    "no_person": ("direktori tidak mengenal {who}", "the directory does not know {who}"),
    "no_contact": ("{who} tidak punya kontak {channel}", "{who} has no {channel} contact"),
    "no_code": (
        "telepon {who} belum menerima kode sebanyak {number}",
        "the phone of {who} was not sent {number} codes yet",
    ),
    "no_message": ("belum ada pesan {channel} kepada {who}", "no {channel} message went to {who} yet"),
    "no_gateway": ("tidak ada gerbang {channel}", "there is no gateway {channel}"),
    "dead_link": ("tautan {who} tidak berlaku lagi", "the link of {who} is not valid any more"),
    # reports
    "title_table": ("waktu | pukul {zone} | diharapkan | didapat", "time | clock {zone} | expected | got"),
    "passed": ("LULUS", "PASSED"),
    "failed": ("GAGAL", "FAILED"),
    "summary": ("{passed} lulus, {failed} gagal.", "{passed} passed, {failed} failed."),
    "coverage": (
        "Cakupan: {rules} dari {all_rules} aturan, {branches} dari {all_branches} cabang.",
        "Coverage: {rules} of {all_rules} rules, {branches} of {all_branches} branches.",
    ),
    "untouched": ("  belum diuji: {what}", "  no test touches: {what}"),
    "no_tests": ("tidak ada uji di {path}", "there is no test in {path}"),
    "none": ("tidak ada", "nothing"),
    "any": ("apa saja", "any"),
}


class Phrase(msgspec.Struct, frozen=True):
    """One phrase and the words in it; a word may be a phrase itself, or a finding on a file."""

    code: str
    words: Mapping[str, PhraseWord] = {}

    def text(self, language: PhraseLanguage = "id") -> str:
        """Say it."""
        said = {name: _said(word, language) for name, word in self.words.items()}
        return PHRASES[self.code][0 if language == "id" else 1].format_map(said)


PhraseWord = str | Phrase | Finding


def _said(word: PhraseWord, language: PhraseLanguage) -> str:
    match word:
        case Phrase():
            return word.text(language)
        case Finding():
            return word.format(language)
        case _:
            return word


def phrase(code: str, **words: PhraseWord) -> Phrase:
    """Return a phrase with its words."""
    return Phrase(code, words)


def written_offset(at: Millis) -> str:
    """Write an offset as tests do: `+2h10m`."""
    return ("-" if at < 0 else "+") + (format_duration(abs(at)) if at else "0m")


class ResultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline: what was expected and what there was at an offset; None where there is no such side.

    `act` is what the test itself did then. `right` is whether both sides agree.
    """

    at: Millis
    expected: Phrase | None = None
    got: Phrase | None = None
    act: Phrase | None = None
    right: bool = True


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one test came to. `touched` are the branches of rules, `reached` what of escalation it reached.

    The names are those of `simulation.coverage` and `simulation.coverage`.

    Its timeline begins at `start`, which people read in `zone`.
    """

    file: str
    name: str
    start: Instant = 0
    zone: str = "UTC"
    failures: tuple[Phrase, ...] = ()
    rows: tuple[ResultRow, ...] = ()
    touched: frozenset[str] = frozenset()
    reached: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures
