"""The addresses of an erased person, as they may stand in text of others: found, and redacted.

A phone is found however its digits are grouped and whatever stands for the country; a mailbox in any case of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

ERASED = "[dihapus]"
"""What stands in a text where an address stood."""
SHORTEST = 6
"""Fewer digits than this are no phone: they would be found in any number."""

_BETWEEN = r"[\s.()\-]*"
_COUNTRY = "62"


class ContactValues:
    """Some addresses: phones as `+` and digits, mailboxes, URLs."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = frozenset(value for value in values if value)
        forms = [form for value in sorted(self.values, key=len, reverse=True) if (form := _form(value))]
        apart = "|".join(rf"(?<!{_before(form)}){form}" for form in forms)
        self._anywhere = re.compile("|".join(forms), re.IGNORECASE) if forms else None
        self._apart = re.compile(rf"(?:{apart})(?!\w)", re.IGNORECASE) if forms else None

    def __bool__(self) -> bool:
        """Whether there is any address."""
        return self._anywhere is not None

    def within(self, content: bytes) -> bool:
        """Say whether bytes hold one of the addresses, whatever stands around it."""
        return self._anywhere is not None and self._anywhere.search(content.decode("latin-1")) is not None

    def redacted(self, text: str) -> str:
        """Return a text with `ERASED` in place of each address."""
        return text if self._apart is None else self._apart.sub(ERASED, text)

    def redacted_document(self, raw: bytes) -> bytes:
        """Return a JSON document without the addresses; the same bytes where it holds none."""
        if not self.within(raw):
            return raw
        document = msgspec.json.decode(raw)
        changed = self._walk(document)
        return raw if changed == document else msgspec.json.encode(changed)

    def _walk(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redacted(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ERASED if self.redacted(str(value)) != str(value) else value
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        if isinstance(value, dict):
            return {self.redacted(key): self._walk(item) for key, item in value.items()}
        return value


def _form(value: str) -> str:
    """Return the pattern of one address; empty where it is too short to be found without finding others."""
    if "@" in value or ":" in value:
        return re.escape(value)
    digits = re.sub(r"\D", "", value)
    own = digits.removeprefix(_COUNTRY) if digits.startswith(_COUNTRY) else digits.removeprefix("0")
    if len(own) < SHORTEST:
        return ""
    spaced = _BETWEEN.join(own)
    return rf"\(?(?:\+?{_BETWEEN.join(_COUNTRY)}|0)?{_BETWEEN}{spaced}"


def _before(form: str) -> str:
    """Return the characters before which an address is a part of another one."""
    return r"[\w.+\-]" if "@" in form else r"[\w+]"
