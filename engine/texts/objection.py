"""The words of a notice that a contact of a person changes, and the page and code by which they object.

A notice names the kind of contact, never its address. The code and the token of the link follow from the
installation's key and the notice; stored messages hold placeholders.
"""

from __future__ import annotations

import base64
import hmac
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup

from engine.core.alerting.alert import Notification, Rendered
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant, local
from engine.gsm7 import ONE_PART, septets, transliterate
from engine.texts.answer_link_token import link, token_length, with_token
from engine.texts.answer_page import with_phone_links
from engine.texts.catalogue import LANGUAGES, Catalogue, Texts, template_environment
from engine.texts.credential_words import credential_words
from engine.texts.sanitize import plain

ZONE = "Asia/Jakarta"
CODE = "{{code}}"
"""Stands in stored messages where the code goes, which is as long as six digits."""
DIGITS = 6
STYLES = ("levels.css", "answer.css")

Standing = Literal["waits", "objected", "over"]
"""What a page says of a change: an objection is possible; somebody objected; it was decided, or it counts."""


class ChangedContact(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a contact, as people read of it.

    `channel` is that of the contact, `by` the credential that made the change, as the audit holds it. `until`: it
    counts then unless somebody objects; None: a second person must approve.
    """

    act: Literal["count", "remove", "removed", "stopped"]
    channel: Channel
    by: str
    until: Instant | None


def code_of(key: bytes, notification_id: str) -> str:
    """Return the code by which the recipient of a notice objects by SMS."""
    secret = hmac.new(key, f"objection\0{notification_id}".encode(), sha256).hexdigest()
    return f"{int(secret, 16) % 10**DIGITS:0{DIGITS}d}"


def fill_code(text: str, key: bytes, notification_id: str) -> str:
    """Return a stored text with its code."""
    return text.replace(CODE, code_of(key, notification_id)) if CODE in text else text


def notice(
    catalogue: Catalogue,
    changed: ChangedContact,
    to: Notification,
    *,
    base_url: str,
    sender: str,
    name: str,
    at: Instant,
    two_way: bool,
) -> Rendered:
    """Return the notice of a change; by SMS over a `two_way` route it asks for a reply, else for a tap on a link.

    `name` is that by which an e-mail goes.
    """
    texts = catalogue.texts(to.language)
    address = to.rendered.to if to.rendered is not None else ""
    date = format_datetime(local(at, ZONE))
    if to.channel == "sms":
        how = texts("contact_change.reply", code=CODE) if two_way else link(base_url)
        return Rendered(to=address, text=_fitting(texts, changed, how), date=date)
    lines = (
        _sentence(texts, changed),
        _until(texts, changed),
        texts("contact_change.link", link=link(base_url)),
        texts["contact_change.harmless"],
    )
    host = urlsplit(base_url).hostname or "localhost"
    mail = to.channel == "email"
    return Rendered(
        to=address,
        text="".join(f"{line}\n\n" for line in lines).rstrip("\n") + "\n",
        subject=texts["contact_change.subject"],
        date=date,
        reference=f"<{name}@{host}>" if mail else "",
        headers={"From": sender, "Auto-Submitted": "auto-generated"} if mail else {"kind": to.kind},
    )


def _sentence(texts: Texts, changed: ChangedContact) -> str:
    what = texts[f"contact_change.what.{changed.channel}"]
    return texts(f"contact_change.{changed.act}", what=what, by=credential_words(changed.by, texts))


def _until(texts: Texts, changed: ChangedContact) -> str:
    done = "done" if changed.act in ("removed", "stopped") else "new"
    if changed.until is None:
        return texts["contact_change.approval"]
    return texts(f"contact_change.until.{done}", when=_moment(changed.until))


def _moment(at: Instant) -> str:
    return f"{local(at, ZONE):%d/%m %H.%M} WIB"


def _fitting(texts: Texts, changed: ChangedContact, how: str) -> str:
    """Return the first variant that fits one part, else the last one, which takes two: a cut would lose the link."""
    values = {
        "what": texts[f"contact_change.what.{changed.channel}"],
        "by": credential_words(changed.by, texts),
        "until": "" if changed.until is None else _moment(changed.until),
        "how": how,
    }
    key = f"contact_change.sms.{changed.act}"
    if changed.act == "count" and changed.until is None:
        key = "contact_change.sms.count.approval"
    filled = [transliterate(variant.format_map(values)) for variant in texts.variants(key)]
    return next((text for text in filled if septets(_as_sent(text)) <= ONE_PART), filled[-1])


def _as_sent(text: str) -> str:
    """Return a text as long as it is once its token and code stand in it."""
    return with_token(text, "a" * token_length("sms")).replace(CODE, "0" * DIGITS)


class ObjectionPages:
    """Makes the page behind the link of a notice: what changed, and one button."""

    def __init__(self, catalogue: Catalogue, *, templates: Path, duty_desk: str = "") -> None:
        self._catalogue = catalogue
        self._duty_desk = with_phone_links(plain(duty_desk)) if duty_desk else ""
        self._page = template_environment(templates).get_template("objection.html.j2")
        style = "".join((templates / name).read_text(encoding="utf-8") for name in STYLES)
        self._style = Markup(style)  # noqa: S704 -- our own files

    @property
    def content_security_policy(self) -> str:
        """The header that allows the page its own style and form and nothing else."""
        digest = base64.b64encode(sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def page(self, changed: ChangedContact, standing: Standing, *, action: str) -> str:
        """Return the page in both languages, Indonesian first."""
        both = []
        for language in LANGUAGES:
            texts = self._catalogue.texts(language)
            lines = [_sentence(texts, changed)]
            lines += [_until(texts, changed)] if standing == "waits" else []
            lines.append(texts[f"objection.{standing}"])
            both.append((texts, lines))
        return self._page.render(
            both=both, standing=standing, action=action, duty_desk=self._duty_desk, style=self._style
        )
