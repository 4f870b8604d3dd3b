"""The rules a test sees: named files, or inline ones, of the file or of the test itself.

Here: `rules`, `inline_rules`, `lists` and `filters` of both kinds of test files, and the `roster` and `tables` they
count with. Not here: the form of a rule (`documents.rules.rules`). A rule that is invalid is the failure of the tests
that see it, not of the file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.core.judging.calendar import Calendar
from engine.core.judging.condition import ExpectedMember
from engine.core.judging.rule import Rule
from engine.documents.desks import members
from engine.documents.fields import Form, form_of, list_of, text
from engine.documents.finding import Findings
from engine.documents.loaded import Loaded
from engine.documents.reference_data import ANYTHING, ReferenceData
from engine.documents.reference_tables import Tables, inline_tables
from engine.documents.rules.absence import REGIONS
from engine.documents.rules.rules import Rules, inline_rules, load_rules
from engine.documents.yaml_tree import MappingNode, Node

INLINE = ("inline_rules", "lists", "filters")
"""Keys that may stand in the file or inside a test, which then replaces the file's."""
COUNTED = ("roster", "tables")
"""Keys of what rules count with, of the file or of a test in the same way."""

Roster = tuple[tuple[str, tuple[ExpectedMember, ...]], ...]
"""Named lists of who must report, `regions` among them."""
NONE: Loaded[Rules] = Loaded(())


class SeenRules(msgspec.Struct, frozen=True):
    """The rules that one test sees, and what stands around them: lists and filters, and what they may name."""

    rules: Loaded[Rules]
    around: MappingNode
    known: ReferenceData

    def reloaded(self, body: MappingNode) -> Loaded[Rules]:
        """Return the rules of a reload inside the test; they see what stands around its first ones."""
        around = {key: pair for key, pair in self.around.pairs.items() if key != "inline_rules"}
        return inline_rules(MappingNode({**around, **body.pairs}, body.mark), self.known)


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

    def of_test(self, form: Form) -> SeenRules:
        """Return what a test sees: its own inline rules with the lists and filters around, else the file's."""
        own, counted = inline_of(form), form.read("roster", roster, self._roster)
        tables = form.read("tables", inline_tables, None)
        around = MappingNode({**self._file.pairs, **own.pairs}, own.mark)
        known = self._known(counted, self._tables if tables is None else tables)
        if own.pairs:
            return SeenRules(inline_rules(around, known), around, known)
        return SeenRules(self._of(counted) if tables is None else self._load(known), around, known)

    def _known(self, counted: Roster | None, tables: Tables | None) -> ReferenceData:
        lists = dict(counted or ())
        return msgspec.structs.replace(
            ANYTHING,
            roster=tuple(member.group for member in lists[REGIONS]) if REGIONS in lists else None,
            calendar=self._calendar,
            tables=tables,
            expected=None if counted is None else lists,
        )

    def _of(self, counted: Roster | None) -> Loaded[Rules]:
        """Return the rules of the file as they are with this roster."""
        if counted not in self._sets:
            self._sets[counted] = self._load(self._known(counted, self._tables))
        return self._sets[counted]

    def _load(self, known: ReferenceData) -> Loaded[Rules]:
        files = [self._folder / name for name in self._named]
        named = _named(files, known) if files else NONE
        inline = inline_rules(self._file, known) if "inline_rules" in self._file.pairs else NONE
        return Loaded((*named.value, *inline.value), (*named.findings, *inline.findings))


def roster(node: Node, findings: Findings) -> Roster:
    """Take the roster of a test: who must report, by the names that rules know them by."""
    form = form_of(node, findings)
    return tuple((name, form.read(name, members(None), ())) for name in form.written)


def inline_of(form: Form) -> MappingNode:
    """Return the inline keys of a form, and mark them as read."""
    present = [key for key in INLINE if form.node(key) is not None]
    return form.only(present)


def _named(files: list[Path], known: ReferenceData) -> Loaded[Rules]:
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
