"""The preview of a rule set in a process of its own: it judges what is stored anew, which would hold up the service."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from engine.bootstrap import history_of
from engine.clock import ManualClock
from engine.core.judging.instant import Instant
from engine.documents.kinds import load_kinds
from engine.documents.regions import load_regions
from engine.records.rule_set_diff import Preview
from engine.records.rule_sets import RuleSet, pack_rule_set, unpack_rule_set
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rollout import Previews, previewed
from engine.runtime import logging as logs
from engine.runtime.worker import Bounds, Workers, serve
from engine.settings import Log, Settings
from engine.store.redis.store import RedisStore

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
