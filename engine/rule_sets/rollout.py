"""Rollout: what a rule set would change and whom it would reach, and putting it in force.

All or nothing: if one file has an error, or the change would notify more people than were agreed to, nothing changes.
A preview judges what is stored anew. A worker process does that, so that the service is not delayed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import structlog

from engine.bootstrap import history_of
from engine.clock import Clock, ManualClock
from engine.core.judging.instant import Instant
from engine.documents.finding import Finding
from engine.documents.kinds import load_kinds
from engine.documents.loaded import Loaded
from engine.documents.regions import load_regions
from engine.evaluation.activation import Rebuild, RuleSetActivation, RuleSetSwitch
from engine.evaluation.group_context import GroupContexts
from engine.evaluation.groups import Groups
from engine.metrics import Metrics
from engine.records.additional_writes import NOTHING, AdditionalWrites
from engine.records.rule_set_diff import REFUSED, Approved, OpenAlert, Preview, keeping, revision
from engine.records.rule_sets import (
    RULES,
    Proposal,
    RuleSet,
    after_the_past,
    at_once,
    pack_rule_set,
    refuse_look_alike,
    unpack_rule_set,
)
from engine.records.runtime_config import RuntimeConfig
from engine.runtime import logging as logs
from engine.runtime.worker import Bounds, Workers, serve
from engine.settings import Log, Settings
from engine.store.archive.history import EventHistory
from engine.store.port import Committed, Expect, Store
from engine.store.redis.store import RedisStore

ALONE = "alone"
"""Stands for the second person where the settings let one person put rules in force (`reload.four_eyes: false`)."""

MOST_LINES = 20
"""Errors of files that one line of the log names."""

log = structlog.get_logger(__name__)


Previews = Callable[[RuleSet, Instant, str], Awaitable[Preview]]
"""Finds what a rule set would change at an instant, for somebody."""


class RuleSetRollout:
    """Compares rule sets with what is in force, and puts them in force."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: RuntimeConfig,
        metrics: Metrics,
        *,
        max_told: int,
        history: EventHistory,
        previews: Previews | None = None,
    ) -> None:
        """Refuse what would tell more than `max_told` people, unless somebody says yes to the number.

        `previews` finds previews elsewhere than in this process.
        """
        self._previews = previews
        self._history = history
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._max_told = max_told

    async def preview(self, loaded: Loaded[RuleSet], by: str = "") -> Approved:
        """Say what the rule set of files would change, and change nothing; as `compare`."""
        if not loaded.valid:
            return Approved(outcome="invalid", findings=loaded.findings)
        found = await self.compare(loaded.value, by)
        return msgspec.structs.replace(found, findings=loaded.findings)

    async def compare(self, after: RuleSet, by: str = "") -> Approved:
        """Say what a rule set would change, and change nothing; `by` is who asks, and asks one thing at a time.

        Raises `LookAlikeError`, and `WorkersBusyError` and `WorkerFailedError` where previews are found in a process of
        their own.
        """
        (record,) = await self._store.get(RULES, ["in_force"])
        before, now = (await self._books.follow()).rule_set, self._clock.now()
        await refuse_look_alike(self._store, after, self._books.rule_set)
        if self._previews is not None:
            found = await self._previews(after, now, by)
        else:
            found = await previewed(self._store, self._clock, self._books, self._history, after)
        return Approved(
            outcome="no_difference" if after.id == before else "previewed",
            rule_set=after.id,
            base=before,
            base_version=record.version if record else 0,
            preview=found,
        )

    def refuse(self, loaded: Loaded[RuleSet]) -> Approved:
        """Refuse files that have errors: said in the log and counted."""
        found = Approved(outcome="invalid", findings=loaded.findings)
        self._tell(found)
        return found

    async def put_in_force(
        self,
        rule_set: RuleSet,
        looked: Approved,
        *,
        author: str,
        approved_by: str,
        yes: int = 0,
        further: AdditionalWrites = NOTHING,
    ) -> Approved:
        """Let a rule set follow that was `looked` at, if what is in force is still what it was compared with.

        `author` and `approved_by` are the ids of two credentials, or `ALONE` the second. `yes`: so many people may be
        told at once. `further` is written with it.
        """
        found = looked
        preview = looked.preview
        if looked.outcome == "previewed" and preview is not None:
            if preview.told > max(self._max_told, yes):
                found = msgspec.structs.replace(looked, outcome="too_many_told")
            else:
                proposal = Proposal(rule_set=rule_set.id, author=author, approved_by=approved_by)
                found = await self._write(rule_set, looked, proposal, further)
        self._tell(found)
        return found

    async def _write(
        self, rule_set: RuleSet, looked: Approved, proposal: Proposal, further: AdditionalWrites
    ) -> Approved:
        waits = looked.preview is not None and bool(looked.preview.revision.rebuilt)
        write = (
            after_the_past(rule_set, proposal) if waits else at_once(rule_set, proposal, self._clock.now())
        )
        outcome = await self._store.write(
            msgspec.structs.replace(
                write,
                puts=(*write.puts, *further.puts),
                plans=further.plans,
                appends=further.appends,
                expects=(Expect(RULES, "in_force", looked.base_version),),
            )
        )
        if not isinstance(outcome, Committed):
            return msgspec.structs.replace(looked, outcome="changed_meanwhile")
        return msgspec.structs.replace(looked, outcome="after_the_past" if waits else "at_once")

    def _tell(self, found: Approved) -> None:
        if found.outcome in REFUSED:
            self._metrics.rules_rejected(found.outcome)
            log.error("reload_rejected", reason=found.outcome, findings=written(found.findings))
        else:
            log.info("reload", outcome=found.outcome, rule_set=found.rule_set)


async def previewed(
    store: Store, clock: Clock, books: RuntimeConfig, history: EventHistory, after: RuleSet
) -> Preview:
    """Go through the switch as the evaluator would, on what is stored now, and write nothing."""
    now, before = clock.now(), books.rule_set
    found = revision(before, after)
    rules = [after.rules[id_] for id_ in found.rebuilt]
    switch = RuleSetSwitch(before, after, Proposal(rule_set=after.id), Rebuild(store, history, rules, now))
    while rules and not await switch.rebuild.advance(await store.cursor()):
        pass  # each step waits for the store, so requests and loops of the same process go on
    groups, backdrop = Groups(store), GroupContexts(books, None)
    changeover = RuleSetActivation(store, clock, books, groups, backdrop, history)
    outcomes = await changeover.judge(switch, now, await changeover.work(switch))
    people: set[str] = set()
    opened: dict[str, int] = {}
    hidden: dict[str, int] = {}
    for key, outcome in outcomes.items():
        for decisions, case in outcome.cases.values():
            people.update(n.person for decision in decisions for n in decision.notifications)
            if case is None:
                kind = hidden if decisions[0].alert.hidden else opened
                kind[key.rule] = kind.get(key.rule, 0) + 1
    late = {rule.id: at for rule in rules if (at := await switch.rebuild.judges_from(rule, now)) is not None}
    kept = [case.alert for case in (await changeover.kept(switch)).values()]
    return Preview(
        revision=found,
        open_alerts=tuple(
            OpenAlert(id=alert.id, rule=alert.rule.id, group=alert.group, reason=reason)
            for alert in kept
            if (reason := keeping(found, after, alert)) is not None
        ),
        told=len(people),
        opened=opened,
        hidden=hidden,
        judges_from=late,
    )


def written(findings: tuple[Finding, ...]) -> list[str]:
    """Return the errors among findings, each in a line, for the log."""
    return [
        f"{f.file}:{f.line}:{f.column}: {f.code} {f.text('en').message}"
        for f in findings
        if f.severity == "error"
    ][:MOST_LINES]


BOUNDS = Bounds(memory=2 << 30, cpu_seconds=120, seconds=120.0)
"""What a preview may take."""


class ApprovalOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker is told: the settings (their secrets masked), the store's server, the rule set, the instant."""

    settings: dict[str, Any]
    where: str
    rule_set: bytes
    now: Instant


def previews(workers: Workers, settings: Settings, where: str) -> Previews:
    """Return what previews rule sets beside the service, one for each user at a time."""
    return partial(_preview, workers, settings, where)


async def _preview(
    workers: Workers, settings: Settings, where: str, after: RuleSet, now: Instant, by: str
) -> Preview:
    wanted = ApprovalOrder(
        settings=settings.model_dump(mode="json"), where=where, rule_set=pack_rule_set(after), now=now
    )
    job = await workers.begin(f"preview/{by}", __name__, wanted, BOUNDS)
    return msgspec.json.decode(await job.result(), type=Preview)


async def _answer(work: bytes, _share: Callable[[float], None]) -> Preview:
    wanted = msgspec.json.decode(work, type=ApprovalOrder)
    settings = Settings.model_validate(wanted.settings)
    store = RedisStore(
        wanted.where,
        settings.namespace,
        accept_weaker_durability=settings.redis.accept_weaker_durability,
        wait_replicas=settings.redis.wait_replicas,
    )
    await store.open()
    try:
        books = RuntimeConfig(
            store,
            namespace=settings.namespace,
            regions=load_regions(settings.paths.regions),
            kinds=load_kinds(settings.paths.kinds),
            rule_set=RuleSet({}, {}),
        )
        await books.follow()
        after = unpack_rule_set(wanted.rule_set)
        return await previewed(store, ManualClock(wanted.now), books, history_of(settings, store), after)
    finally:
        await store.close()


def main() -> None:
    """Preview the rule set of standard input."""
    logs.set_up(Log(level="error"))
    logging.captureWarnings(capture=True)
    serve(_answer)


if __name__ == "__main__":
    main()
