"""Who tells of a case on a page: its words in the language of the page, or of whom they are for.

Here: from a visit and a case to the teller of messages and pages (`wording.account`). Not here: any sentence.
"""

from __future__ import annotations

from engine.alerting.alert import Notification
from engine.service.casebook import Case
from engine.web.console.shell import shell_of
from engine.web.console.visit import Visit
from engine.wording.account import Case as Spoken
from engine.wording.account import Teller
from engine.wording.voice import Voice


def teller_of(visit: Visit, case: Case, mine: Notification, language: str = "") -> Teller:
    """Return who tells of a case, in the language of the page unless another is named."""
    siaga, messages = visit.siaga, tuple(case.notifications.values())
    texts = shell_of(visit.request).catalogue.texts(language or visit.language)
    voice = Voice(texts, siaga.books.regions, siaga.kind_names, case.alert.region)
    at = siaga.clock.now()
    return Teller(voice, Spoken(notification=mine, alert=case.alert, notifications=messages, at=at))
