"""Kinds of events and their names, read from YAML.

Here: the form of `config/kinds.yaml`. Not here: what happens to an event of an unknown kind (`service.intake`) and
how a name is worked into a message (`wording`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import yaml

from engine.errors import ConfigurationError

Language = Literal["id", "en"]


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names of one kind: `id` Indonesian, `en` English, each short enough to stand in an SMS."""

    id: str
    en: str

    def name(self, language: Language) -> str:
        """Return the name in one language."""
        return self.en if language == "en" else self.id


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1]
    kinds: dict[str, Kind]


def load_kinds(path: Path) -> dict[str, Kind]:
    """Read the kinds by their code (`neutrality.asn`); raise `ConfigurationError` where the file is not of the form."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _File).kinds
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
