"""Who tells of a case on a page: its words in the language of the page, or of whom they are for.

Here: from a visit and a case to the teller of messages and pages (`texts.alert_text`). Not here: any sentence.
"""

from __future__ import annotations

from engine.core.alerting.alert import Notification
from engine.service.casebook import Case
from engine.texts.alert_text import Case as Spoken
from engine.texts.alert_text import Teller
from engine.texts.localizer import Voice
from engine.web.console.shell import shell_of
from engine.web.console.visit import Visit


def teller_of(visit: Visit, case: Case, mine: Notification, language: str = "") -> Teller:
    """Return who tells of a case, in the language of the page unless another is named."""
    siaga, messages = visit.siaga, tuple(case.notifications.values())
    texts = shell_of(visit.request).catalogue.texts(language or visit.language)
    voice = Voice(texts, siaga.books.regions, siaga.kind_names, case.alert.region)
    at = siaga.clock.now()
    return Teller(voice, Spoken(notification=mine, alert=case.alert, notifications=messages, at=at))
