"""Messages that belong to no alert: previews, and test messages to one contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from engine.core.alerting.alert import NOTICES, Alert, NoticeKind, Notification, Rendered
from engine.core.alerting.directory import Contact
from engine.core.alerting.policy import Channel
from engine.core.judging.instant import Instant, local
from engine.gsm7 import transliterate
from engine.texts.catalogue import Catalogue
from engine.texts.render import KINDS

NAMES: Mapping[str, tuple[NoticeKind, dict[str, bool]]] = {
    **{kind: (kind, {}) for kind in sorted(KINDS)},
    "inform": ("first", {"informing": True}),
    "returned": ("delegated", {"returned": True}),
}
"""Name of a message -> its kind, and what tells it from others of that kind."""


def preview_notification(
    name: str,
    alert: Alert,
    notifications: Sequence[Notification],
    *,
    channel: Channel,
    language: str,
    at: Instant,
) -> Notification:
    """Return the notification of a message of `NAMES`, as if it were planned now.

    It is told as whoever got the newest message of that kind, else the newest notice, else as nobody in particular.
    """
    kind, marks = NAMES[name]
    same = [n for n in notifications if n.kind == kind]
    notices = [n for n in notifications if n.kind in NOTICES and not n.informing]
    nobody = Notification(
        id="contoh",
        alert=alert.id,
        kind=kind,
        person="",
        contact="",
        channel=channel,
        cause=f"{alert.id}.{alert.history}",
        planned_at=at,
        level=alert.level,
        region=alert.region,
    )
    told = max(same or notices or [nobody], key=lambda n: n.planned_at)
    return msgspec.structs.replace(
        told,
        kind=kind,
        channel=channel,
        language=language,
        planned_at=at,
        informing=marks.get("informing", False),
        returned=marks.get("returned", False),
    )


ZONE = "Asia/Jakarta"


def trial_message(
    catalogue: Catalogue,
    language: str,
    contact: Contact,
    *,
    id_: str,
    base_url: str,
    sender: str,
    at: Instant,
    code: str = "",
    two_way: bool = False,
) -> Rendered:
    """Return the trial message for a contact in the language of its person.

    With a `code` it asks to bring that back, by an answer where the route is `two_way`; else it asks nothing.
    """
    texts = catalogue.texts(language)
    moment = local(at, ZONE)
    when = f"{moment:%d/%m %H.%M} WIB"
    words = texts("trial.text", when=when)
    if code:
        words = texts("verify.text.reply" if two_way else "verify.text", when=when, code=code)
    date = format_datetime(moment)
    if contact.channel == "sms":
        return Rendered(to=contact.value, text=transliterate(words), date=date)
    host = urlsplit(base_url).hostname or "localhost"
    return Rendered(
        to=contact.value,
        text=f"{words}\n",
        subject=texts["verify.subject" if code else "trial.subject"],
        date=date,
        reference=f"<{id_}@{host}>" if contact.channel == "email" else "",
        headers={"From": sender, "Auto-Submitted": "auto-generated"}
        if contact.channel == "email"
        else {"kind": "trial"},
    )
