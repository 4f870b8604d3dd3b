"""The judge: what the groups of a batch make of their shares, one group after the other.

Here: the order in which groups are judged, their working copies, and putting off a group that raises. Not here: what a
condition means (`judging`), what openings lead to (`evaluation.judgements`), and the commit (`evaluation.evaluator`).

Groups do not depend on each other but by rules on rules, so one that raises is put off alone
(`evaluation.dead_letters`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from engine.clock import Clock
from engine.core.alerting.case_editor import DecisionContext
from engine.core.judging.fold import later_of
from engine.core.judging.group_evaluation import Group
from engine.core.judging.group_key import GroupKey
from engine.core.judging.group_state import ByHand, Closing, Opening
from engine.core.judging.instant import Instant
from engine.core.judging.judgement import Judgement
from engine.core.judging.rule import Rule
from engine.core.judging.rule_dependency import AFTER_REQUESTS, BondGroup, Hearing
from engine.errors import StoreUnavailableError, UnreadableRecordError
from engine.evaluation.batch import GroupShare, MatchFault
from engine.evaluation.dead_letters import DeadLetters, newest
from engine.evaluation.dependencies import Bonds
from engine.evaluation.group_context import GroupContexts
from engine.evaluation.groups import NUMBERED, Groups, Judged
from engine.evaluation.judgements import (
    Cases,
    GroupJudgements,
    GroupResult,
    JudgementCommitter,
    UndecidedError,
    after_exception,
    closing_of,
    due_of,
    newest_alert,
)
from engine.evaluation.leadership import KeepLead
from engine.matching.rule_exception import changed_at, variant_of
from engine.records.alert_repository import Case, load
from engine.records.runtime_config import RuntimeConfig
from engine.store.port import Store

Work = Mapping[GroupKey, Sequence[GroupShare]]
"""The groups that are to be judged, each with its shares of the requests of a batch."""


class Judge:
    """Judges the groups of one evaluator."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        *,
        groups: Groups,
        backdrop: GroupContexts,
        letters: DeadLetters,
        keep: KeepLead,
    ) -> None:
        """Take the parts. `keep` is asked before each group: many of them take longer than the lease lasts."""
        self._keep = keep
        self._store = store
        self._clock = clock
        self._books = books
        self._groups = groups
        self._backdrop = backdrop
        self._letters = letters
        self._standing: _Attempt | None = None
        """What was made of the newest batch, until the next one."""

    async def judge(
        self,
        work: Work,
        horizon: Instant,
        faults: Sequence[MatchFault] = (),
        around: DecisionContext | None = None,
        *,
        rests: bool = False,
    ) -> dict[GroupKey, GroupResult]:
        """Return what a batch makes of its groups, all of which may be judged at `horizon`.

        `faults` are rules that could not be asked about an event of the batch. `around` is what surrounds the decisions
        where it was read for this batch; it is read again where people were quicker. `rests`: groups that only look let
        go of all that no event can change any more.

        Where a decision on what a group says raises, the batch is judged again without that group: what others were
        told of it, and what hides or counts its alerts, must not have happened either. The same `work` once more means
        that people were quicker than the commit: all is decided again, but judged only what depends on them.
        """
        attempt, self._standing = self._standing, None
        if attempt is not None and attempt.work is work:
            attempt, around = await self._overtaken(attempt), None
        else:
            attempt = None
        raised: dict[GroupKey, Exception] = {}
        while True:
            if attempt is None:
                self._letters.begin()
                for rule, event, error in faults:
                    self._letters.event(rule, event, error, horizon)
                await self._keep()
                bonds = Bonds(self._books.rule_set.rules, self._books.namespace)
                attempt = _Attempt(work, horizon, bonds, rests=rests)
                await self._judged(attempt, raised)
            around, in_force = around or await self._books.surroundings(), self._books.in_force.tenures
            await self._keep()
            docket = JudgementCommitter(
                self._store, self._books.rule_set, in_force, around, self._clock.now()
            )
            try:
                outcomes = attempt.outcomes(await docket.decide(attempt.said, attempt.cases))
            except UndecidedError as error:
                raised |= error.raised
                self._spoil(attempt)
                attempt = None
            else:
                self._standing = attempt
                return outcomes

    async def copy(self, key: GroupKey, rule: Rule, at: Instant, case: Case | None = None) -> Group:
        """Return the working copy of a group that was fetched, under the variant of the rule that holds at `at`."""
        ended = changed_at(rule, key.group, at)
        around, before = self._backdrop.of(key, rule), later_of(self._backdrop.before(rule), ended)
        variant = variant_of(rule, key.group, at)
        over = self._groups.over(key, variant)
        if over is None:
            return await self._groups.working_copy(key, variant, around, before)
        group = after_exception(variant, await self._groups.state(key), over, around, case)
        self._groups.taken_over(key, group)
        return group

    async def _judged(self, attempt: _Attempt, raised: Mapping[GroupKey, Exception]) -> None:
        """Judge the groups one by one, those that others hear of first."""
        rules, namespace = self._books.rule_set.rules, self._books.namespace
        while keys := attempt.next(rules):
            await self._groups.fetch((*attempt.judged, *keys))
            faults: dict[GroupKey, Exception] = {
                key: f for key in keys if (f := self._groups.fault(key)) is not None
            }
            newest = {
                key: newest_alert(namespace, key, self._groups.head(key)) for key in keys if key not in faults
            }
            lost: dict[str, UnreadableRecordError] = {}
            found = await load(self._store, [alert for alert in newest.values() if alert], unreadable=lost)
            faults |= {key: lost[alert] for key, alert in newest.items() if alert in lost}
            attempt.alerts |= {key: alert for key, alert in newest.items() if alert and key not in faults}
            attempt.cases |= found
            for key in keys:
                await self._keep()
                if (error := raised.get(key) or faults.get(key)) is not None:
                    self._wait(attempt, key, error)
                elif self._letters.waits(key, attempt.horizon) is not None:
                    attempt.waiting[key] = self._letters.keep(key, *attempt.of(key), attempt.horizon)
                else:
                    await self._apart(attempt, key, attempt.case(key))

    async def _overtaken(self, attempt: _Attempt) -> _Attempt | None:
        """Return an attempt as it is after what people did meanwhile; None where everything is to be judged again.

        Of all that people do, judging knows only that they closed an alert, or withdrew that.
        """
        before = {key: closing_of(attempt.case(key)) for key in attempt.alerts}
        attempt.cases = dict(await load(self._store, list(attempt.alerts.values())))
        closed = [key for key, closing in before.items() if closing_of(attempt.case(key)) != closing]
        if any(attempt.bonds.heeds(key.rule) or key.rule in self._letters.rules for key in closed):
            self._spoil(attempt)
            return None
        for key in closed:
            self._groups.spoil(key)
            attempt.drop(key)
            await self._apart(attempt, key, attempt.case(key))
        return attempt

    def _spoil(self, attempt: _Attempt) -> None:
        for key in attempt.judged:
            self._groups.spoil(key)

    async def _apart(self, attempt: _Attempt, key: GroupKey, case: Case | None) -> None:
        """Judge one group, or put it off where that raises; a store that is away holds up everything."""
        try:
            shares, hearings = attempt.of(key)
            if key in self._letters:
                letters = await self._letters.letters(key)
                shares = [*(share for letter in letters for share in letter.shares), *shares]
                hearings = newest((*(one for letter in letters for one in letter.hearings), *hearings))
            await self._group(attempt, key, shares, hearings, case)
            self._letters.settled(key)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 -- kept with its trace
            self._groups.spoil(key)
            self._put_off(attempt, key, error)

    def _wait(self, attempt: _Attempt, key: GroupKey, error: Exception) -> None:
        """Put a group off that cannot be judged, or let it wait on where it is not to be tried yet."""
        if self._letters.waits(key, attempt.horizon) is not None:
            attempt.waiting[key] = self._letters.keep(key, *attempt.of(key), attempt.horizon)
        else:
            self._put_off(attempt, key, error)

    def _put_off(self, attempt: _Attempt, key: GroupKey, error: Exception) -> None:
        shares, hearings = attempt.of(key)
        attempt.waiting[key] = self._letters.put_off(
            key, shares, hearings, horizon=attempt.horizon, error=error
        )

    async def _group(
        self,
        attempt: _Attempt,
        key: GroupKey,
        shares: Sequence[GroupShare],
        heard: Sequence[Hearing],
        case: Case | None,
    ) -> None:
        horizon = attempt.horizon
        closed = closing_of(case)
        just_closed = closed if isinstance(closed, Closing) else None
        group = await self.copy(key, self._books.rule_set.rules[key.rule], horizon, case)
        waited = due_of(group)
        if group.points.away:
            await self._bring(key, group, shares, closed)
        said: list[GroupJudgements] = []
        tale = _Tale(attempt.bonds, key, group, self._groups.head(key).openings, just_closed)
        if heard and isinstance(group, BondGroup):
            said += _heard(tale, group, heard, closed)
            closed = None
        for share in shares:
            if closed is None:
                said += tale.wait(share.received_at)
            # An earlier share may have moved the fold on, so that this one needs points further back.
            if group.points.away:
                await self._bring(key, group, [share], closed)
            judgements = group.apply(
                share.arrivals,
                received_at=share.received_at,
                clearing=share.clearing,
                withdrawn=share.withdrawn,
                fits=share.fits,
                closed=closed,
            )
            closed = None
            because = [reason for _, reason in share.gone]
            said += tale.go_on(judgements, share.received_at, because, request=share.request)
        if closed is None:
            said += tale.wait(horizon + 1)
        due = due_of(group)
        if closed is not None or not shares or (due is not None and due <= horizon):
            at = due if due is not None and due <= horizon else horizon
            said += tale.go_on(group.look(now=horizon, closed=closed), at)
            due = due_of(group)
        forgotten = False
        if attempt.rests and key in attempt.work:
            await self._groups.bring(key, group, earliest=None, received_at=horizon, whole=True)
            said += tale.go_on(group.settle_past(horizon), horizon)
            due = due_of(group)
            forgotten = self._may_be_forgotten(key, group, horizon)
        judged = Judged(group, group.head(), forgotten)
        attempt.judged[key] = judged
        if due is not None or waited is not None or not shares or key in self._letters:
            attempt.due[key] = due
        attempt.said += said

    def _may_be_forgotten(self, key: GroupKey, group: Group, now: Instant) -> bool:
        """Say whether a group of which nothing matters any more may go.

        One that had alerts stays for `NUMBERED` for the number of them, and for good where other rules count them: they
        hold what it says against what they were told.
        """
        if not group.is_blank or due_of(group) is not None:
            return False
        head = group.head()
        old = head.base is not None and head.base < now - NUMBERED
        return not head.opened or (old and key.rule not in self._books.rule_set.counted)

    async def _bring(
        self, key: GroupKey, group: Group, shares: Sequence[GroupShare], closed: ByHand | None
    ) -> None:
        """Bring the older points that a group needs to judge its shares."""
        events = (event for share in shares for event in (*share.arrivals, *share.clearing))
        closes = closed is not None and group.heeds(closed)
        await self._groups.bring(
            key,
            group,
            earliest=min((event.occurred_at for event in events), default=None),
            received_at=max((share.received_at for share in shares), default=0),
            whole=closes or any(share.withdrawn for share in shares),
        )


class _Tale:
    """What a group says in a batch, step by step, and what those hear who listen to it.

    They hear of each request by itself, and of what fell due between two, as if each had been a batch of its own: what
    an alert counted for a while was so, and was told, though the same batch takes it back.
    """

    def __init__(
        self, bonds: Bonds, key: GroupKey, group: Group, told: Sequence[Opening], closed: Closing | None
    ) -> None:
        """`told` are the openings that were told last, `closed` a closing by hand that is still to be told."""
        self._bonds, self._key, self._group = bonds, key, group
        self._told, self._closed = tuple(told), closed
        self._heeded = bonds.heeds(key.rule)
        self._place = (0, 0)

    def go_on(
        self,
        judgements: Iterable[Judgement],
        at: Instant,
        because: Iterable[str] = (),
        *,
        request: int = AFTER_REQUESTS,
    ) -> list[GroupJudgements]:
        """Return what was said at an instant, after a request of it or after all, and tell it to those who listen.

        They hear it behind what they heard before: a group that was put off takes the requests of several batches.

        An end may move though nothing is said of it: the alert was over before and is over still; then `because`.
        """
        said = [GroupJudgements(at, self._key, judgement) for judgement in judgements]
        if self._heeded:
            head = self._group.head()
            if self._closed is not None or head.openings != self._told:
                judged = Judged(self._group, head)
                self._place = at, request = max(self._place, (at, request))
                self._bonds.tell(
                    self._key, judged, said, at=at, request=request, closed=self._closed, because=because
                )
                self._told, self._closed = head.openings, None
        return said

    def wait(self, until: Instant) -> list[GroupJudgements]:
        """Judge what falls due before an instant, each at its own, where somebody listens."""
        said: list[GroupJudgements] = []
        while self._heeded and (due := due_of(self._group)) is not None and due < until:
            said += self.go_on(self._group.look(now=due), due)
            if due_of(self._group) == due:
                break
        return said


def _heard(
    tale: _Tale, group: BondGroup, heard: Sequence[Hearing], closed: ByHand | None
) -> list[GroupJudgements]:
    """Let a group hear what others said, request by request, and at each instant what fell due at it after these.

    One source may say several things at one instant: an alert opens with a request and ends as its time is over. The
    last of them holds, for it replaces the others.
    """
    said: list[GroupJudgements] = []
    place = attrgetter("at", "request")
    for (at, request), together in groupby(sorted(heard, key=place), key=place):
        hearings = newest(together)
        if closed is None:
            said += tale.wait(at)
        said += tale.go_on(
            group.hear(hearings, closed), at, [one.reason for one in hearings], request=request
        )
        closed = None
    return said


class _Attempt:
    """One way through the groups of a batch: what was judged, what was said, and who was put off until when."""

    def __init__(self, work: Work, horizon: Instant, bonds: Bonds, *, rests: bool) -> None:
        self.work = work
        self.rests = rests
        self.horizon = horizon
        self.bonds = bonds
        self.judged: dict[GroupKey, Judged] = {}
        self.due: dict[GroupKey, Instant | None] = {}
        """When judged groups are due again, but for those that waited for nothing before and wait for nothing now."""
        self.said: list[GroupJudgements] = []
        self.waiting: dict[GroupKey, Instant | None] = {}
        self.alerts: dict[GroupKey, str] = {}
        """The newest alert of each group that had one before."""
        self.cases: dict[str, Case] = {}

    def case(self, key: GroupKey) -> Case | None:
        """Return the newest alert of a group as people left it."""
        return self.cases.get(self.alerts.get(key, ""))

    def drop(self, key: GroupKey) -> None:
        """Forget what was made of a group."""
        self.judged.pop(key, None)
        self.due.pop(key, None)
        self.said = [one for one in self.said if one.key != key]

    def next(self, rules: Mapping[str, Rule]) -> list[GroupKey]:
        """Return the groups that are to be judged next: of what is left, those that no other one waits for."""
        judged, waiting, depths = self.judged, self.waiting, self.bonds.depths
        left = [key for key in {**self.work, **self.bonds.heard} if key not in judged and key not in waiting]
        left = [key for key in left if key.rule in rules]
        depth = min([depths[key.rule] for key in left], default=0)
        return sorted([key for key in left if depths[key.rule] == depth])

    def of(self, key: GroupKey) -> tuple[Sequence[GroupShare], Sequence[Hearing]]:
        """Return what this batch holds for a group."""
        return self.work.get(key, ()), self.bonds.heard.get(key, ())

    def outcomes(self, decided: Mapping[GroupKey, Cases]) -> dict[GroupKey, GroupResult]:
        """Return what the batch makes of each group."""
        judged, due = self.judged, {**self.due, **self.waiting}
        return {
            key: GroupResult(
                judged.get(key), due.get(key), decided.get(key, {}), key in due or key not in judged
            )
            for key in {**self.work, **judged, **self.waiting}
        }
