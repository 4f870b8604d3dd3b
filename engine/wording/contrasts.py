"""One figure against another in words: the parts of a sentence about `share` and `compare`.

Here: what stands for part and whole, figure and reference, and the floor. Not here: the sentence they stand in
(`wording.sentence`), fields and filters (`wording.watched`), the words themselves (`templates/texts.yaml`).
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.judging.instant import Millis
from engine.judging.rule import (
    Column,
    Compare,
    Earlier,
    Filter,
    Floor,
    PreviousWindow,
    Reference,
    SameHour,
    Share,
)
from engine.wording import local_time
from engine.wording.texts import Texts
from engine.wording.watched import Watched, is_everything


class Contrasts:
    """Says the parts of a contrast in one language."""

    def __init__(self, texts: Texts, watched: Watched) -> None:
        self._texts, self._watched = texts, watched

    def share(self, condition: Share) -> dict[str, str]:
        """Return what fills the sentence of a share."""
        return {
            "within": "" if condition.within is None else self._length(condition.within),
            "part": self._side(condition.part),
            "whole": self._side(condition.whole),
            "limit": self._watched.limit(condition.limit, "%"),
            "floor": self._floor(condition.floor, "part", "whole"),
            "missing": self._missing(condition.missing),
        }

    def compare(self, condition: Compare, what: str, when: str) -> dict[str, str]:
        """Return what fills the sentence of a comparison of such events; `when` is the instant that it names."""
        texts, number = self._texts, self._watched.number(condition.number)
        return {
            "within": self._length(condition.within),
            "figure": self._figure(condition, what),
            "relation": texts(f"sentence.relation.{condition.relation}", n=number),
            "reference": self._reference(condition.reference, condition.within),
            "floor": self._floor(condition.floor, "now", "reference"),
            "otherwise": self._otherwise(condition),
            "missing": self._missing(condition.missing),
            "at": texts("sentence.compare.at", when=when) if when else "",
        }

    def _side(self, side: str | Filter | Column) -> str:
        if isinstance(side, str):
            return self._watched.field(side)
        if isinstance(side, Column):
            return self._column(side)
        if is_everything(side):
            return self._texts["sentence.reports_all"]
        return self._texts("sentence.reports_of", what=self._watched.what(side))

    def _column(self, column: Column) -> str:
        known = f"sentence.column.{column.name}"
        return (
            self._texts[known] if known in self._texts else self._texts("sentence.column", name=column.name)
        )

    def _figure(self, condition: Compare, what: str) -> str:
        texts, of = self._texts, self._watched.fields(condition.of)
        match condition.figure:
            case "count" if condition.weight is not None:
                return texts("sentence.compare.weighted", what=what, of=self._watched.field(condition.weight))
            case "count" | "distinct":
                return texts(f"sentence.compare.{condition.figure}", what=what, of=of)
            case function:
                named = texts(f"sentence.function.{function}", p="")
                return texts("sentence.compare.figure", what=what, of=of, function=named)

    def _reference(self, reference: Reference, within: Millis) -> str:
        texts = self._texts
        match reference:
            case PreviousWindow():
                return texts("sentence.reference.previous_window", within=self._length(within))
            case Earlier(before=before, not_older_than=oldest):
                lengths = {"before": self._length(before), "oldest": self._length(oldest)}
                return texts("sentence.reference.earlier", **lengths)
            case SameHour(days=days):
                return texts("sentence.reference.same_hour", n=self._watched.number(days))
            case Column():
                return texts("sentence.reference.column", column=self._column(reference))

    def _otherwise(self, condition: Compare) -> str:
        match condition.if_no_baseline:
            case "skip":
                return ""
            case "fire":
                return self._texts["sentence.otherwise.fire"]
            case number:
                return self._texts("sentence.otherwise.number", n=self._watched.number(float(number)))

    def _floor(self, floor: Floor, now: str, reference: str) -> str:
        tests = list(self._tests(floor, now, reference))
        return self._texts("sentence.floor", tests=self._watched.all(tests)) if tests else ""

    def _tests(self, floor: Floor, now: str, reference: str) -> Iterator[str]:
        for name, limit in ((now, floor.now), (reference, floor.reference)):
            if limit is not None:
                yield self._texts(f"sentence.floor.{name}", limit=self._watched.limit(limit))
        if floor.field is not None and floor.field_limit is not None:
            field, held = self._watched.field(floor.field), self._watched.limit(floor.field_limit)
            yield self._texts("sentence.floor.field", field=field, limit=held)

    def _missing(self, number: float | None) -> str:
        return "" if number is None else self._texts("sentence.missing", value=self._watched.number(number))

    def _length(self, length: Millis) -> str:
        return local_time.duration(length, self._texts)
