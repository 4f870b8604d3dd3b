"""The evaluator: reads entries, lets them be judged, and commits one batch at a time.

Here: the turn of its loop: lease, cursor, cache of group states, the one commit. Not here: sorting events into groups
(`evaluation.batch`), judging the groups (`evaluation.judge`), what openings lead to (`core.alerting.decide`).

Exactly one evaluator is active per namespace: every commit carries the lease's epoch and the cursor it read from.
What raises is kept aside with the commit of its batch (`evaluation.dead_letters`), rules that raise are refused, and
the rest goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import structlog

from engine.clock import Clock, monotonic
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.condition import Absence
from engine.core.judging.group_key import GroupKey, key_of
from engine.core.judging.group_state import Circumstances, Gap
from engine.core.judging.instant import DAY, SECOND, Instant
from engine.core.judging.rule import Rule
from engine.errors import FencedError, StoreError, StoreUnavailableError, UnreadableRecordError, places
from engine.escalation.internal_alerts import ask
from engine.evaluation import poll
from engine.evaluation.activation import (
    RefusedRulesError,
    RuleSetActivation,
    RuleSetSwitch,
    refusal,
    refusing,
)
from engine.evaluation.batch import GroupShare, sort
from engine.evaluation.dead_letters import PUT_OFF, DeadLetters
from engine.evaluation.group_context import GroupContexts
from engine.evaluation.groups import GROUPS, GroupHead, Groups, has_past, retired
from engine.evaluation.judge import Judge, Work
from engine.evaluation.judgements import GroupResult, due_of, newest_alert
from engine.evaluation.leadership import Leadership
from engine.evaluation.poll import LOOKS, WINDOWS, EvaluatorPoll, Pace
from engine.intake.event_families import Families
from engine.matching.checked import Matcher, MatcherChoice
from engine.metrics import Metrics
from engine.records.alert_repository import ALERTS, CLOSINGS, NOTIFICATIONS, WriteBuilder, groups_of, load
from engine.records.outages import GAPS, gaps_of, kept_gaps
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import ALL, SILENCES, RuntimeConfig
from engine.records.tolerant_read import readable, report_unreadable
from engine.store.archive.history import EventHistory
from engine.store.codec import encode
from engine.store.port import (
    START,
    Conflict,
    Drop,
    Entry,
    Fence,
    Fenced,
    Lease,
    Plan,
    Put,
    Record,
    Store,
    Write,
)

Matching = Callable[[tuple[Rule, ...]], MatcherChoice]
"""Makes the matchers of a rule set."""

REPEATS = 50
"""A batch is judged again this often where people answered its alerts meanwhile."""

log = structlog.get_logger(__name__)


class Evaluator:
    """Judges what arrives, one batch and one commit at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        matching: Matching,
        *,
        holder: str,
        watched_since: Instant | None = None,
        history: EventHistory | None = None,
        spares: bool = True,
        forgets: bool = False,
    ) -> None:
        """Take the parts. `watched_since` is the instant from which rules watch whose first load nobody kept.

        `history` is where events of earlier batches are found; None: in the stream only. Without `spares` what raises
        is not kept aside: in a rehearsal somebody looks. One that `forgets` looks through all groups once a day.
        """
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._matching = matching
        self._matched: RuleSet | None = None
        self._leadership = Leadership(store, metrics, holder)
        self._lease: Lease | None = None
        self._seeded: RuleSet | None = None
        self._cursor, self._pace = "", Pace()
        self.more = True  # the last turn left something to do
        self._groups = Groups(store)
        self._backdrop = GroupContexts(books, watched_since)
        self._history = history or EventHistory(store)
        keep = self._leadership.keep
        self._changeover = RuleSetActivation(
            store, clock, books, self._groups, self._backdrop, self._history, keep=keep
        )
        self._letters = DeadLetters(store, metrics, spares=spares)
        self._forgets = forgets
        self._resting: AsyncIterator[dict[str, Record]] | None = None
        self._rested_at: Instant | None = None
        self._judge = Judge(
            store,
            clock,
            books,
            groups=self._groups,
            backdrop=self._backdrop,
            letters=self._letters,
            keep=keep,
        )

    async def lead(self) -> bool:
        """Take or renew the lease; return whether this evaluator is the active one."""
        lease = await self._leadership.take(self._lease)
        if lease is not None and (self._lease is None or lease.epoch != self._lease.epoch):
            self._groups.clear()
            await self._changeover.forget()
            await self._letters.read()
            self._cursor = await self._store.cursor()
            self._backdrop.gaps = await kept_gaps(self._store)
            self._seeded = None
            await self._begin_count()
            log.info("evaluator_leads", epoch=lease.epoch)
        self._lease = lease
        return lease is not None

    async def stand_down(self) -> None:
        """Give the lease back, so that another need not wait for its end."""
        if self._lease is not None:
            await self._leadership.give_back()
            self._lease = None

    async def _begin_count(self) -> None:
        """Let the count of judged events begin where it was not kept yet, as if none waited."""
        counters = await self._store.counters()
        if "events_evaluated" not in counters and self._cursor != START:
            counts = {"events_evaluated": counters.get("events_accepted", 0)}
            await self._store.write(Write(name="begin_count", counts=counts))

    async def turn(self, *, again: bool = False) -> int:
        """Judge and commit one batch, or do a part of a change of rules; return how much there was to do.

        `again`: the second delivery of a batch, which the native matcher alone serves.
        """
        if not await self.lead():
            return 0
        found, _ = await asyncio.gather(self._agenda(), self._books.follow())
        if self._seeded is not self._books.rule_set:
            await self._seed()
            found = await self._agenda()
        prepared, self.more = await self._prepare(), True
        if prepared:
            found = await self._agenda()
        return await self._turn(found, again=again) or prepared

    def _agenda(self) -> Awaitable[EvaluatorPoll]:
        return poll.read_poll(self._store, self._clock, self._cursor, self._pace)

    async def _turn(self, found: EvaluatorPoll, *, again: bool) -> int:
        if found.switch is not None:
            return await self._switch(found.switch)
        if not found.drained and not found.entries:
            return 1  # what arrived meanwhile is read first: no timer is judged ahead of the backlog
        entries, due, closings = found.entries, *found.due()
        rested = await self._rest(found) if found.drained else 0
        if not (entries or due or closings):
            return rested
        families = Families(self._store, self._history)
        lost: dict[str, UnreadableRecordError] = {}
        batch, closed, around = await asyncio.gather(
            sort(entries, self._matcher(again=again), families),
            groups_of(self._store, closings, lost),
            self._books.surroundings(),
        )
        judged = sum(len(entry.values) for entry in entries if entry.type == "events")
        beside = WriteBuilder(
            puts=families.puts(), counts=Counter(matches=batch.matches, events_evaluated=judged)
        )
        planned = dict(found.closings)
        beside.plans += self._closings({alert: planned[alert] for alert in closings}, lost, found.now)
        if families.unreadable:
            beside.plans.append(ask(InternalAlertRequest("unreadable"), found.now))
        if again:  # the process died on this batch: whatever it was, somebody must look
            beside.plans.append(ask(InternalAlertRequest("dead_letter"), found.now))
        looks = {*map(key_of, due), *(GroupKey(*place) for place in closed.values())}
        if self._backdrop.take(gaps_of(entries)):
            beside.puts.append(Put(GAPS, "all", encode(self._backdrop.gaps)))
            looks |= await self._absent()
        work: dict[GroupKey, list[GroupShare]] = {key: [] for key in sorted(looks)} | batch.shares
        judge = partial(self._judge.judge, work, found.horizon, batch.faults, around)
        await self._commit(judge, entries, beside)
        if again:
            self._metrics.trouble.dead_letter("batch")
        self._observe(found)
        self._tell(families)
        more = max(len(due), len(closings)) >= LOOKS or self._books.pending is not None
        self.more = more or not found.drained
        return len(entries) + len(due) + len(closed)

    @staticmethod
    def _closings(planned: Mapping[str, Instant], unreadable: Collection[str], now: Instant) -> list[Plan]:
        """Take closings that judging takes note of off their schedule; put off those whose alert cannot be read."""
        plans = [
            Plan(CLOSINGS, alert, now + PUT_OFF if alert in unreadable else None, at)
            for alert, at in planned.items()
        ]
        return [*plans, ask(InternalAlertRequest("unreadable"), now)] if unreadable else plans

    # --- what is over -------------------------------------------------------------------------------------------------

    async def _rest(self, found: EvaluatorPoll) -> int:
        """Let a piece of all groups rest, where it is time; return whether there was one."""
        if self._resting is None:
            if not self._forgets or (self._rested_at is not None and found.now < self._rested_at + DAY):
                return 0
            self._resting, self._rested_at = self._store.walk(GROUPS), found.now
        records = await anext(self._resting, None)
        if records is None:
            self._resting = None
            return 0
        await self.rest({key_of(name): record for name, record in records.items()}, found.horizon)
        self.more = True
        return 1

    async def rest(self, records: Mapping[GroupKey, Record], now: Instant) -> None:
        """Let those of some groups that have anything to let go of do so, in one commit."""
        rules, changes = self._books.rule_set.rules, WriteBuilder()
        found = readable(GROUPS, {str(key): record for key, record in records.items()}, GroupHead)
        heads = {key_of(name): head for name, head in found.items()}
        open_ = {
            key: alert
            for key, head in heads.items()
            if head.state.open and (alert := newest_alert(self._books.namespace, key, head.state))
        }
        cases = await load(self._store, list(open_.values()), unreadable={})
        closed = {key for key, alert in open_.items() if alert in cases and not cases[alert].alert.unresolved}
        work: dict[GroupKey, list[GroupShare]] = {}
        for key, head in sorted(heads.items()):
            rule = rules.get(key.rule)
            if rule is None:
                puts, gone = retired(key, head, records[key].version, now)
                changes.puts += puts
                changes.drops += gone
            elif key in closed or has_past(head.state, rule, now):
                work[key] = []
        if work or changes.puts or changes.drops:
            await self._groups.fetch_floors(work)
            await self._commit(partial(self._judge.judge, work, now, rests=True), (), changes)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The spans in which the intake was down, as far as the stream was read; earliest first."""
        return self._backdrop.gaps

    def around(self, key: GroupKey, rule: Rule) -> Circumstances:
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
                plans = [Plan(WINDOWS, str(key), await self._first_look(key, rule, now)) for key in keys]
                epoch = self._lease.epoch if self._lease else 0
                fence = Fence(epoch, self._cursor, self._cursor)
                outcome = await self._store.write(Write(name="seed", plans=tuple(plans), fence=fence))
                self._metrics.commit("seed", "fenced" if isinstance(outcome, Fenced) else "committed")
                if isinstance(outcome, Fenced):
                    self._lease = None
                    raise FencedError(f"the evaluator was fenced off: {outcome.reason}")
        self._seeded = self._books.rule_set

    async def _first_look(self, key: GroupKey, rule: Rule, now: Instant) -> Instant | None:
        try:
            return due_of(await self._judge.copy(key, rule, now))
        except StoreUnavailableError:
            raise
        except Exception:  # noqa: BLE001 -- judging it now raises again, and keeps it aside with its reason
            return now

    async def _absent(self) -> set[GroupKey]:
        """Return the groups that an outage of the intake concerns: all of rules about what does not come."""
        rules = self._books.rule_set.rules.values()
        absence = {rule.id: rule for rule in rules if isinstance(rule.condition, Absence)}
        if not absence:
            return set()
        known = [key_of(member) for member in await self._store.scan(GROUPS)]
        found = {key for rule in absence.values() for key in self._backdrop.expected(rule)}
        return found.union(key for key in known if key.rule in absence)

    # --- judging and committing ---------------------------------------------------------------------------------------

    async def _switch(self, entry: Entry) -> int:
        """Go over to another rule set at its entry, after all that fell due before it."""
        at = entry.received_at
        if due := await self._store.due(WINDOWS, at - 1, LOOKS):
            work: Work = {key_of(member): () for member, _ in due}
            await self._commit(partial(self._judge.judge, work, at - 1), (), WriteBuilder())
            return len(due)
        try:
            switch = await self._changeover.ready(entry, self._cursor)
            if switch is not None:
                await self._put_in_force(switch, entry)
        except RefusedRulesError as error:
            await self.lead()
            await self._commit(self._nothing, (entry,), WriteBuilder(plans=[refusal(at, error)]))
            await self._refused(error)
        return 1

    async def _prepare(self) -> int:
        try:
            return await self._changeover.prepare(self._cursor)
        except RefusedRulesError as error:
            await self._changeover.give_up(error)
            await self._refused(error)
            return 1

    async def _refused(self, error: RefusedRulesError) -> None:
        cause = error.__cause__ or error
        if not self._letters.spares:
            raise cause
        self._metrics.rules_rejected(error.reason)
        if isinstance(cause, UnreadableRecordError):
            report_unreadable(cause)
        log.error("rules_refused", reason=error.reason, error=type(cause).__name__, at=places(cause))
        await self._changeover.forget()
        self._groups.clear()

    async def _nothing(self) -> dict[GroupKey, GroupResult]:
        self._letters.begin()
        return {}

    async def _put_in_force(self, switch: RuleSetSwitch, entry: Entry) -> None:
        at, rebuilt = entry.received_at, list(switch.revision.rebuilt)
        with refusing():
            keys = await self._changeover.work(switch)
        puts, appends = self._changeover.settled(switch, at)

        judged: dict[GroupKey, GroupResult] = {}

        async def judge() -> dict[GroupKey, GroupResult]:
            for key in judged:
                self._groups.spoil(key)
            self._letters.begin()
            with refusing():
                judged.update(await self._changeover.judge(switch, at, keys))
            self._letters.settle_rules(rebuilt, switch.after.rules, self._changeover.left_out)
            for key in switch.groups - self._changeover.left_out:
                self._letters.settled(key)
            return judged

        await self._commit(judge, (entry,), WriteBuilder(puts=puts, appends=appends))
        await self._changeover.forget()
        self._backdrop.forget()
        self._groups.clear()
        self._metrics.know_rules(switch.after.rules)
        if puts:
            self._metrics.reloads.inc()
            log.info("rules_in_force", rule_set=switch.proposal.rule_set, rebuilt=rebuilt, groups=len(keys))

    def _matcher(self, *, again: bool) -> Matcher:
        if self._matched is not self._books.rule_set:
            self._matched = self._books.rule_set
            self._choice = self._matching(tuple(self._matched.rules.values()))
        return self._choice.native if again else self._choice.matcher

    async def _commit(
        self,
        judge: Callable[[], Awaitable[dict[GroupKey, GroupResult]]],
        entries: Sequence[Entry],
        beside: WriteBuilder,
    ) -> None:
        """Judge and write it, again where people were quicker; `beside` is what is written whatever is judged."""
        try:
            await self._attempt(judge, entries, beside)
        except BaseException:
            self._lease = None  # the next turn reads the groups again: what was judged here is in no store
            self._pace.broke_off()
            raise

    async def _attempt(
        self,
        judge: Callable[[], Awaitable[dict[GroupKey, GroupResult]]],
        entries: Sequence[Entry],
        beside: WriteBuilder,
    ) -> None:
        if self._lease is None:
            raise FencedError
        next_cursor = entries[-1].position if entries else self._cursor
        fence = Fence(self._lease.epoch, self._cursor, next_cursor)
        for _ in range(REPEATS):
            outcomes = await judge()
            write = self._write(outcomes, fence, beside)
            await self._leadership.keep()
            outcome = await self._store.write(write)
            match outcome:
                case Fenced(reason=reason):
                    self._metrics.commit("evaluate", "fenced")
                    raise FencedError(f"the evaluator was fenced off: {reason}")
                case Conflict(records=records, plans=plans):
                    self._metrics.commit("evaluate", "conflict")
                    if records:
                        _expect_overtaken(outcomes, records)
                    # A closing that was planned anew stays planned: the next turn takes note of it once more.
                    beside.plans = [
                        plan for plan in beside.plans if (plan.schedule, plan.member) not in plans
                    ]
                case _:
                    self._metrics.commit("evaluate", "committed")
                    self._cursor = next_cursor
                    self._keep(outcomes)
                    return
        raise StoreError(f"a batch was overtaken {REPEATS} times in a row")

    def _write(self, outcomes: Mapping[GroupKey, GroupResult], fence: Fence, beside: WriteBuilder) -> Write:
        changes = WriteBuilder(
            plans=list(beside.plans), appends=list(beside.appends), counts=Counter(beside.counts)
        )
        aside = self._letters.aside
        changes.plans += aside.plans
        changes.appends += aside.appends
        drops: list[Drop] = [*aside.drops, *beside.drops]
        for key, outcome in outcomes.items():
            if outcome.judged is not None:
                changed, gone = self._groups.changes(key, outcome.judged)
                changes.puts += changed
                drops += gone
            if outcome.looked:
                changes.plans.append(Plan(WINDOWS, str(key), outcome.due))
            for decisions, before in outcome.cases.values():
                changes.add(decisions, before)
        judged = {key: outcome.judged for key, outcome in outcomes.items() if outcome.judged is not None}
        puts = (*beside.puts, *aside.puts, *self._groups.floors(judged))
        return changes.write("evaluate", fence=fence, puts=puts, drops=drops)

    def _keep(self, outcomes: Mapping[GroupKey, GroupResult]) -> None:
        """Take over what is in the store now, and count it."""
        self._letters.committed()
        judged = {key: outcome.judged for key, outcome in outcomes.items() if outcome.judged is not None}
        self._groups.committed(judged, self._clock.now(), told=self._books.rule_set.counted)
        for outcome in outcomes.values():
            for decisions, _ in outcome.cases.values():
                for decision in decisions:
                    self._metrics.decided(decision)

    def _observe(self, found: EvaluatorPoll) -> None:
        took = monotonic() - found.started
        self._pace.took(took, drained=found.drained)
        self._metrics.evaluation_seconds.observe(took)
        for entry in found.entries:
            self._metrics.evaluated_events.inc(len(entry.values) if entry.type == "events" else 0)
            self._metrics.ingest_lag_seconds.observe(max(0, found.now - entry.received_at) / SECOND)

    def _tell(self, families: Families) -> None:
        """Tell in metrics and log which events are out, and which acts change nothing."""
        for _, reason in families.withdrawn:
            self._metrics.withdrawn(reason)
        for (desk, id_), reason in families.refused:
            self._metrics.correction_refused(reason)
            log.warning("correction_refused", desk=desk, event_id=id_, reason=reason)
        for error in families.unreadable:
            self._metrics.trouble.dead_letter("event")
            report_unreadable(error)


def _expect_overtaken(outcomes: Mapping[GroupKey, GroupResult], records: Collection[tuple[str, str]]) -> None:
    """Raise `FencedError` unless people were quicker.

    They are if they answered an alert of the batch or the one before it, changed a message of one, or made or ended a
    silence.
    """
    if (SILENCES, ALL) in records:
        return
    changed = {id_ for table, id_ in records if table in (ALERTS, NOTIFICATIONS)}
    decided = [case for outcome in outcomes.values() for case in outcome.cases.items()]
    if not any(
        alert in changed
        or any(n.id in changed for d in decisions for n in d.notifications)
        or any(d.after is not None and d.after[0] in changed for d in decisions)
        for alert, (decisions, _) in decided
    ):
        raise FencedError(f"group states were changed by another evaluator: {sorted(records)[:3]}")
