"""Evaluation of one group: events in, judgements out.

A `Group` is a working copy of the stored state. `take_over` carries a group to another version of its rule.
The result depends on the events and their times, and not on the order in which the events arrived.

Specification: docs/specification/rules.md#event-order, #watermark, #late-events, #undo, #future-events,
#one-open-alert, #rule-change.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

import msgspec

from engine.core.judging.alert_assignment import (
    assign,
    mark_of,
    moved,
    opened,
    risen,
    said_of,
    told_another,
    window_at,
)
from engine.core.judging.calendar import END
from engine.core.judging.condition_folds import fold_of
from engine.core.judging.event import Event, EventKey
from engine.core.judging.event_value import reading_of
from engine.core.judging.fold import Fold, Rise, earlier_of
from engine.core.judging.group_state import (
    EMPTY,
    UNKNOWN,
    ByHand,
    Circumstances,
    Closing,
    FiringInterval,
    GroupState,
    Join,
    Opening,
    Point,
    Reopening,
    gate_of,
)
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import (
    Ended,
    Evidence,
    Joined,
    Judgement,
    Opened,
    Redated,
    Risen,
    Undone,
    evidence_of,
    in_order,
)
from engine.core.judging.pattern import parts_of
from engine.core.judging.points import Points
from engine.core.judging.retention import Retaining
from engine.core.judging.rule import Rule, level_of
from engine.core.judging.window import climbs, kept_for, limit_of, opens_on_arrival, quiet_after

Withdrawn = Mapping[tuple[str, str], str]
"""Events no longer true, by (desk, id): `refuted` or `corrected`."""

Newcomer = tuple[EventKey, Point]
"""A point and its place among all."""

PointFits = Mapping[tuple[str, str], int]
"""What events fit, by (desk, id): a bit for each of `pattern.parts_of`, then one for each exception of the rule."""


def newcomers_of(
    rule: Rule,
    arrivals: Sequence[Event],
    clearing: Sequence[Event],
    *,
    received_at: Instant,
    known: Points,
    withdrawn: Withdrawn,
    fits: PointFits,
) -> list[Newcomer]:
    """Return the points of events that match (`arrivals`) or clear, in event order; those `known` are there already."""
    reading, exemptions = reading_of(rule.condition), rule.exemptions
    since, until = _in_time(rule, received_at)
    clears = {event.key for event in clearing}
    found: list[Newcomer] = []
    for event in arrivals:
        if not since <= event.occurred_at < until or not reading.counts(event):
            continue
        key = event.key
        if key in known or (withdrawn and key[1:] in withdrawn):
            clears.discard(key)
            continue
        bits = fits.get(key[1:], 0) if fits else 0
        evidence = evidence_of(event)
        if exemptions and (level := given_level(rule, event, bits)):
            evidence = msgspec.structs.replace(evidence, level=level)
        measure, besides = reading.measure(event, bits), reading.besides(event, bits)
        found.append((key, Point(evidence, measure, clears=key in clears, besides=besides)))
        clears.discard(key)
    for event in clearing:
        key = event.key
        if (
            key not in clears
            or not since <= event.occurred_at < until
            or key in known
            or key[1:] in withdrawn
        ):
            continue
        found.append((key, Point(evidence_of(event), watched=False, clears=True)))
    if len(found) > 1:
        found.sort(key=itemgetter(0))
    return found


def given_level(rule: Rule, event: Event, fits: int) -> int:
    """Return the level that the first exception gives which the event falls under; 0 where none does."""
    under = fits >> len(parts_of(rule.condition))
    return next(
        (
            one.level
            for place, one in enumerate(rule.exemptions)
            if one.level and under >> place & 1 and (one.until is None or event.occurred_at < one.until)
        ),
        0,
    )


def _in_time(rule: Rule, received_at: Instant) -> tuple[Instant, Instant]:
    """Return from when until when an event may occur: the rule exists then, and it is no later than `late_horizon`."""
    since, start, until = received_at - rule.late_horizon, rule.effective_from, rule.effective_until
    return since if start is None else max(since, start), END if until is None else until


class Group(Retaining):
    """The working copy of one group of one rule: takes arrivals, says judgements, freezes into a state."""

    def __init__(
        self,
        rule: Rule,
        state: GroupState = EMPTY,
        around: Circumstances = UNKNOWN,
        *,
        before: Instant | None = None,
        pages: Iterable[tuple[int, int]] | None = None,
    ) -> None:
        """Take rule, state and circumstances. `before`: what was over by then opens hidden.

        `pages`: how the points of the state are stored, None where they are not (`Points`).
        """
        self.rule = rule
        self.around = around
        self._before = before
        self.points = Points(state.points, pages)
        self._base, self._status = state.base, state.status
        self._openings = list(state.openings)
        self._opened = state.opened
        new = before is not None and msgspec.structs.replace(state, opened=0) == EMPTY
        self._marks = [gate_of(before)] if before is not None and new else list(state.marks)
        self._ripe = state.ripe
        self._quiet = quiet_after(rule.condition)
        self._reach = kept_for(rule.condition)
        self._prompt = opens_on_arrival(rule)
        self._climbs = climbs(rule)
        self._said: tuple[int, Instant | None] | None = None
        self._ordinals: list[int] = []
        self._hidden: Instant | None = None
        self._fold = self._fold_of(None, self._marks)
        self._fold.walk()
        self._visible()

    @property
    def due(self) -> Instant | None:
        """The clock instant at which the group must be looked at again though nothing arrives."""
        at = self._hidden if self._hidden is not None else self._fold.next_due()
        if self._fold.rises:
            at = earlier_of(at, next((r.at for r in self._fold.rises if r.at > (self._ripe or 0)), None))
        return None if at is None else at + self.rule.wait_for_late

    @property
    def open(self) -> Opening | None:
        """The opening that has not ended, if there is one."""
        return next((opening for opening in reversed(self._openings) if opening.ended_at is None), None)

    @property
    def spells(self) -> tuple[FiringInterval, ...]:
        """What the fold finds as far as it may be judged now: the stretches for which an alert ought to be open."""
        return tuple(self._visible())

    def frozen(self) -> GroupState:
        """Return the state as a value."""
        return msgspec.structs.replace(self.head(), points=tuple(self.points.rows))

    def head(self) -> GroupState:
        """Return the state as a value, without the points: there may be many of them."""
        return GroupState(
            base=self._base,
            status=msgspec.structs.replace(self._status),
            openings=tuple(self._openings),
            opened=self._opened,
            marks=tuple(self._marks),
            ripe=self._ripe,
        )

    def apply(
        self,
        arrivals: Sequence[Event],
        *,
        received_at: Instant,
        clearing: Sequence[Event] = (),
        withdrawn: Withdrawn | None = None,
        closed: ByHand | None = None,
        fits: PointFits | None = None,
    ) -> tuple[Judgement, ...]:
        """Judge what fell due before `received_at`, then take the events of one request, all at once.

        `fits` says which parts of a pattern the arrivals fit; other conditions do not need it.
        """
        said: list[Judgement] = []
        ripe = received_at - self.rule.wait_for_late - 1
        if closed is not None and self._take_note(closed):
            said += self._settle(ripe)
        due = self.due
        if due is not None and due < received_at:
            said += self._settle(ripe)
        gone = self.points.withdraw(withdrawn) if withdrawn else []
        newcomers = newcomers_of(
            self.rule,
            arrivals,
            clearing,
            received_at=received_at,
            known=self.points,
            withdrawn=withdrawn or {},
            fits=fits or {},
        )
        if newcomers or gone:
            self._take(newcomers, gone)
            reason = withdrawn[gone[0].desk, gone[0].id] if withdrawn and gone else "late_report"
            said += self._settle(ripe, reason, tuple(gone))
        said += self._forget(received_at)
        return tuple(said)

    def look(self, *, now: Instant, closed: ByHand | None = None) -> tuple[Judgement, ...]:
        """Judge what is due at the clock instant `now` though nothing arrived."""
        if closed is not None:
            self._take_note(closed)
        return tuple(self._settle(now - self.rule.wait_for_late))

    # --- what goes in -----------------------------------------------------------------------------------------------

    def _take(self, newcomers: Sequence[Newcomer], gone: Sequence[Evidence]) -> None:
        """Let points come and go; both are in event order."""
        fold, points = self._fold, self.points
        at, judged = newcomers[0][0].occurred_at if newcomers else gone[0].occurred_at, fold.now
        if gone:
            at = min(at, gone[0].occurred_at)
        walks = not gone and fold.rewind_to(at)
        if walks and judged is not None and at <= judged:
            self._said = None  # the instant is judged again: an opening at it may have got further evidence
        for key, point in newcomers:
            points.put(key, point)
        if walks:
            fold.walk()
        else:
            self._refold(at, [*(key for key, _ in newcomers), *(one.key for one in gone)])

    def heeds(self, act: ByHand) -> bool:
        """Say whether an act of people changes something here: it is not known already."""
        known = next((o for o in self._openings if o.ordinal == act.ordinal), None)
        if isinstance(act, Closing):
            return known is not None and known.ended_at is None
        if known is None:
            return 0 < act.ordinal == self._opened
        return act.ordinal == self._opened and self._closed_at(known) is not None

    def _closed_at(self, opening: Opening) -> EventKey | None:
        """Return where people closed an alert; None where they did not, or where that was judged for good."""
        if opening.mark is not None or opening.ended_at is None:
            return opening.mark
        # A state of before marks were kept with their openings.
        return next((m for m in self._marks if m.desk and m.occurred_at == opening.ended_at), None)

    def _take_note(self, act: ByHand) -> bool:
        """Take note of what people did; return whether something may have to be said because of it."""
        if not self.heeds(act):
            return False
        if isinstance(act, Closing):
            self._close(act)
            return False
        self._reopen(act)
        return True

    def _close(self, closed: Closing) -> None:
        """Mark where an alert was closed by hand: after its newest evidence, and when that had been judged."""
        place = next(p for p, o in enumerate(self._openings) if o.ordinal == closed.ordinal)
        opening = self._openings[place]
        mark = mark_of(closed, opening, self.rule.condition)
        insort(self._marks, mark)
        self._openings[place] = msgspec.structs.replace(opening, ended_at=mark.occurred_at, mark=mark)
        self._refold(mark.occurred_at)

    def _reopen(self, reopening: Reopening) -> None:
        """Take a closing by hand away, as if it had never been.

        Where it was judged for good the alert is carried, as one of another version of the rule is: it takes what runs,
        else what comes next.
        """
        known = next((o for o in self._openings if o.ordinal == reopening.ordinal), None)
        others = [o for o in self._openings if o.ordinal != reopening.ordinal]
        mark = self._closed_at(known) if known is not None else None
        if known is not None and mark in self._marks:
            self._marks.remove(mark)
            self._openings = [*others, msgspec.structs.replace(known, ended_at=None, mark=None)]
            self._refold(mark.occurred_at)
            return
        carried = Opening(ordinal=reopening.ordinal, happened_at=reopening.at, carried=True)
        self._openings = [*others, carried]
        self._status = msgspec.structs.replace(self._status, blocked=False, floor=None)
        self._refold()

    def _refold(self, since: Instant | None = None, changed: Sequence[EventKey] = ()) -> None:
        """Fold anew from `since` on (None: all); `changed` are the points that came or went, where nothing else did."""
        old = self._fold
        fold = (None if since is None else old.before(since, self._marks)) or self._fold_of(None, self._marks)
        late = [key for key in changed if old.now is not None and key.occurred_at <= old.now]
        if late:
            fold = fold.catch_up(old, max(late))
        fold.walk()
        self._fold, self._said = fold, None

    def _fold_of(self, count: int | None, marks: Sequence[EventKey]) -> Fold:
        """Return a fold of all points, or of the first so many, that has not walked yet."""
        keys, rows = self.points.keys, self.points.rows
        if count is not None:
            keys, rows = keys[:count], rows[:count]
        return fold_of(
            self.rule, keys, rows, base=self._base, status=self._status, marks=marks, around=self.around
        )

    # --- what comes out ---------------------------------------------------------------------------------------------

    def _settle(
        self, ripe: Instant, reason: str = "late_report", gone: tuple[Evidence, ...] = ()
    ) -> list[Judgement]:
        """Say how what the fold finds, as far as it may be judged at `ripe`, differs from what was said."""
        self._ripe = ripe if self._ripe is None else max(self._ripe, ripe)
        fold = self._fold
        fold.wait_until(self._ripe)
        if not (self._openings or fold.spells or fold.joins or fold.rises):
            self._said, self._hidden = _NOTHING, None
            return []
        spells = self._visible()
        seen = (len(spells), spells[-1].ended_at if spells else None)
        said: list[Judgement] = []
        told = self._told()
        if seen != self._said:
            said += self._reconcile(spells, reason, gone)
            self._said = seen
        joined = self._join(spells, told, said)
        if self._climbs:
            self._heed([*said, *joined])
        return in_order(said, [*joined, *self._rise(spells)])

    def _visible(self) -> list[FiringInterval]:
        """Return the spells as far as they may be judged; an end not ripe yet hides itself and all after it."""
        ripe, found = self._ripe, []
        self._hidden = None
        for spell in self._fold.spells:
            if not self._prompt and (ripe is None or spell.happened_at > ripe):
                self._hidden = spell.happened_at
                break
            ended = spell.ended_at
            if ended is not None and (ripe is None or ended > ripe) and not self._ends_on_arrival(spell):
                self._hidden = ended
                found.append(msgspec.structs.replace(spell, ended_at=None, reason=None))
                break
            found.append(spell)
        return found

    def _ends_on_arrival(self, spell: FiringInterval) -> bool:
        return spell.reason in ("by_hand", "before_rule") or (self._prompt and spell.reason == "event")

    def _reconcile(
        self, spells: list[FiringInterval], reason: str, gone: tuple[Evidence, ...]
    ) -> list[Judgement]:
        """Bring what was said into line with the spells: undo, re-date, open and end."""
        places = assign(self._openings, spells)
        said: list[Judgement] = [
            Undone(ordinal=opening.ordinal, reason=reason, evidence=gone)
            for opening in self._openings
            if opening.ordinal not in places and not opening.carried
        ]
        of_place: dict[int | None, list[Opening]] = {}
        for opening in self._openings:
            of_place.setdefault(places.get(opening.ordinal), []).append(opening)
        kept = [opening for opening in of_place.get(None, ()) if opening.carried]
        known = {(opening.ordinal, opening.happened_at) for opening in self._openings}
        taken_over: list[Instant] = []
        self._ordinals = []
        for place, spell in enumerate(spells):
            mine = of_place.get(place, [])
            for opening in mine:
                said += self._again(spell, place, opening, reason)
            going = [opening.ordinal for opening in mine if opening.ended_at is None]
            kept += [moved(opening, spell) for opening in mine]
            if (not mine and spell.reason != "by_hand") or (spell.ended_at is None and not going):
                self._opened += 1
                going = [self._opened]
                kept.append(opened(self._opened, spell))
                said.append(self._opening(spell, follows=mine[-1].ordinal if mine else 0))
            if spell.ended_at is not None and spell.reason != "by_hand":
                said += [Ended(ordinal=o, at=spell.ended_at, reason=spell.reason or "") for o in going]
            self._ordinals.append(going[-1] if going else mine[-1].ordinal if mine else 0)
            stood = (self._ordinals[-1], spell.happened_at) in known
            if not stood and told_another(self.points, spell, self._ordinals[-1]):
                taken_over.append(spell.happened_at)
        self._openings = kept
        if taken_over:  # what joined them was said to the alert before, and left the fold with that
            self._refold(min(taken_over))
            self._fold.wait_until(self._ripe or 0)
        return said

    def _opening(self, spell: FiringInterval, *, follows: int) -> Opened:
        evidence, limit = self._evidence(spell, self._opened), limit_of(self.rule.condition)
        return Opened(
            ordinal=self._opened,
            happened_at=spell.happened_at,
            evidence=evidence,
            level=level_of(self.rule, spell.figure, evidence),
            figure=spell.figure,
            limit=None if limit is None else limit.number,
            sides=spell.sides,
            window=window_at(spell, self.rule.condition),
            reason="before_rule" if self._over_before(spell) else "condition_true",
            follows=follows,
        )

    def _over_before(self, spell: FiringInterval) -> bool:
        return self._before is not None and spell.ended_at is not None and spell.ended_at <= self._before

    def _again(self, spell: FiringInterval, place: int, opening: Opening, reason: str) -> list[Judgement]:
        """Say what is new about the opening of an alert that was said before."""
        rows, ordinal = self.points.rows, opening.ordinal
        fresh = [i for i in self.points.of(spell) if rows[i].watched and rows[i].told < ordinal]
        redated = opening.happened_at != spell.happened_at and not opening.carried
        if not fresh and not redated:
            return []
        joins = [join for join in self._fold.joins if join.place == place]
        figures = [spell.figure, *(join.figure for join in joins)]
        level = max(level_of(self.rule, figure, (rows[i].evidence for i in fresh)) for figure in figures)
        last = self._newest(place, joins[-1] if joins else spell)
        said: list[Judgement] = []
        if redated:
            again = Redated(
                ordinal=ordinal,
                happened_at=spell.happened_at,
                evidence=self._evidence(spell, ordinal),
                figure=last.figure,
                sides=last.sides,
                window=window_at(spell, self.rule.condition),
                reason=reason,
            )
            said.append(again)
        # Late events count as joined too: they may raise the level of the figure at a later instant.
        return said + [self._joined(i, ordinal, last, level) for i in fresh]

    def _newest(self, place: int, last: Join | FiringInterval) -> Join | FiringInterval | Rise:
        """Return what has the newest figure of a spell: what is given, or a rise after it."""
        if not self._climbs or not self._fold.rises:
            return last
        since, ripe = last.at if isinstance(last, Join) else last.happened_at, self._ripe or 0
        later_ones = [one for one in self._fold.rises if one.place == place and since < one.at <= ripe]
        return later_ones[-1] if later_ones else last

    def _told(self) -> dict[EventKey, int]:
        """Return which alert, if any, what joined was said to so far."""
        rows = self.points.rows
        return {join.key: rows[self.points.at(join.key)].told for join in self._fold.joins}

    def _join(
        self, spells: list[FiringInterval], told: Mapping[EventKey, int], said: Sequence[Judgement]
    ) -> list[Joined]:
        """Say which points joined; those whose spell may not be judged yet wait.

        All of a request say the figure after it, and the highest level from their instant on. What joined one alert may
        be evidence of a later one whose opening is `said` just now: so it counts what was `told` before.
        """
        now = {(one.ordinal, e.key) for one in said for e in _evidence_of(one)}
        heard, waiting = [], []
        latest: dict[int, tuple[Join | FiringInterval | Rise, int]] = {}
        for join in reversed(self._fold.joins):
            if join.place >= len(spells):
                waiting.append(join)
                continue
            index = self.points.at(join.key)
            last, level = latest.get(join.place) or (self._newest(join.place, join), 0)
            level = max(level, level_of(self.rule, join.figure, (self.points.rows[index].evidence,)))
            latest[join.place] = last, level
            heard.append((index, self._ordinals[join.place], last, level))
        self._fold.joins[:] = reversed(waiting)
        keys, rows = self.points.keys, self.points.rows
        return [
            self._joined(index, ordinal, last, level)
            for index, ordinal, last, level in reversed(heard)
            if told.get(keys[index], rows[index].told) < ordinal and (ordinal, keys[index]) not in now
        ]

    def _heed(self, said: Sequence[Judgement]) -> None:
        """Remember which levels were said of the openings."""
        places = {opening.ordinal: place for place, opening in enumerate(self._openings)}
        for one in said:
            if isinstance(one, Opened | Joined) and (place := places.get(one.ordinal)) is not None:
                self._openings[place] = said_of(self._openings[place], one)

    def _rise(self, spells: list[FiringInterval]) -> list[Risen]:
        """Say how far figures have grown though nothing arrived, as far as that may be judged."""
        if not self._fold.rises:
            return []
        said: list[Risen] = []
        places = {opening.ordinal: place for place, opening in enumerate(self._openings)}
        for rise in self._fold.rises:
            if rise.place >= len(spells) or rise.at > (self._ripe or 0):
                continue
            ordinal = self._ordinals[rise.place]
            if (place := places.get(ordinal)) is None:
                continue
            opening = self._openings[place]
            if (after := risen(opening, rise, self.rule)) != opening:
                self._openings[place] = after
                level = after.level or level_of(self.rule, rise.figure, ())
                said.append(Risen(ordinal=ordinal, figure=rise.figure, level=level, sides=rise.sides))
        return said

    def _joined(self, index: int, ordinal: int, last: Join | FiringInterval | Rise, level: int) -> Joined:
        evidence = self.points.tell(index, ordinal)
        gap = self.points.gap_before(index, ordinal) if self._quiet else 0
        return Joined(
            ordinal=ordinal,
            evidence=evidence,
            level=level,
            figure=last.figure,
            sides=last.sides,
            new_after_quiet=gap is None or (self._quiet > 0 and gap >= self._quiet),
        )

    def _evidence(self, spell: FiringInterval, ordinal: int) -> tuple[Evidence, ...]:
        """Return the evidence of an opening, and remember that the alert has it."""
        indices = self.points.of(spell)
        return tuple(self.points.tell(i, ordinal) for i in indices if self.points.rows[i].watched)


def _evidence_of(judgement: Judgement) -> tuple[Evidence, ...]:
    """Return the evidence that a judgement gives to its alert."""
    if isinstance(judgement, Joined):
        return (judgement.evidence,)
    return judgement.evidence if isinstance(judgement, Opened | Redated) else ()


_NOTHING: tuple[int, Instant | None] = (0, None)
"""What was said where there is no spell."""


def take_over(
    rule: Rule,
    points: Iterable[Point],
    former: GroupState,
    *,
    before: Instant,
    around: Circumstances = UNKNOWN,
    unresolved: int = 0,
    closed: ByHand | None = None,
    kind: type[Group] = Group,
) -> Group:
    """Return the group under `rule`, in force from `before` on; what it says then, `Group.look` says.

    `points` are all that the new version sees. `former` is the state under the old version. `unresolved` is the ordinal
    of the alert that people still deal with, 0 for none; `closed` what people last did to the newest one: of one that
    they closed and reopened no closing is left. `kind` is that of the rule's working copies.
    """
    told = {point.key: point.told for point in former.points}
    rows = tuple(
        msgspec.structs.replace(point, told=told.get(point.key, 0))
        for point in sorted(points, key=lambda point: point.key)
    )
    openings = [opening for opening in former.openings if opening.ordinal != unresolved]
    withdrawn = {opening.mark for opening in former.openings if opening.ordinal == unresolved}
    marks = {mark for mark in former.marks if mark.desk and mark not in withdrawn}
    if isinstance(closed, Closing):
        known = next((opening for opening in openings if opening.ordinal == closed.ordinal), None)
        mark = mark_of(closed, known or _opening_of(closed), rule.condition)
        marks.add(mark)
        openings = [
            msgspec.structs.replace(one, mark=mark) if one.ordinal == closed.ordinal else one
            for one in openings
        ]
    judged = GroupState(
        points=rows, opened=former.opened, marks=tuple(sorted(marks)), ripe=before - rule.wait_for_late
    )
    spells = kind(rule, judged, around).spells
    places = assign(openings, spells)
    openings = [moved(one, spells[places[one.ordinal]]) for one in openings if one.ordinal in places]
    if not unresolved:
        marks.add(gate_of(before))
    elif spells and spells[-1].ended_at is None:
        openings.append(Opening(ordinal=unresolved, happened_at=spells[-1].happened_at))
    else:
        openings.append(Opening(ordinal=unresolved, happened_at=before, carried=True))
    state = msgspec.structs.replace(judged, openings=tuple(openings), marks=tuple(sorted(marks)))
    return kind(rule, state, around, before=before)


def _opening_of(closed: Closing) -> Opening:
    at = closed.at if closed.floor is None else closed.floor.occurred_at
    return Opening(ordinal=closed.ordinal, happened_at=at)
