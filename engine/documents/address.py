"""Addresses at which people are reached: phone numbers, mailboxes, webhooks.

Here: whether one is well formed, and its one normal form. Not here: whether anybody answers there.
The address itself never stands in a finding.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import phonenumbers

from engine.core.alerting.policy import Channel
from engine.documents.fields import Take, scalar
from engine.documents.finding import Findings, Mark, SourceFile, UnusableError
from engine.documents.yaml_tree import Node, ScalarNode

_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


def address_of(channel: Channel) -> Take[str]:
    """Return a reader of addresses of a channel."""
    return {"sms": phone, "email": mailbox, "webhook": webhook}[channel]


def phone(node: Node, findings: Findings) -> str:
    """Take an international phone number, as `+` and digits."""
    found = scalar(node, findings)
    try:
        number = phonenumbers.parse(found.text[:40], None)
    except phonenumbers.NumberParseException:
        raise findings.unusable("not_a_phone", found.mark) from None
    if not phonenumbers.is_valid_number(number) or not found.text.startswith("+"):
        raise findings.unusable("not_a_phone", found.mark)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mailbox(node: Node, findings: Findings) -> str:
    """Take an e-mail address, the domain in small letters."""
    found = scalar(node, findings)
    name, _, domain = found.text.rpartition("@")
    labels = domain.split(".")
    fits = len(name) <= 64 and len(found.text) <= 254 and len(labels) >= 2 and not labels[-1].isdigit()
    if not (fits and _MAILBOX.fullmatch(name) and all(map(_LABEL.fullmatch, labels))):
        raise findings.unusable("not_an_email", found.mark)
    return f"{name}@{domain.lower()}"


def webhook(node: Node, findings: Findings) -> str:
    """Take an address that begins with `https://`."""
    found = scalar(node, findings)
    try:
        parts = urlsplit(found.text)
        good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(found.text) > 2_000 or any(sign.isspace() for sign in found.text):
        raise findings.unusable("not_a_webhook", found.mark)
    return found.text


def address(channel: Channel, text: str) -> str | None:
    """Return the normal form of an address of a channel; None where it is none."""
    node = ScalarNode(text, plain=True, mark=Mark(SourceFile("", (text,))))
    try:
        return address_of(channel)(node, Findings())
    except UnusableError:
        return None
