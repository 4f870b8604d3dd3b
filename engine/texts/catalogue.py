"""The catalogue of texts in Indonesian and English, and the Jinja2 environment that renders them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import msgspec
import yaml
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import ConfigurationError

LANGUAGES = ("id", "en")
DEFAULT_LANGUAGE = "id"

CatalogueText = str | tuple[str, ...]


class TextPair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in both languages; a tuple holds variants of one SMS from the fullest to the leanest."""

    id: CatalogueText
    en: CatalogueText


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    texts: dict[str, TextPair]


class Texts:
    """The texts of one language by key."""

    def __init__(self, language: str, texts: Mapping[str, CatalogueText]) -> None:
        self.language = language
        self._texts = texts
        self._plain = {
            key: text.format_map({})
            for key, text in texts.items()
            if isinstance(text, str) and not placeholders(text)
        }

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __getitem__(self, key: str) -> str:
        return self._plain[key] if key in self._plain else self(key)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with its placeholders filled."""
        text = self._texts[key]
        if not isinstance(text, str):
            raise TypeError(f"{key} has variants")
        return text.format_map(values)

    def variants(self, key: str) -> tuple[str, ...]:
        """Return the unfilled variants of a key, the fullest first."""
        text = self._texts[key]
        return (text,) if isinstance(text, str) else text

    def first(self, *keys: str) -> str:
        """Return the first of these keys that the catalogue has; the last one is taken to be there."""
        return next((key for key in keys if key in self._texts), keys[-1])


class Catalogue:
    """All texts of all languages; immutable."""

    def __init__(self, pairs: Mapping[str, TextPair]) -> None:
        self.pairs = pairs
        self._by_language = {
            language: Texts(language, {key: getattr(pair, language) for key, pair in pairs.items()})
            for language in LANGUAGES
        }

    def texts(self, language: str) -> Texts:
        """Return the texts of a language; Indonesian where the language is not known."""
        return self._by_language.get(language, self._by_language[DEFAULT_LANGUAGE])


def load_catalogue(path: Path) -> Catalogue:
    """Read the catalogue; raise `ConfigurationError` that names the file and every text that is wrong."""
    try:
        pairs = msgspec.convert(
            yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader), _File
        ).texts
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    problems = [f"{path}: {key}: {problem}" for key, pair in pairs.items() for problem in _problems(pair)]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Catalogue(pairs)


def placeholders(text: str) -> frozenset[str]:
    """Return the names of the placeholders of a text; raise `ValueError` where one is not a plain name."""
    return frozenset(_placeholders(text))


def _placeholders(text: str) -> Iterator[str]:
    for _, name, specification, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or specification or conversion:
            raise ValueError(f"{{{name}}} is not a plain placeholder")
        yield name


def _problems(pair: TextPair) -> Iterator[str]:
    indonesian, english = ((text,) if isinstance(text, str) else text for text in (pair.id, pair.en))
    if isinstance(pair.id, str) != isinstance(pair.en, str) or len(indonesian) != len(english):
        yield "the languages have not as many variants"
        return
    for one, other in zip(indonesian, english, strict=True):
        if not one.strip() or not other.strip():
            yield "a language has no text"
        try:
            if placeholders(one) != placeholders(other):
                yield f"the placeholders of {one!r} and {other!r} differ"
        except ValueError as error:
            yield str(error)


class _Environment(ImmutableSandboxedEnvironment):
    """Knows that the fields of our own frozen values are safe, and nothing else of them.

    The sandbox's questions are about functions, frames and collections, and take a third of a message's time.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, msgspec.Struct) and attribute in obj.__struct_fields__:
            return getattr(obj, attribute)
        return super().getattr(obj, attribute)


@cache
def template_environment(templates: Path) -> ImmutableSandboxedEnvironment:
    """Return the environment of a folder of templates; `*.html.j2` escapes all values, `*.txt.j2` none.

    A folder is read once in the life of a process.
    """
    return _Environment(
        loader=FileSystemLoader(templates),
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
