"""What a filter lets through, in words: kinds by their names, fields by what people call them.

Here: one filter, limit or value at a time, in one language. Not here: what follows when such events come
(`texts.rule_sentence`), and matching (`engine.matching`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.core.judging.event import Scalar
from engine.core.judging.filter import EVERYTHING, AllOf, AnyOf, Filter, Limit, Test, Unless
from engine.texts import local_time
from engine.texts.catalogue import Texts


class FilterText:
    """Speaks of filters in one language; `kinds` are the names of kinds: code -> language -> name."""

    def __init__(self, texts: Texts, kinds: Mapping[str, Mapping[str, str]]) -> None:
        self.texts, self._kinds = texts, kinds

    def what(self, filter_: Filter) -> str:
        """Return a filter as a thing that happens: `bentrok massa (dengan jumlah korban luka sedikitnya 10)`."""
        texts = self.texts
        if isinstance(filter_, AnyOf) and not _is_kinds(filter_):
            return self.any([self.what(part) for part in filter_.parts])
        parts = filter_.parts if isinstance(filter_, AllOf) else (filter_,)
        kind = next((part for part in parts if _is_kinds(part)), None)
        rest = [part for part in parts if part is not kind]
        noun = texts["sentence.report"] if kind is None else self.any(self._names(kind))
        with_ = [self.test(part) for part in rest if not isinstance(part, Unless)]
        except_ = [self.test(part.part) for part in rest if isinstance(part, Unless)]
        qualities = [texts("sentence.with", tests=self.all(with_))] if with_ else []
        qualities += [texts("sentence.except", tests=self.any(except_))] if except_ else []
        if qualities:
            return texts("sentence.qualified", what=noun, qualities=", ".join(qualities))
        return texts["sentence.anything"] if kind is None else noun

    def test(self, filter_: Filter) -> str:
        """Return a filter as what is true of an event: `jumlah korban luka sedikitnya 10`."""
        texts = self.texts
        match filter_:
            case Test(field="kind"):
                return texts("sentence.kind_is", kinds=self.any(self._names(filter_)))
            case Test(field=field, operator="exists", value=value):
                key = "sentence.exists" if value else "sentence.not_exists"
                return texts(key, field=self.field(field))
            case Test(field=field):
                return texts("sentence.test", field=self.field(field), value=self._compared(filter_))
            case Unless(part):
                return texts("sentence.not", test=self.test(part))
            case AllOf(parts):
                return self._bracketed(self.all([self.test(part) for part in parts]), parts)
            case AnyOf(parts):
                return self._bracketed(self.any([self.test(part) for part in parts]), parts)

    def limit(self, limit: Limit, unit: str = "") -> str:
        """Return a limit: `sedikitnya 3`; `unit` is a sign such as % after the number."""
        return self.texts(f"sentence.limit.{limit.operator}", n=self.number(limit.number) + unit)

    def field(self, path: str) -> str:
        """Return what people call a field; one that nobody named is read as it is written."""
        known = f"sentence.field.{path}"
        return self.texts[known] if known in self.texts else _spoken(path.removeprefix("metrics."))

    def fields(self, paths: Iterable[str]) -> str:
        """Return what people call some fields that belong together."""
        return self.all([self.field(path) for path in paths])

    def values(self, values: Iterable[Scalar]) -> str:
        """Return some values of which one is enough."""
        return self.any([self.value(value) for value in values])

    def value(self, value: Scalar) -> str:
        """Return one value as it is read."""
        if isinstance(value, bool):
            return self.texts["sentence.true" if value else "sentence.false"]
        return _spoken(value) if isinstance(value, str) else self.number(value)

    def number(self, number: float) -> str:
        """Return a number as the language writes it."""
        return local_time.number(number, self.texts)

    def all(self, words: Sequence[str]) -> str:
        """Join words by commas and a last `dan`."""
        return self._joined(words, "sentence.and")

    def any(self, words: Sequence[str]) -> str:
        """Join words by commas and a last `atau`."""
        return self._joined(words, "sentence.or")

    def _joined(self, words: Sequence[str], key: str) -> str:
        if len(words) < 2:
            return "".join(words)
        return self.texts(key, rest=", ".join(words[:-1]), last=words[-1])

    def _bracketed(self, text: str, parts: Sequence[Filter]) -> str:
        return text if len(parts) < 2 else self.texts("sentence.brackets", text=text)

    def _compared(self, test: Test) -> str:
        """Return what stands after the name of the field."""
        value = test.value
        if isinstance(value, tuple):  # one_of and lies_in
            return self.values(value)
        match test.operator:
            case "prefix":
                return self.texts("sentence.prefix", value=self.value(value))
            case "matches":
                return self.texts("sentence.matches", value=value)
            case "equals":
                return self.value(value)
            case operator:
                return self.texts(f"sentence.limit.{operator}", n=self.value(value))

    # --- kinds ---

    def _names(self, filter_: Filter) -> list[str]:
        """Return the names of the kinds that a filter on kinds alone lets through, each once."""
        match filter_:
            case AnyOf(parts):
                return list(dict.fromkeys(name for part in parts for name in self._names(part)))
            case Test(operator="prefix", value=str(prefix)):
                return self._family(prefix)
            case Test(value=tuple(codes)):
                return [self._name(str(code)) for code in codes]
            case Test(value=code):
                return [self._name(str(code))]
            case _:
                return []

    def _family(self, prefix: str) -> list[str]:
        """Return the name of a family of kinds, else the names of its members."""
        if not prefix:
            return [self.texts["sentence.anything"]]
        family = f"sentence.family.{prefix.rstrip('.')}"
        members = [self._name(code) for code in self._kinds if code.startswith(prefix)]
        return [self.texts[family]] if family in self.texts else members or [f"{prefix}*"]

    def _name(self, code: str) -> str:
        names = self._kinds.get(code, {})
        name = names.get(self.texts.language) or code
        return name[:1].lower() + name[1:] if name[1:2].islower() else name


def _is_kinds(filter_: Filter) -> bool:
    """Say whether a filter asks for the kind and nothing else."""
    match filter_:
        case Test(field="kind", operator="equals" | "one_of" | "prefix"):
            return True
        case AnyOf(parts):
            return all(_is_kinds(part) for part in parts)
        case _:
            return False


def is_everything(filter_: Filter) -> bool:
    """Say whether a filter lets every event through."""
    return filter_ == EVERYTHING


def _spoken(text: str) -> str:
    return text.replace("_", " ")
