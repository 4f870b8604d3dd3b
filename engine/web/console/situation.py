"""The situation: what is open where, what comes next, what the last hour brought, and who is silent.

Here: the routes of the nation, a province and a regency, each as far as the user's region reaches. Not here: words and
order (`texts.console`), and following what happens (`operations.recent_activity`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.core.alerting.alert import Alert, AlertStatus
from engine.core.judging.region import NATION, lies_in
from engine.operations.recent_activity import RecentActivity
from engine.records.alert_lists import (
    LEVELS,
    Counts,
    WantedList,
    counts_in,
    counts_of,
    most_pressing,
    silent_in,
)
from engine.texts.catalogue import Texts
from engine.texts.console.alert_rows import row
from engine.texts.console.last_hour import bars, done, totals
from engine.texts.console.tile_map import Tile, TileLayout, tile
from engine.texts.event_list import why_now as absence
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import HOME, shell_of
from engine.web.console.routing import pages
from engine.web.problem import not_found

router = pages()
MOST_ROWS, MOST_DONE, MOST_SILENT = 100, 12, 100
LOOKED_AT = 20
"""So many of the newest alerts are looked at for one that is shown."""
UNRESOLVED: tuple[AlertStatus, ...] = ("open", "acknowledged")


@router.get(HOME)
async def situation(visit: CurrentUser = visitor("read")) -> Response:
    """Show the situation of the user's region."""
    return await _page(visit, visit.scope.region)


@router.get(HOME + "/regions/{code}")
async def region(code: str, visit: CurrentUser = visitor("read")) -> Response:
    """Show the situation of a region that lies in the user's."""
    if code == visit.scope.region:
        return RedirectResponse(HOME, 303)
    if not visit.siaga.books.regions.known(code):
        raise not_found("region")
    cover(visit.scope, code, "read")
    return await _page(visit, code)


async def _page(visit: CurrentUser, within: str) -> Response:
    siaga, shell, now = visit.siaga, shell_of(visit.request), visit.siaga.clock.now()
    texts, regions, kinds = shell.catalogue.texts(visit.language), siaga.books.regions, siaga.kind_names
    name = Localizer(texts, regions, kinds, within).place
    counts = await counts_in(siaga.store, within)
    listed = await most_pressing(siaga.store, within, MOST_ROWS + 1)
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
        tiles=await _tiles(visit, within, counts, texts, name),
        layout=_layout(siaga.settings.paths.templates) if within == NATION else None,
        levels=[(level, counts.at(level)) for level in LEVELS],
        waiting=sum(counts.waiting.values()),
        newest=await _newest(counts, listed, texts, visit, within),
        rows=[row(alert, texts, regions, kinds, now) for alert in listed[:MOST_ROWS]],
        more=max(counts.total - MOST_ROWS, 1) if len(listed) > MOST_ROWS else 0,
        events=sum(hour.events.values()),
        places=len(Counter(code for _, code in hour.events)),
        bars=bars(hour.events, now),
        whole=hour.whole,
        opened=opened,
        answered=answered,
        done=[done(deed.entry, deed.alert, texts, regions, kinds, now) for deed in deeds[:MOST_DONE]],
        silent=[
            (
                alert,
                name(alert.region),
                list(absence(alert, Localizer(texts, regions, kinds, alert.region), now)),
            )
            for alert in await silent_in(siaga.store, within, MOST_SILENT)
        ],
    )


async def _tiles(
    visit: CurrentUser, within: str, whole: Counts, texts: Texts, name: Callable[[str], str]
) -> list[Tile]:
    """Return the tiles of what lies directly in a region; first that of the region itself, where it has alerts."""
    codes = sorted(one.code for one in visit.siaga.books.regions if one.parent == within)
    if not codes:
        return []
    places = _layout(visit.siaga.settings.paths.templates).tiles if within == NATION else {}
    found = await counts_of(visit.siaga.store, codes)
    own = whole.without(found.values())
    return [
        tile(code, counts.total, counts.highest, texts, name, places.get(code))
        for code, counts in [*([(within, own)] if own.total else []), *found.items()]
    ]


async def _newest(
    counts: Counts, listed: Sequence[Alert], texts: Texts, visit: CurrentUser, within: str
) -> str:
    """Say which alert is the newest, for who listens to the page instead of looking at it."""
    if not counts.total:
        return texts["console.situation.calm"]
    found = [
        await visit.siaga.desk.page(WantedList(region=within, status=status), LOOKED_AT)
        for status in UNRESOLVED
    ]
    alerts = [*listed, *(alert for page in found for alert in page.alerts)]
    shown = [alert for alert in alerts if not alert.hidden and not alert.exercise]
    newest = max(shown, key=lambda alert: (alert.detected_at, alert.id), default=None)
    if newest is None:
        return texts["console.situation.calm"]
    voice = Localizer(texts, visit.siaga.books.regions, visit.siaga.kind_names, within)
    return texts(
        "console.situation.newest",
        level=texts[f"level.{newest.level}"],
        title=newest.rule.short_title or newest.rule.title,
        place=voice.place(newest.region),
    )


@cache
def _layout(templates: Path) -> TileLayout:
    file = templates / "console/tiles.yaml"
    return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), TileLayout)


def recent_of(request: Request) -> RecentActivity:
    """Return what follows the last hour in this process."""
    recent: RecentActivity = request.app.state.recent
    return recent
