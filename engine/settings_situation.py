"""The section `situation` of the settings: who gets the report on the situation.

Here: the offices as they are written. Not here: who holds them and when they are told (`service.situations`).
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, field_validator

from engine.settings_section import Section, listed

_OFFICE = re.compile(r"[a-z][a-z0-9_]*@(nation|province|\d{2}(\.\d{2})?)", re.ASCII)


class SituationSection(Section):
    """The report on the situation, at 06.00 and 18.00 of the region's own time."""

    to: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Offices that get it by e-mail: `role@nation`, `role@province` (that of each province), `role@73`."""

    @field_validator("to")
    @classmethod
    def _offices(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        for office in to:
            if not _OFFICE.fullmatch(office):
                raise ValueError(f"{office}: write posko_nasional@nation, posko@province or posko@73")
        return to
