"""The watch over the files of the rule set: changes are checked and announced, and nothing becomes live by itself.

Here: noticing, announcing, and what the health page shows of it; with `reload.auto` a valid change is proposed, or
follows alone where `reload.four_eyes` is off. Not here: reading the files (`service.reload`), and approving
(`service.proposals`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.credential import Credential
from engine.core.alerting.internal_alerts import Request
from engine.documents.loaded import Loaded
from engine.metrics import Metrics
from engine.service.approval import ALONE, Approval, written
from engine.service.books import Books
from engine.service.own_alerts import ask
from engine.service.proposal_records import TooManyProposalsError
from engine.service.proposals import Proposals
from engine.service.readable import readable_or
from engine.service.revision import revision
from engine.service.rule_sets import RULES, LookAlikeError, Progress, RuleSet
from engine.store.port import Store, Write

EVERY_SECONDS = 1.0
FILES = Credential("service", "files")
"""Proposes what changed in the files where `reload.auto` is on."""

Files = Literal["unread", "in_force", "differ", "invalid"]

log = structlog.get_logger(__name__)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the health page shows: the rule set in force, how the files stand to it, and a rebuild under way (0-1)."""

    in_force: str = ""
    files: Files = "unread"
    errors: int = 0
    rebuild: float | None = None


class Watch:
    """Looks at the files now and then. One that changes while it is looked at is looked at again."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        books: Books,
        metrics: Metrics,
        approval: Approval,
        proposals: Proposals,
        *,
        read: Callable[[], Loaded[RuleSet]],
        files: Callable[[], Iterable[Path]],
        auto: bool,
        four_eyes: bool,
    ) -> None:
        """`read` loads the rule set of the `files`, in a thread of its own; it raises nothing but what a bug does.

        With `auto` a valid change is proposed, and without `four_eyes` it follows at once.
        """
        self._store = store
        self._clock = clock
        self._books = books
        self._metrics = metrics
        self._approval = approval
        self._read = read
        self._files = files
        self._auto = auto
        self._four_eyes = four_eyes
        self._proposals = proposals
        self._seen: object = None
        self._loaded: Loaded[RuleSet] | None = None
        self._announced: tuple[object, str] | None = None
        self.sight = Sight()

    def look_again(self) -> None:
        """Read the files at the next turn whether they changed or not."""
        self._seen = self._announced = None

    async def turn(self) -> int:
        """Look once; return 0: nothing waits for the next look."""
        seen = await asyncio.to_thread(lambda: fingerprint(self._files()))
        if seen != self._seen or self._loaded is None:
            self._seen = seen
            self._loaded = await asyncio.to_thread(self._read)
        in_force = (await self._books.follow()).rule_set
        if self._announced != (seen, in_force):
            self._announced = seen, in_force
            await self._announce(self._loaded, in_force)
        self.sight = msgspec.structs.replace(self.sight, in_force=in_force, rebuild=await self._rebuild())
        return 0

    async def _announce(self, loaded: Loaded[RuleSet], in_force: str) -> None:
        self._metrics.know_rules(self._books.rule_set.rules)
        files: Files = "in_force"
        errors = sum(finding.severity == "error" for finding in loaded.findings)
        if not loaded.valid:
            files = "invalid"
            self._metrics.rules_rejected("invalid")
            asked = ask(Request("rules"), self._clock.now())
            await self._store.write(Write(name="own_alert", plans=(asked,)))
            log.error("rules_invalid", in_force=in_force, errors=errors, findings=written(loaded.findings))
        elif loaded.value.id != in_force:
            files = "differ"
            found = revision(self._books.rule_set, loaded.value)
            log.warning(
                "rules_differ",
                in_force=in_force,
                files=loaded.value.id,
                added=list(found.added),
                changed=list(found.changed),
                removed=list(found.removed),
                policies=list(found.policies),
                stages=found.stages,
            )
        self._metrics.rule_files(differ=files == "differ", invalid=files == "invalid")
        self.sight = msgspec.structs.replace(self.sight, files=files, errors=errors)
        if files == "differ" and self._auto:
            await self._follow(loaded.value)

    async def _follow(self, rule_set: RuleSet) -> None:
        """Propose what the files hold, or put it in force alone."""
        if not self._four_eyes:
            try:
                looked = await self._approval.compare(rule_set, str(FILES))
            except LookAlikeError as error:
                log.warning("rules_not_proposed", rule_set=rule_set.id, error=str(error))
                return
            await self._approval.put_in_force(rule_set, looked, author=str(FILES), approved_by=ALONE)
            return
        try:
            await self._proposals.propose_rules(rule_set, FILES)
        except (TooManyProposalsError, LookAlikeError) as error:
            log.warning("rules_not_proposed", rule_set=rule_set.id, error=str(error))

    async def _rebuild(self) -> float | None:
        """Return how far the rules of a waiting proposal have come; None where none waits."""
        pending, progress = await self._store.get(RULES, ["pending", "progress"])
        if pending is None:
            return None
        found = readable_or(RULES, "progress", progress, Progress, None)
        return found.share if found else 0.0


def fingerprint(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file changes, comes or goes."""
    found = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))
