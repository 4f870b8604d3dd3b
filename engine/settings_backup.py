"""The section `backup` of the settings: for whom backups are encrypted."""

from __future__ import annotations

from typing import Annotated

import pyrage
from pydantic import BeforeValidator, field_validator

from engine.settings_section import Section, listed


def check_recipient(text: str) -> str:
    """Return a public key without spaces around it; raise `ValueError` where it is none."""
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise ValueError(
            f"{text[:20]}: no public key of a backup; `siaga backup-key FILE` makes one"
        ) from None


class BackupSection(Section):
    """Backups hold the phones and mailboxes of all officials: they are encrypted unless somebody asks otherwise."""

    recipients: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Public keys (`age1...`, from `siaga backup-key`); the identity of any of them opens a backup."""

    @field_validator("recipients")
    @classmethod
    def _public_keys(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_recipient(one) for one in recipients)
