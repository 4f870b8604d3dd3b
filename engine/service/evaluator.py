"""The evaluator: reads entries, judges them group by group, and commits one batch at a time.

Here: the turn of its loop: lease, cursor, cache of group states, the one commit. Not here: sorting events into groups
(`service.batch`), judging (`judging.evaluate`), what openings lead to (`alerting.decide`).

Exactly one evaluator is active per namespace: every commit carries the lease's epoch and the cursor it read from.
Groups do not depend on each other, so a batch is judged group by group, each group request by request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import structlog

from engine.clock import Clock, monotonic
from engine.errors import FencedError, StoreError
from engine.judging.circumstances import Circumstances
from engine.judging.evaluate import Group
from engine.judging.expected import Absence
from engine.judging.hearing import BondGroup
from engine.judging.instant import SECOND, Instant
from engine.judging.outage import Gap
from engine.judging.rule import Rule
from engine.judging.trace import earlier, later
from engine.matching.checked import Choice, Matcher
from engine.matching.variant import changed_at, ends_at, variant_of
from engine.metrics import Metrics
from engine.service.backdrop import Backdrop
from engine.service.batch import Key, Share, key_of, sort
from engine.service.bonds import Bonds
from engine.service.books import Books
from engine.service.casebook import ALERTS, CLOSINGS, NOTIFICATIONS, Case, Changes, closed_by_hand, load
from engine.service.changeover import Changeover
from engine.service.docket import Docket, Said
from engine.service.families import Families
from engine.service.groups import GROUPS, Groups, Judged
from engine.service.outcome import Outcome, after_exception, closing_of, newest_alert
from engine.service.pulse import GAPS, gaps_of, kept_gaps
from engine.service.rule_sets import ENTRY, RuleSet, up_to_next
from engine.store.codec import encode
from engine.store.history import History
from engine.store.port import Conflict, Drop, Entry, Fence, Fenced, Lease, Plan, Put, Store, Write

Matching = Callable[[tuple[Rule, ...]], Choice]
"""Makes the matchers of a rule set."""

WINDOWS = "windows"
"""Schedule of groups that must be looked at again though nothing arrives."""
ENTRIES = 50
"""Entries of the stream in one batch (of at most 200 events each)."""
LOOKS = 500
"""Groups looked at in one turn because something fell due."""
LEASE_SECONDS = 5.0
REPEATS = 50
"""A batch is judged again this often where people answered its alerts meanwhile."""

log = structlog.get_logger(__name__)


class Evaluator:
    """Judges what arrives, one batch and one commit at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: Books,
        metrics: Metrics,
        matching: Matching,
        *,
        holder: str,
        watched_since: Instant | None = None,
        history: History | None = None,
    ) -> None:
        """Take the parts. `watched_since` is the instant from which rules watch whose first load nobody kept.

        `history` is where events of earlier batches are found; None: in the stream only.
        """
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._matching = matching
        self._matched: RuleSet | None = None
        self._holder = holder
        self._lease: Lease | None = None
        self._seeded: RuleSet | None = None
        self._cursor = ""
        self._groups = Groups(store)
        self._backdrop = Backdrop(books, watched_since)
        self._history = history or History(store)
        self._changeover = Changeover(store, clock, books, self._groups, self._backdrop, self._history)

    async def lead(self) -> bool:
        """Take or renew the lease; return whether this evaluator is the active one."""
        lease = await self._store.lease(self._holder, LEASE_SECONDS)
        if lease is not None and (self._lease is None or lease.epoch != self._lease.epoch):
            self._groups.clear()
            await self._changeover.forget()
            self._cursor = await self._store.cursor()
            self._backdrop.gaps = await kept_gaps(self._store)
            self._seeded = None
            log.info("evaluator_leads", epoch=lease.epoch)
        self._lease = lease
        self._metrics.epoch.set(lease.epoch if lease else 0)
        return lease is not None

    async def stand_down(self) -> None:
        """Give the lease back, so that another need not wait for its end."""
        if self._lease is not None:
            await self._store.release(self._holder)
            self._lease = None

    async def turn(self, *, again: bool = False) -> int:
        """Judge and commit one batch, or do a part of a change of rules; return how much there was to do.

        `again`: the second delivery of a batch, which the native matcher alone serves.
        """
        if not await self.lead():
            return 0
        await self._books.follow()
        if self._seeded is not self._books.rule_set:
            await self._seed()
        prepared = await self._changeover.prepare(self._cursor)
        return await self._turn(again=again) or prepared

    async def _turn(self, *, again: bool) -> int:
        started = monotonic()
        now = self._clock.now()
        entries = up_to_next(await self._store.read(self._cursor, ENTRIES))
        if entries and entries[0].type == ENTRY:
            return await self._switch(entries[0])
        read_to = entries[-1].position if entries else self._cursor
        drained = read_to == await self._store.last_position()
        if not drained and not entries:
            return 1  # what arrived meanwhile is read first: no timer is judged ahead of the backlog
        horizon = now if drained else entries[-1].received_at - 1
        due = await self._store.due(WINDOWS, horizon, LOOKS)
        closed = await closed_by_hand(self._store, horizon, LOOKS)
        if not entries and not due and not closed:
            return 0
        families = Families(self._store, self._history)
        batch = await sort(entries, self._matcher(again=again), families)
        beside = Changes(puts=families.puts(), counts=Counter(matches=batch.matches))
        beside.plans += [Plan(CLOSINGS, alert, None) for alert in closed]
        looks = {*(key_of(member) for member, _ in due), *(Key(*place) for place in closed.values())}
        if self._backdrop.take(gaps_of(entries)):
            beside.puts.append(Put(GAPS, "all", encode(self._backdrop.gaps)))
            looks |= await self._absent()
        work: dict[Key, list[Share]] = {key: [] for key in sorted(looks)} | batch.shares
        await self._commit(partial(self._judge, work, horizon), entries, beside)
        self._observe(entries, now, started)
        self._tell(families)
        return len(entries) + len(due) + len(closed)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The spans in which the intake was down, as far as the stream was read; earliest first."""
        return self._backdrop.gaps

    def around(self, key: Key, rule: Rule) -> Circumstances:
        """Return the circumstances of a group."""
        return self._backdrop.of(key, rule)

    # --- those who are expected to report -----------------------------------------------------------------------------

    async def _seed(self) -> None:
        """Plan when everybody whom a rule expects falls due: of whom nothing was heard there is no group.

        Done whenever this evaluator begins to judge by a rule set; to do it again changes nothing.
        """
        rules, now = self._books.rule_set.rules, self._clock.now()
        for rule in rules.values():
            if keys := self._backdrop.expected(rule):
                await self._groups.fetch(keys)
                plans = [Plan(WINDOWS, str(key), _due(self._copy(key, rule, now))) for key in keys]
                epoch = self._lease.epoch if self._lease else 0
                fence = Fence(epoch, self._cursor, self._cursor)
                outcome = await self._store.write(Write(name="seed", plans=tuple(plans), fence=fence))
                self._metrics.commit("seed", "fenced" if isinstance(outcome, Fenced) else "committed")
                if isinstance(outcome, Fenced):
                    self._lease = None
                    raise FencedError(f"the evaluator was fenced off: {outcome.reason}")
        self._seeded = self._books.rule_set

    async def _absent(self) -> set[Key]:
        """Return the groups that an outage of the intake concerns: all of rules about what does not come."""
        rules = self._books.rule_set.rules.values()
        absence = {rule.id: rule for rule in rules if isinstance(rule.condition, Absence)}
        if not absence:
            return set()
        known = [key_of(member) for member in await self._store.scan(GROUPS)]
        found = {key for rule in absence.values() for key in self._backdrop.expected(rule)}
        return found.union(key for key in known if key.rule in absence)

    def _copy(self, key: Key, rule: Rule, at: Instant, newest: Case | None = None) -> Group:
        ended = changed_at(rule, key.group, at)
        around, before = self._backdrop.of(key, rule), later(self._backdrop.before(rule), ended)
        variant = variant_of(rule, key.group, at)
        over, state = self._groups.over(key, variant), self._groups.state(key)
        if over is None:
            return self._groups.working_copy(key, variant, around, before)
        group = after_exception(variant, state, over, around, newest)
        self._groups.taken_over(key, group)
        return group

    # --- judging and committing ---------------------------------------------------------------------------------------

    async def _switch(self, entry: Entry) -> int:
        """Go over to another rule set at its entry, after all that fell due before it."""
        at = entry.received_at
        if due := await self._store.due(WINDOWS, at - 1, LOOKS):
            work: dict[Key, list[Share]] = {key_of(member): [] for member, _ in due}
            await self._commit(partial(self._judge, work, at - 1), (), Changes())
            return len(due)
        switch = await self._changeover.ready(entry, self._cursor)
        if switch is not None:
            keys = await self._changeover.work(switch)
            puts, appends = self._changeover.settled(switch, at)
            judge = partial(self._changeover.judge, switch, at, keys)
            await self._commit(judge, (entry,), Changes(puts=puts, appends=appends))
            await self._changeover.forget()
            self._backdrop.forget()
            self._groups.clear()
            self._metrics.know_rules(switch.after.rules)
            if puts:
                self._metrics.reloads.inc()
                rebuilt = list(switch.revision.rebuilt)
                log.info(
                    "rules_in_force", rule_set=switch.proposal.rule_set, rebuilt=rebuilt, groups=len(keys)
                )
        return 1

    def _matcher(self, *, again: bool) -> Matcher:
        if self._matched is not self._books.rule_set:
            self._matched = self._books.rule_set
            self._choice = self._matching(tuple(self._matched.rules.values()))
        return self._choice.native if again else self._choice.matcher

    async def _commit(
        self, judge: Callable[[], Awaitable[dict[Key, Outcome]]], entries: Sequence[Entry], beside: Changes
    ) -> None:
        """Judge and write it, again where people were quicker; `beside` is what is written whatever is judged."""
        try:
            await self._attempt(judge, entries, beside)
        except BaseException:
            self._lease = None  # the next turn reads the groups again: what was judged here is in no store
            raise

    async def _attempt(
        self, judge: Callable[[], Awaitable[dict[Key, Outcome]]], entries: Sequence[Entry], beside: Changes
    ) -> None:
        if self._lease is None:
            raise FencedError
        next_cursor = entries[-1].position if entries else self._cursor
        fence = Fence(self._lease.epoch, self._cursor, next_cursor)
        for _ in range(REPEATS):
            outcomes = await judge()
            write = self._write(outcomes, fence, beside)
            outcome = await self._store.write(write)
            match outcome:
                case Fenced(reason=reason):
                    self._metrics.commit("evaluate", "fenced")
                    raise FencedError(f"the evaluator was fenced off: {reason}")
                case Conflict(records=records):
                    self._metrics.commit("evaluate", "conflict")
                    _expect_overtaken(outcomes, records)
                    for key in outcomes:
                        self._groups.spoil(key)
                case _:
                    self._metrics.commit("evaluate", "committed")
                    self._cursor = next_cursor
                    self._keep(outcomes, write)
                    return
        raise StoreError(f"a batch was overtaken {REPEATS} times in a row")

    async def _judge(self, work: Mapping[Key, list[Share]], horizon: Instant) -> dict[Key, Outcome]:
        """Judge the groups one by one, those that others hear of first; then decide what all say in one order."""
        around = await self._books.surroundings()
        rules = self._books.rule_set.rules
        bonds = Bonds(rules, self._books.namespace)
        cases: dict[str, Case] = {}
        judged: dict[Key, Judged] = {}
        said: list[Said] = []
        while left := {key for key in (*work, *bonds.heard) if key.rule in rules and key not in judged}:
            depth = min(bonds.depths[key.rule] for key in left)
            keys = sorted(key for key in left if bonds.depths[key.rule] == depth)
            await self._groups.fetch((*judged, *keys))
            newest = {key: newest_alert(self._books.namespace, key, self._groups.state(key)) for key in keys}
            cases |= await load(self._store, [alert for alert in newest.values() if alert])
            for key in keys:
                case = cases.get(newest[key] or "")
                judged[key], judgements = self._judge_group(key, work.get(key, ()), bonds, horizon, case)
                said += judgements
        in_force = self._books.in_force.tenures
        docket = Docket(self._store, self._books.rule_set, in_force, around, self._clock.now())
        decided = await docket.decide(said, cases)
        return {
            key: Outcome(
                judged.get(key), _due(judged[key].group) if key in judged else None, decided.get(key, {})
            )
            for key in {*work, *judged}
        }

    def _judge_group(
        self, key: Key, shares: Sequence[Share], bonds: Bonds, horizon: Instant, newest: Case | None
    ) -> tuple[Judged, list[Said]]:
        just_closed = closed = closing_of(newest)
        group = self._copy(key, self._books.rule_set.rules[key.rule], horizon, newest)
        said: list[Said] = []
        heard = bonds.heard.get(key, ())
        if heard and isinstance(group, BondGroup):
            at = max(hearing.at for hearing in heard)
            said += [Said(at, key, judgement) for judgement in group.hear(heard, closed)]
            closed = None
        for share in shares:
            judgements = group.apply(
                share.arrivals,
                received_at=share.received_at,
                clearing=share.clearing,
                withdrawn=share.withdrawn,
                fits=share.fits,
                closed=closed,
            )
            said += [Said(share.received_at, key, judgement) for judgement in judgements]
            closed = None
        due = group.due
        if closed is not None or not shares or (due is not None and due <= horizon):
            at = due if due is not None and due <= horizon else horizon
            said += [Said(at, key, judgement) for judgement in group.look(now=horizon, closed=closed)]
        judged = Judged(group, group.frozen(), frozenset(group.points.touched))
        if said or just_closed is not None:
            bonds.tell(
                key, judged, said, at=max((one.at for one in said), default=horizon), closed=just_closed
            )
        return judged, said

    def _write(self, outcomes: Mapping[Key, Outcome], fence: Fence, beside: Changes) -> Write:
        changes = Changes(
            puts=[],
            plans=list(beside.plans),
            appends=list(beside.appends),
            counts=Counter(beside.counts),
        )
        drops: list[Drop] = []
        for key, outcome in outcomes.items():
            if outcome.judged is not None:
                changed, gone = self._groups.changes(key, outcome.judged)
                changes.puts += changed
                drops += gone
            if outcome.looked:
                changes.plans.append(Plan(WINDOWS, str(key), outcome.due))
            for decisions, before in outcome.cases.values():
                changes.add(decisions, before)
        return changes.write("evaluate", fence=fence, puts=beside.puts, drops=drops)

    def _keep(self, outcomes: Mapping[Key, Outcome], write: Write) -> None:
        """Take over what is in the store now, and count it."""
        heads = {put.id for put in write.puts if put.table == GROUPS}
        for key, outcome in outcomes.items():
            if outcome.judged is not None:
                self._groups.committed(key, outcome.judged, changed=str(key) in heads)
            for decisions, _ in outcome.cases.values():
                for decision in decisions:
                    self._metrics.decided(decision)

    def _observe(self, entries: Sequence[Entry], now: Instant, started: float) -> None:
        self._metrics.evaluation_seconds.observe(monotonic() - started)
        for entry in entries:
            self._metrics.evaluated_events.inc(len(entry.values) if entry.type == "events" else 0)
            self._metrics.ingest_lag_seconds.observe(max(0, now - entry.received_at) / SECOND)

    def _tell(self, families: Families) -> None:
        """Tell in metrics and log which events are out, and which acts change nothing."""
        for _, reason in families.withdrawn:
            self._metrics.withdrawn(reason)
        for (desk, id_), reason in families.refused:
            self._metrics.correction_refused(reason)
            log.warning("correction_refused", desk=desk, event_id=id_, reason=reason)


def _due(group: Group) -> Instant | None:
    """Return when a group must be looked at: its own due instant, or the end of the exception that holds for it."""
    return earlier(group.due, ends_at(group.rule))


def _expect_overtaken(outcomes: Mapping[Key, Outcome], records: Iterable[tuple[str, str]]) -> None:
    """Raise `FencedError` unless somebody answered an alert of the batch, or changed a message of one, meanwhile."""
    changed = {id_ for table, id_ in records if table in (ALERTS, NOTIFICATIONS)}
    decided = [case for outcome in outcomes.values() for case in outcome.cases.items()]
    if not any(
        alert in changed or any(n.id in changed for d in decisions for n in d.notifications)
        for alert, (decisions, _) in decided
    ):
        raise FencedError(f"group states were changed by another evaluator: {sorted(records)[:3]}")
