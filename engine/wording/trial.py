"""The words of a trial: a message to one contact, of no alert, so that somebody sees whether it arrives.

Here: the message. Not here: sending it (`service.trials`), and drills, which ask for an answer (`service.drill`).
"""

from __future__ import annotations

from email.utils import format_datetime
from urllib.parse import urlsplit

from engine.alerting.alert import Rendered
from engine.alerting.directory import Contact
from engine.gsm7 import transliterate
from engine.judging.instant import Instant, local
from engine.wording.texts import Catalogue

ZONE = "Asia/Jakarta"


def trial(
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
