"""The phone list: whom no message can reach, over all alerts of the user's region, in the order in which to call.

Here: the page, and one person to call as pages show them. Not here: who stands on the list (`core.alerting.phone_list`)
and what came of a call (`console.deeds`). It shows numbers of people: each look stands in the audit.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from engine.core.alerting.phone_list import Callee
from engine.records.alert_repository import Case
from engine.records.audit_log import note_seen
from engine.texts.alert_text import said_by_phone
from engine.web.api.phone_list import waiting
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME, asked_place, next_page, shell_of, teller_of
from engine.web.console.routing import pages

router = pages()
PHONE = HOME + "/phone"


class ToCall(NamedTuple):
    """Somebody to call about an alert: as which office, by which numbers, what to say; `informing`: need not act.

    `storm`: messages reach them, but this one waits for the next digest.
    """

    alert: str
    level: int
    title: str
    place: str
    person: str
    office: str
    numbers: tuple[str, ...]
    say: str
    informing: bool
    storm: bool


@router.get(PHONE)
async def phone(visit: CurrentUser = visitor("operate")) -> Response:
    """Show whom only a call can reach."""
    siaga, within = visit.siaga, visit.scope.region
    found, more = await waiting(siaga, within, asked_place(visit))
    if found:
        await note_seen(siaga.store, siaga.clock.now(), f"phone_list/{within}", visit.scope.credential)
    callees = [await to_call(visit, callee, case) for callee, case in found]
    return shell_of(visit.request).page(
        visit.request, "phone.html.j2", visit=visit, callees=callees, next_page=next_page(visit, more)
    )


async def to_call(visit: CurrentUser, callee: Callee, case: Case) -> ToCall:
    """Return a person of the list as pages show them; the words to say are in the person's language."""
    notice = callee.notice
    person = (await visit.siaga.books.directory()).person(notice.person)
    contacts = sorted(person.contacts, key=lambda contact: contact.priority) if person else []
    teller = teller_of(visit, case, notice)
    return ToCall(
        alert=case.alert.id,
        level=case.alert.level,
        title=teller.title,
        place=teller.place,
        person=notice.person,
        office=teller.office(notice),
        numbers=tuple(contact.value for contact in contacts if contact.channel == "sms"),
        say=said_by_phone(teller_of(visit, case, notice, notice.language)),
        informing=notice.informing,
        storm=callee.storm,
    )
