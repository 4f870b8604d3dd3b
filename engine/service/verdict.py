"""A verdict on one part of an installation: good, a warning, or a fault with its remedy.

Here: the value. Not here: who judges what (`service.checkup`, `service.machine`, `service.probe`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["good", "warning", "fault"]
"""A `fault`: Siaga does not start, or somebody is not told because of it. A `warning`: it serves, less well."""


class Verdict(msgspec.Struct, frozen=True):
    """What was found of one part (`area`); what is not good says what to do about it."""

    area: str
    state: State
    says: str
    remedy: str = ""


def good(area: str, says: str) -> Verdict:
    """Return that a part is as it should be."""
    return Verdict(area, "good", says)


def warning(area: str, says: str, remedy: str) -> Verdict:
    """Return that a part serves, less well than it could."""
    return Verdict(area, "warning", says, remedy)


def fault(area: str, says: str, remedy: str) -> Verdict:
    """Return that a part keeps Siaga from serving."""
    return Verdict(area, "fault", says, remedy)
