"""The situation: what is open where, what comes next, what the last hour brought, and who is silent.

Here: the routes of the nation, a province and a regency, each as far as the user's region reaches. Not here: words and
order (`wording.console`), and following what happens (`service.recent`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.alerting.alert import Alert
from engine.judging.region import NATION, lies_in
from engine.service.casebook import unresolved
from engine.service.recent import Recent
from engine.web.auth import cover
from engine.web.console.route import pages
from engine.web.console.shell import HOME, shell_of
from engine.web.console.visit import Visit, visitor
from engine.web.problem import not_found
from engine.wording.absence import is_absence
from engine.wording.absence import why_now as absence
from engine.wording.console.hour import bars, done, totals
from engine.wording.console.overview import pressing, row
from engine.wording.console.tiles import Layout, Tile, counted, inside, tile
from engine.wording.texts import Texts
from engine.wording.voice import Voice

router = pages()
MOST_ROWS, MOST_DONE = 100, 12
LEVELS = (4, 3, 2)


@router.get(HOME)
async def situation(visit: Visit = visitor("read")) -> Response:
    """Show the situation of the user's region."""
    return await _page(visit, visit.scope.region)


@router.get(HOME + "/regions/{code}")
async def region(code: str, visit: Visit = visitor("read")) -> Response:
    """Show the situation of a region that lies in the user's."""
    if code == visit.scope.region:
        return RedirectResponse(HOME, 303)
    if not visit.siaga.books.regions.known(code):
        raise not_found("region")
    cover(visit.scope, code, "read")
    return await _page(visit, code)


async def _page(visit: Visit, within: str) -> Response:
    siaga, shell, now = visit.siaga, shell_of(visit.request), visit.siaga.clock.now()
    texts, regions, kinds = shell.catalogue.texts(visit.language), siaga.books.regions, siaga.kind_names
    name = Voice(texts, regions, kinds, within).place
    alerts = [alert for alert in await unresolved(siaga.store) if lies_in(alert.region, within)]
    seen = counted(alerts)
    listed = pressing(alert for alert in alerts if not alert.hidden)
    hour = (await recent_of(visit.request).look()).of(lambda code: lies_in(code, within))
    entries = [deed.entry for deed in hour.deeds if not deed.alert.exercise]
    opened, answered = totals(entries)
    # An answer that resolves says so by itself.
    deeds = [deed for deed in hour.deeds if deed.entry.reason != "by_hand"]
    parent = regions.parent(within) if within != visit.scope.region else None
    return shell.page(
        visit.request,
        "situation.html.j2",
        visit=visit,
        within=within,
        place=name(within),
        parent=parent
        and (HOME if parent == visit.scope.region else f"{HOME}/regions/{parent}", name(parent)),
        tiles=_tiles(visit, within, seen, texts, name),
        layout=_layout(siaga.settings.paths.templates) if within == NATION else None,
        levels=[(level, sum(alert.level == level for alert in seen)) for level in LEVELS],
        waiting=sum(alert.status == "open" for alert in seen),
        newest=_newest(seen, texts, visit, within),
        rows=[row(alert, texts, regions, kinds, now) for alert in listed[:MOST_ROWS]],
        more=max(len(listed) - MOST_ROWS, 0),
        events=sum(hour.events.values()),
        places=len(Counter(code for _, code in hour.events)),
        bars=bars(hour.events, now),
        whole=hour.whole,
        opened=opened,
        answered=answered,
        done=[done(deed.entry, deed.alert, texts, regions, kinds, now) for deed in deeds[:MOST_DONE]],
        silent=[
            (alert, name(alert.region), list(absence(alert, Voice(texts, regions, kinds, alert.region), now)))
            for alert in sorted(seen, key=lambda a: (-a.level, a.detected_at))
            if is_absence(alert)
        ],
    )


def _tiles(
    visit: Visit, within: str, alerts: list[Alert], texts: Texts, name: Callable[[str], str]
) -> list[Tile]:
    """Return the tiles of what lies directly in a region; first that of the region itself, where it has alerts."""
    codes = sorted(one.code for one in visit.siaga.books.regions if one.parent == within)
    places = _layout(visit.siaga.settings.paths.templates).tiles if within == NATION else {}
    found = inside(alerts, codes)
    own = [alert for alert in alerts if alert.region == within] if codes else []
    return [
        *([tile(within, own, texts, name, places.get(within))] if own else []),
        *(tile(code, found[code], texts, name, places.get(code)) for code in codes),
    ]


def _newest(alerts: list[Alert], texts: Texts, visit: Visit, within: str) -> str:
    """Say which alert is the newest, for who listens to the page instead of looking at it."""
    newest = max(alerts, key=lambda alert: (alert.detected_at, alert.id), default=None)
    if newest is None:
        return texts["console.situation.calm"]
    voice = Voice(texts, visit.siaga.books.regions, visit.siaga.kind_names, within)
    return texts(
        "console.situation.newest",
        level=texts[f"level.{newest.level}"],
        title=newest.rule.short_title or newest.rule.title,
        place=voice.place(newest.region),
    )


@cache
def _layout(templates: Path) -> Layout:
    file = templates / "console/tiles.yaml"
    return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Layout)


def recent_of(request: Request) -> Recent:
    """Return what follows the last hour in this process."""
    recent: Recent = request.app.state.recent
    return recent
