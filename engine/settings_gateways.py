"""The section `gateways` of the settings: how messages leave where no file of gateways says it.

Here: the outbox, the mail server and what the route of SMS carries. Not here: `config/gateways.yaml`
(`documents.gateways`) and what becomes of both (`service.outlets`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from engine.settings_section import Place, Section, listed


class Outbox(Section):
    """The gateway that writes messages to files."""

    enabled: bool = True
    """Write every message of a channel that has no other gateway as a file."""
    directory: Place | None = None
    """Folder of the .eml and .sms files; none: outbox in paths.var."""


class Smtp(Section):
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
    ca_file: Place | None = None
    """Certificates to trust instead of the machine's, as PEM, for a mail server with one of your own."""
    bounces: Place | None = None
    """Maildir of bounces, read by the role dispatcher; none: they come by `siaga bounce`."""
    timeout_seconds: float = Field(default=30, gt=0, le=50)
    """Longest wait for the mail server, in seconds; after a minute another process would send the mail too."""
    connections: int = Field(default=3, ge=1, le=20)
    """Connections kept open at once."""


class SmsRoute(Section):
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


class Gateways(Section):
    """How messages leave."""

    sms: SmsRoute = SmsRoute()

    outbox: Outbox = Outbox()
    smtp: Smtp = Smtp()
