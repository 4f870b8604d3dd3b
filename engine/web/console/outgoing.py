"""Outgoing messages: what waits and why, what failed, and how the gateways are.

Here: the page. Not here: when a message goes (`delivery.dispatcher`) and whom only a call can reach (`console.phone`).
It shows offices and states, never texts, numbers or addresses.
"""

from __future__ import annotations

from collections import Counter
from typing import get_args

import msgspec
from starlette.responses import Response

from engine.app import Siaga
from engine.core.alerting.alert import Notification, NotificationState
from engine.core.alerting.gateway_route import CLOSED, Breaker
from engine.core.judging.instant import Instant
from engine.records.alert_lists import callable_in, most_pressing
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX, load
from engine.records.runtime_config import BREAKERS
from engine.records.tolerant_read import readable_or
from engine.store.port import Place
from engine.texts.console.deliveries import Way, way
from engine.texts.localizer import Localizer
from engine.web.api import phone_list
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import asked_place, next_page, shell_of
from engine.web.console.routing import pages

router = pages()

PATH = "/console/outgoing"
LISTED = 100
"""So many messages of each kind are listed at once."""
PIECES = 3
"""So many times as many that are planned are looked through for them."""
ALERTS = 50
"""Messages are counted over so many of the most pressing alerts."""
STATES: tuple[NotificationState, ...] = get_args(NotificationState)


class OutgoingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One message: of which alert (empty: a digest), to which office, what kind, by which way, and when it goes."""

    alert: str
    level: int
    place: str
    office: str
    kind: str
    way: Way
    when: str


class GatewayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway: its channel, and until when it is not asked because it failed five times in a row."""

    id: str
    channel: str
    is_open: bool
    until: str


@router.get(PATH)
async def outgoing(visit: CurrentUser = visitor("operate")) -> Response:
    """Show what goes out in the user's region."""
    siaga, now = visit.siaga, visit.siaga.clock.now()
    calls, _ = await phone_list.waiting(siaga, visit.scope.region)
    pressing = [alert.id for alert in await most_pressing(siaga.store, visit.scope.region, ALERTS + 1)]
    failing, _ = await callable_in(siaga.store, visit.scope.region, ALERTS)
    cases = await load(siaga.store, list(dict.fromkeys([*pressing[:ALERTS], *failing])), unreadable={})
    mine = [case for case in cases.values() if visit.scope.covers(case.alert.region)]
    waiting, after = await _waiting(siaga, visit)
    every = [n for case in mine for n in case.notifications.values()]
    failed = sorted((n for n in every if n.state == "failed"), key=lambda n: -n.planned_at)
    counts = Counter(n.state for n in every)
    return shell_of(visit.request).page(
        visit.request,
        "outgoing.html.j2",
        visit=visit,
        calls=len(calls),
        waiting=[_line(visit, n, now) for n in waiting],
        next_page=next_page(visit, after),
        failed=[_line(visit, n, now) for n in failed[:LISTED]],
        more_failed=max(0, len(failed) - LISTED),
        counts=[(state, counts[state]) for state in STATES],
        planned=len(every),
        alerts=len(mine),
        whole=len(pressing) <= ALERTS,
        outlets=await _outlets(visit, now),
    )


async def _waiting(siaga: Siaga, visit: CurrentUser) -> tuple[list[Notification], Place | None]:
    """Return what is to go out or to be tried again, the next first; what only awaits a report is not.

    It looks through a bounded part of what is planned; with it comes the place behind which there may be more.
    """
    after, found = asked_place(visit), list[Notification]()
    for _ in range(PIECES):
        due = await siaga.store.page(OUTBOX, LISTED, after)
        records = await siaga.store.get(NOTIFICATIONS, [id_ for id_, _ in due]) if due else []
        for (id_, at), record in zip(due, records, strict=True):
            if len(found) == LISTED:
                return found, after
            after = Place(at, id_)
            n = readable_or(NOTIFICATIONS, id_, record, Notification, None)
            if n is not None and n.state in ("pending", "sending") and visit.scope.covers(n.region):
                found.append(n)
        if len(due) < LISTED:
            return found, None
    return found, after


def _line(visit: CurrentUser, n: Notification, now: Instant) -> OutgoingLine:
    voice = _voice(visit, n.region)
    return OutgoingLine(
        alert=n.alert,
        level=n.level,
        place=voice.place(n.region),
        office=voice.office(n.role, n.office, n.status),
        kind=voice.texts[f"console.kind.{n.kind}"],
        way=way(n, voice.texts),
        when=voice.near_moment(n.due_at if n.due_at is not None else n.planned_at, now),
    )


async def _outlets(visit: CurrentUser, now: Instant) -> list[GatewayRow]:
    routes, voice = visit.siaga.books.routes, _voice(visit, visit.scope.region)
    records = await visit.siaga.store.get(BREAKERS, [route.gateway for route in routes])
    found = []
    for route, record in zip(routes, records, strict=True):
        breaker = readable_or(BREAKERS, route.gateway, record, Breaker, CLOSED)
        found.append(
            GatewayRow(
                id=route.gateway,
                channel=voice.texts[f"console.channel.{route.channel}"],
                is_open=breaker.is_open(now),
                until=voice.near_moment(breaker.open_until or now, now),
            )
        )
    return found


def _voice(visit: CurrentUser, region: str) -> Localizer:
    texts = shell_of(visit.request).catalogue.texts(visit.language)
    return Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, region)
