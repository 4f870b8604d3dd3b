"""The rules a test sees: named files, or inline ones, of the file or of the test itself.

Here: `rules`, `inline_rules`, `lists` and `filters` of both kinds of test files, and the `roster` and `tables` they
count with. Not here: the form of a rule (`loading.rules`). A rule that is invalid is the failure of the tests that see
it, not of the file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.judging.calendar import Calendar
from engine.judging.expected import Member
from engine.judging.rule import Rule
from engine.loading.desks import members
from engine.loading.expected import REGIONS
from engine.loading.finding import Findings
from engine.loading.form import Form, form_of, list_of
from engine.loading.known import ANYTHING, Known
from engine.loading.loaded import Loaded
from engine.loading.marked import Mapping, Node
from engine.loading.reference_tables import inline_tables
from engine.loading.rules import Rules, inline_rules, load_rules
from engine.loading.value import text

INLINE = ("inline_rules", "lists", "filters")
"""Keys that may stand in the file or inside a test, which then replaces the file's."""

Roster = tuple[tuple[str, tuple[Member, ...]], ...]
"""Named lists of who must report, `regions` among them."""
NONE: Loaded[Rules] = Loaded(())


class TestedRules:
    """The rules of one test file; each set is read once."""

    __test__ = False

    def __init__(self, form: Form, folder: Path, calendar: Calendar) -> None:
        self._calendar = calendar
        self._file = inline_of(form)
        self._named = form.read("rules", list_of(text, single=True, minimum=1), ())
        self._folder = folder
        self._roster = form.read("roster", roster, None)
        self._tables = form.read("tables", inline_tables, None)
        self._sets: dict[Roster | None, Loaded[Rules]] = {}

    def of_file(self) -> Loaded[Rules]:
        """Return the rules a test of this file sees that brings none of its own."""
        return self._of(self._roster)

    def of_test(self, form: Form) -> Loaded[Rules]:
        """Return the rules that a test sees: its own inline ones with the lists and filters around, else the file's."""
        own, counted = inline_of(form), form.read("roster", roster, self._roster)
        if not own.pairs:
            return self._of(counted)
        return inline_rules(Mapping({**self._file.pairs, **own.pairs}, own.mark), self._known(counted))

    def reloaded(self, body: Mapping) -> Loaded[Rules]:
        """Return the rules of a reload inside a test."""
        return inline_rules(body, self._known(self._roster))

    def _known(self, counted: Roster | None) -> Known:
        lists = dict(counted or ())
        return msgspec.structs.replace(
            ANYTHING,
            roster=tuple(member.group for member in lists[REGIONS]) if REGIONS in lists else None,
            calendar=self._calendar,
            tables=self._tables,
            expected=None if counted is None else lists,
        )

    def _of(self, counted: Roster | None) -> Loaded[Rules]:
        """Return the rules of the file as they are with this roster."""
        if counted not in self._sets:
            known, files = self._known(counted), [self._folder / name for name in self._named]
            named = _named(files, known) if files else NONE
            inline = inline_rules(self._file, known) if "inline_rules" in self._file.pairs else NONE
            self._sets[counted] = Loaded((*named.value, *inline.value), (*named.findings, *inline.findings))
        return self._sets[counted]


def roster(node: Node, findings: Findings) -> Roster:
    """Take the roster of a test: who must report, by the names that rules know them by."""
    form = form_of(node, findings)
    return tuple((name, form.read(name, members(None), ())) for name in form.written)


def inline_of(form: Form) -> Mapping:
    """Return the inline keys of a form, and mark them as read."""
    present = [key for key in INLINE if form.node(key) is not None]
    return form.only(present)


def _named(files: list[Path], known: Known) -> Loaded[Rules]:
    """Load rule files; where they need lists or filters of their neighbours, all of their folders."""
    alone = load_rules(files, known)
    if not alone.valid and all(file.is_file() for file in files):
        whole = load_rules(sorted({file.parent for file in files}), known)
        if whole.valid:
            names = {file.resolve() for file in files}
            return Loaded(tuple(rule for rule in whole.value if _file(rule) in names))
    return Loaded(alone.value, tuple(f for f in alone.findings if f.severity == "error"))


def _file(rule: Rule) -> Path:
    return Path(rule.source.rpartition(":")[0]).resolve()
