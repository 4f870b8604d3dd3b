"""What a page says of one matter to one person: how it stands, and which answers it offers them.

Here: what the pages of one matter and of a digest share. Not here: the pages (`wording.answer_page`,
`wording.digest_page`) and what an answer does (`alerting.answer`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from markupsafe import Markup, escape

from engine.alerting.answer import TAKE_BACK_FOR, can_take_back
from engine.alerting.command import Says
from engine.wording.account import Teller

_TELEPHONE = re.compile(r"\+?\d[\d ().-]{5,18}\d", re.ASCII)
"""What can be dialled in the line that says how the duty desk is reached."""


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that the page offers: the value posted as `says`, its word, and what it means."""

    says: Says
    text: str
    explained: str


def status(teller: Teller) -> str:
    """Say in one line how the matter stands now."""
    alert, texts, voice = teller.alert, teller.texts, teller.voice
    if teller.notification.informing and alert.status == "open":
        return f"{texts['page.informing']} {texts['page.status.open']}"
    if alert.status == "resolved":
        return texts(
            "page.status.resolved", when=voice.near_moment(alert.resolved_at or teller.at, teller.at)
        )
    if alert.status == "open" or alert.acknowledged_at is None:
        return texts["page.status.open"]
    when = voice.near_moment(alert.acknowledged_at, teller.at)
    if alert.acknowledged_by == teller.notification.person:
        return texts("page.status.yours", when=when)
    return texts("page.status.acknowledged", office=teller.office_of(alert.acknowledged_by), when=when)


def offered(teller: Teller) -> Iterator[Says]:
    """Yield the answers that still make a difference, the most wanted first."""
    alert, mine = teller.alert, teller.notification
    if not alert.unresolved:
        if can_take_back(alert, mine.person, teller.at):
            yield "reopened"
        return
    took = _took(teller)
    if not mine.informing:
        if mine.kind == "reminder" if took else has_it(teller):
            yield "taken"
        if has_it(teller) and mine.person not in alert.declined and not took:
            yield "declined"
        yield "resolved"
        if took:
            yield "declined"
    if not took and mine.person not in alert.seen:
        yield "seen"


def _took(teller: Teller) -> bool:
    return any(taking.person == teller.notification.person for taking in teller.alert.takings)


def has_it(teller: Teller) -> bool:
    """Whether the matter is the person's to take, pass on or decline: nobody's, theirs, or passed on to them."""
    alert, mine = teller.alert, teller.notification
    if mine.informing or not alert.unresolved:
        return False
    passed_on = any(delegation.delegate == mine.person for delegation in alert.delegations)
    return alert.status == "open" or _took(teller) or passed_on


def button(teller: Teller, says: Says) -> Button:
    """Return a button; who has taken it renews and takes back what another would take and decline."""
    form = {"taken": "renewed", "declined": "withdrawn"}.get(says, says) if _took(teller) else says
    texts = teller.texts
    closed_at = teller.alert.resolved_at
    until = "" if closed_at is None else teller.voice.near_moment(closed_at + TAKE_BACK_FOR, teller.at)
    return Button(
        says=says,
        text=texts[f"page.button.{form}"],
        explained=texts(f"page.button.{form}.explained", until=until),
    )


def dialled(text: str) -> Markup:
    """Return a line in which a telephone number is dialled by a tap; whatever else stands in it stays text."""
    line, end = Markup(), 0
    for number in _TELEPHONE.finditer(text):
        digits = re.sub(r"[^\d+]", "", number[0])
        line += escape(text[end : number.start()]) + Markup('<a href="tel:{}">{}</a>').format(
            digits, number[0]
        )
        end = number.end()
    return line + escape(text[end:])
