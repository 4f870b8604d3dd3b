"""The rules a test sees: named files, or inline ones, of the file or of the test itself.

Here: `rules`, `inline_rules`, `lists` and `filters` of both kinds of test files. Not here: the form of a rule
(`loading.rules`). A rule that is invalid is the failure of the tests that see it, not of the file.
"""

from __future__ import annotations

from pathlib import Path

from engine.judging.rule import Rule
from engine.loading.form import Form, list_of
from engine.loading.known import ANYTHING
from engine.loading.loaded import Loaded
from engine.loading.marked import Mapping
from engine.loading.rules import Rules, inline_rules, load_rules
from engine.loading.value import text

INLINE = ("inline_rules", "lists", "filters")
"""Keys that may stand in the file or inside a test, which then replaces the file's."""

NONE: Loaded[Rules] = Loaded(())


class TestedRules:
    """The rules of one test file; each set is read once."""

    __test__ = False

    def __init__(self, form: Form, folder: Path) -> None:
        self._file = inline_of(form)
        self._named = form.read("rules", list_of(text, single=True, minimum=1), ())
        self._folder = folder
        self._own: Loaded[Rules] | None = None

    def of_file(self) -> Loaded[Rules]:
        """Return the rules a test of this file sees that brings none of its own."""
        if self._own is None:
            named = _named([self._folder / name for name in self._named]) if self._named else NONE
            inline = inline_rules(self._file) if "inline_rules" in self._file.pairs else NONE
            self._own = Loaded((*named.value, *inline.value), (*named.findings, *inline.findings))
        return self._own

    def of_test(self, form: Form) -> Loaded[Rules]:
        """Return the rules that a test sees: its own inline ones with the lists and filters around, else the file's."""
        own = inline_of(form)
        if not own.pairs:
            return self.of_file()
        return inline_rules(Mapping({**self._file.pairs, **own.pairs}, own.mark))


def inline_of(form: Form) -> Mapping:
    """Return the inline keys of a form, and mark them as read."""
    present = [key for key in INLINE if form.node(key) is not None]
    return form.only(present)


def _named(files: list[Path]) -> Loaded[Rules]:
    """Load rule files; where they need lists or filters of their neighbours, all of their folders."""
    alone = load_rules(files, ANYTHING)
    if not alone.valid and all(file.is_file() for file in files):
        whole = load_rules(sorted({file.parent for file in files}), ANYTHING)
        if whole.valid:
            names = {file.resolve() for file in files}
            return Loaded(tuple(rule for rule in whole.value if _file(rule) in names))
    return Loaded(alone.value, tuple(f for f in alone.findings if f.severity == "error"))


def _file(rule: Rule) -> Path:
    return Path(rule.source.rpartition(":")[0]).resolve()
