"""The sections of the settings: budgets, gateways, retention, backup and situation reports.

Specification: docs/specification/escalation.md#budgets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pyrage
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)


class SettingsSection(BaseModel):
    """A frozen section of the settings; a name that it does not have is a mistake."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


def listed(value: object) -> object:
    """Let a list be written as text with commas, as the environment must."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _from_home(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the home of the installation, where the file told it."""
    home = (info.context or {}).get("home")
    return home / path if home is not None else path


FilePath = Annotated[Path, AfterValidator(_from_home)]
"""A path; relative ones count from the home: the folder that holds `config/siaga.yaml`'s folder `config`."""


def check_recipient(text: str) -> str:
    """Return a public key without spaces around it; raise `ValueError` where it is none."""
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise ValueError(
            f"{text[:20]}: no public key of a backup; `siaga backup-key FILE` makes one"
        ) from None


class BackupSection(SettingsSection):
    """Backups hold the phones and mailboxes of all officials: they are encrypted unless somebody asks otherwise."""

    recipients: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Public keys (`age1...`, from `siaga backup-key`); the identity of any of them opens a backup."""

    @field_validator("recipients")
    @classmethod
    def _public_keys(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_recipient(one) for one in recipients)


def _written(value: object) -> object:
    """Write `{at_most: 5, within: 15m}` as `5/15m`, the form that the environment and the command line have."""
    if isinstance(value, Mapping) and {"at_most", "within"} <= value.keys() <= {
        "at_most",
        "within",
        "smooth",
    }:
        smooth = " smooth" if str(value.get("smooth", "")).lower() in ("true", "yes", "on") else ""
        return f"{value['at_most']}/{value['within']}{smooth}"
    return value


AllowanceSetting = Annotated[
    str,
    BeforeValidator(_written),
    Field(pattern=r"^[1-9][0-9]{0,6}/([0-9]+(ms|s|m|h|d|w))+( smooth)?$", max_length=40),
]
"""At most so many messages in any stretch of so long: `5/15m`, or `{at_most: 5, within: 15m, smooth: true}`."""
AllowanceSettings = Annotated[tuple[AllowanceSetting, ...], BeforeValidator(listed)]


class PersonBudgets(SettingsSection):
    """What one person gets, by channel; what is beyond waits and comes as one digest. Awas is never held."""

    sms: AllowanceSettings = ("5/15m", "11/1h", "21/3h")
    """At most so many SMS."""
    email: AllowanceSettings = ("20/1h",)
    """At most so many e-mails."""


class RegionBudgets(SettingsSection):
    """What goes out about one regency, by channel. Awas is never held."""

    sms: AllowanceSettings = ("60/10m",)
    """At most so many SMS."""
    email: AllowanceSettings = ("200/10m",)
    """At most so many e-mails."""


class GatewayBudgets(SettingsSection):
    """What a channel's gateways take; awas goes first, then regions in turn."""

    sms: AllowanceSettings = ("600/1m",)
    """At most so many SMS."""
    email: AllowanceSettings = ()
    """At most so many e-mails; none: as many as there are."""


class AwasBudgets(SettingsSection):
    """What one phone gets of awas one by one; what is beyond comes as a digest with its count and places."""

    sms: AllowanceSettings = ("5/10m",)
    """At most so many SMS."""
    digest_every: str = Field(default="2m", pattern=r"^([0-9]+(ms|s|m|h|d|w))+$", max_length=40)
    """At most one digest in so long."""


class BudgetSection(SettingsSection):
    """How many messages go out; `5/15m` means at most 5 in any 15 minutes."""

    person: PersonBudgets = PersonBudgets()
    region: RegionBudgets = RegionBudgets()
    gateway: GatewayBudgets = GatewayBudgets()
    awas: AwasBudgets = AwasBudgets()
    awas_reserve: str = Field(default="20%", pattern=r"^[0-9]{1,2}%$")
    """Share of a gateway's rate that is kept for awas, such as 20%."""


class OutboxSection(SettingsSection):
    """The gateway that writes messages to files."""

    enabled: bool = True
    """Write every message of a channel that has no other gateway as a file."""
    directory: FilePath | None = None
    """Folder of the .eml and .sms files; none: outbox in paths.var."""


class Smtp(SettingsSection):
    """The gateway for e-mail."""

    host: str | None = None
    """Name of the mail server; none: e-mail goes to the outbox."""
    port: int = Field(default=587, ge=1, le=65_535)
    """TCP port of the mail server."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`starttls` (587), `implicit` (465), or `none` (only inside one machine)."""
    user: str | None = None
    """Name to log in with; none: no login."""
    password: SecretStr | None = None
    """Password to log in with; better left empty and given by `password_env`."""
    password_env: str = "SIAGA_SMTP_PASSWORD"  # noqa: S105 -- the name of a variable, not a password
    """Environment variable that holds the password."""
    envelope_sender: str | None = None
    """Address that gets bounces; none: the address in messages.sender."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the machine's, as PEM, for a mail server with one of your own."""
    bounces: FilePath | None = None
    """Maildir of bounces, read by the role dispatcher; none: they come by `siaga bounce`."""
    timeout_seconds: float = Field(default=30, gt=0, le=50)
    """Longest wait for the mail server, in seconds; after a minute another process would send the mail too."""
    connections: int = Field(default=3, ge=1, le=20)
    """Connections kept open at once."""


class SmsRoute(SettingsSection):
    """What the route of SMS carries."""

    two_way: bool = False
    """Answers come back to POST /v1/inbound/sms: an SMS shows a code to reply with instead of a link."""
    concat: bool = False
    """Longer messages arrive in one piece: an SMS may have two parts."""
    unicode: bool = False
    """Letters beyond GSM-7 arrive. Siaga writes GSM-7 all the same, since they more than halve the room."""
    url_ok: bool = True
    """Links arrive; where not, a one-way SMS asks to call the duty desk."""
    banned_words: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Words that operators throw messages away for, such as otp, pin."""


class GatewaySettings(SettingsSection):
    """How messages leave."""

    sms: SmsRoute = SmsRoute()

    outbox: OutboxSection = OutboxSection()
    smtp: Smtp = Smtp()


class RetentionSection(SettingsSection):
    """How long things are kept, in days; 0 keeps them for good. Histories and the audit hold no personal data."""

    resolved_days: int = Field(30, ge=0, le=4_000)
    """An alert leaves the store for the archive so long after it was resolved, with all that belongs to it."""
    exercise_days: int = Field(7, ge=0, le=4_000)
    """An alert of an exercise leaves so long after it was resolved."""
    audit_days: int = Field(30, ge=0, le=4_000)
    """Entries of the audit leave the store for the archive after this."""
    messages_days: int = Field(400, ge=0, le=4_000)
    """Words and addresses of messages stay so long after their alert was resolved."""
    notes_days: int = Field(400, ge=0, le=4_000)
    """Free text that people left with an answer stays so long after its alert was resolved."""
    directory_days: int = Field(90, ge=0, le=4_000)
    """Versions of the directory stay so long after another one followed."""

    def days_of(self, space: str) -> int:
        """Return how long resolved alerts of a space stay in the store; 0: for good."""
        return self.exercise_days if space == "exercise" else self.resolved_days


_OFFICE = re.compile(r"[a-z][a-z0-9_]*@(nation|province|\d{2}(\.\d{2})?)", re.ASCII)


class SituationSection(SettingsSection):
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
