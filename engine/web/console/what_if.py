"""What if: the page on which a user pastes a changed rule, and the questions under way; nothing is saved.

A user has one question at a time, and this process a bounded number. `simulation.what_if` finds the answer.
"""

from __future__ import annotations

import asyncio
import math
from typing import Literal

import msgspec
from starlette.responses import Response

from engine.app import Siaga
from engine.clock import monotonic
from engine.core.judging.group_key import parts_of
from engine.core.judging.instant import DAY, Millis
from engine.core.judging.region import NATION
from engine.runtime.rate_limit import RateLimit, RateLimiter
from engine.runtime.worker import WorkersBusyError
from engine.simulation.what_if import (
    PASTED,
    Alerted,
    Question,
    Recipient,
    WhatIf,
    WhatIfAnswer,
    start_what_if,
    text_of,
)
from engine.texts.catalogue import Texts
from engine.texts.localizer import Localizer
from engine.web.auth import cover
from engine.web.console.current_user import CurrentUser, visitor
from engine.web.console.page_renderer import shell_of
from engine.web.console.routing import pages
from engine.web.problem import WORKERS_RETRY_SECONDS, Problem

router = pages()

PATH = "/console/what-if"
SPANS: tuple[Millis, ...] = (DAY, 7 * DAY, 30 * DAY, 90 * DAY)
"""How much of the past is taken (ms)."""
LONGEST = 100_000
"""Characters of pasted text."""
RUNS, RUNS_SECONDS = 10, 600.0
"""So many questions of one user at once, and again evenly over so many seconds."""
LISTED = 100
"""So many alerts and recipients are shown."""

WhatIfFault = Literal["", "text", "busy", "often"]
_STATUS: dict[WhatIfFault, int] = {"": 200, "text": 422, "busy": 503, "often": 429}


class WhatIfLine(msgspec.Struct, frozen=True):
    """A finding: the line of the pasted text (0: it is of another file), what is wrong, what to write instead."""

    line: int
    file: str
    error: bool
    message: str
    suggestion: str
    source: str


class WhatIfForm:
    """The last question of each user of this process."""

    def __init__(self, siaga: Siaga) -> None:
        self._siaga = siaga
        self._by_user: dict[str, WhatIf] = {}
        self._runs = RateLimiter()

    def of(self, user: str) -> WhatIf | None:
        """Return the user's last question."""
        return self._by_user.get(user)

    async def close(self) -> None:
        """End what is under way."""
        await self._siaga.workers.close()

    async def ask(self, user: str, text: str, span: Millis) -> tuple[WhatIfFault, float]:
        """Ask a question in place of the user's last one; one that is under way ends.

        Refused where too many workers are under way for others ("busy": the user's last answer stays), or the user asks
        too often ("often"); gives with it the seconds until that may have changed.
        """
        wait = self._runs.take(user, RateLimit.per(RUNS_SECONDS, RUNS), monotonic())
        if wait > 0:
            return "often", wait
        now = self._siaga.clock.now()
        question = Question(text=text, since=now - span, until=now, where=self._siaga.where)
        try:
            asked = await start_what_if(self._siaga.workers, user, self._siaga.settings, question)
        except WorkersBusyError:
            self._runs.give_back(user)
            return "busy", WORKERS_RETRY_SECONDS
        self._by_user[user] = asked
        return "", 0


@router.get(PATH)
async def what_if_page(visit: CurrentUser = visitor("policy")) -> Response:
    """Show the form, with a rule in it where one is named, and what became of the last question."""
    cover(visit.scope, NATION, "policy")
    asked = asked_of(visit).of(visit.user)
    rule = visit.request.query_params.get("rule", "")
    text = asked.question.text if asked and not rule else ""
    if rule in visit.siaga.books.rule_set.rules:
        text = await asyncio.to_thread(text_of, rule, visit.siaga.settings.paths.rules)
    return _page(visit, text=text, asked=None if rule else asked)


@router.post(PATH)
async def ask(visit: CurrentUser = visitor("policy")) -> Response:
    """Ask what a pasted rule would do."""
    cover(visit.scope, NATION, "policy")
    given = visit.form.get("text", "")
    text = given.replace("\r\n", "\n") if isinstance(given, str) else ""
    span = visit.text("span")
    if not text.strip() or len(text) > LONGEST:
        return _page(visit, text=text[:LONGEST], fault="text")
    if span not in map(str, SPANS):
        raise Problem(422, "invalid_span", "The span is none that the form offers.")
    fault, wait = await asked_of(visit).ask(visit.user, text, int(span))
    if not fault:
        return visit.back(PATH)
    response = _page(visit, text=text, fault=fault)
    response.headers["Retry-After"] = str(math.ceil(wait))
    return response


def asked_of(visit: CurrentUser) -> WhatIfForm:
    """Return the questions of this process."""
    asked: WhatIfForm = visit.request.app.state.asked
    return asked


def _page(visit: CurrentUser, *, text: str, asked: WhatIf | None = None, fault: WhatIfFault = "") -> Response:
    shell = shell_of(visit.request)
    texts = shell.catalogue.texts(visit.language)
    books, names = visit.siaga.books, visit.siaga.kind_names
    voice = Localizer(texts, books.regions, names, NATION)
    answer = asked.answer if asked else None
    return shell.page(
        visit.request,
        "what-if.html.j2",
        visit=visit,
        status=_STATUS[fault],
        fault=fault,
        text=text,
        longest=LONGEST,
        spans=[(span, voice.duration(span)) for span in SPANS],
        span=asked.question.until - asked.question.since if asked else SPANS[1],
        asked=asked,
        answer=answer,
        lines=findings(answer, visit.language) if answer else (),
        alerts=[_alerted(one, visit, texts) for one in answer.alerts[:LISTED]] if answer else (),
        more_alerts=max(0, len(answer.alerts) - LISTED) if answer else 0,
        recipients=[_recipient(one, voice) for one in answer.recipients[:LISTED]] if answer else (),
        more_recipients=max(0, len(answer.recipients) - LISTED) if answer else 0,
    )


def findings(answer: WhatIfAnswer, language: str) -> list[WhatIfLine]:
    """Return what is said of the pasted text, and errors elsewhere; remarks on other files were there before."""
    lines = []
    for finding in answer.findings:
        pasted = finding.file == PASTED
        if pasted or finding.severity == "error":
            said = finding.text("en" if language == "en" else "id")
            lines.append(
                WhatIfLine(
                    finding.line if pasted else 0,
                    "" if pasted else f"{finding.file}:{finding.line}",
                    finding.severity == "error",
                    said.message,
                    said.suggestion,
                    finding.source_line.strip(),
                )
            )
    return lines


def _alerted(one: Alerted, visit: CurrentUser, texts: Texts) -> dict[str, str]:
    """Return an alert in words, in the zone of the region it is of, where its group begins with one."""
    books, region = visit.siaga.books, parts_of(one.group)[0]
    known = books.regions.known(region)
    voice = Localizer(texts, books.regions, visit.siaga.kind_names, region if known else NATION)
    place = voice.place(region) if known else one.group
    was = one.was if isinstance(one.was, str) else voice.moment(one.was)
    return {
        "change": texts[f"console.what_if.change.{one.change}"],
        "rule": one.rule,
        "place": place,
        "level": one.level.upper(),
        "at": voice.moment(one.at),
        "was": was.upper() if one.change == "level" else was,
    }


def _recipient(one: Recipient, voice: Localizer) -> tuple[str, tuple[int, int, int, int]]:
    change = one.change
    office = voice.office(one.role, one.region)
    return office, (change.more, change.fewer, change.earlier, change.later)
