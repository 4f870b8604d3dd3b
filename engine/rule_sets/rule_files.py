"""The files of the rule set and the procedures that rules name: reading them, and announcing that they changed.

No file takes effect by itself. Specification: docs/specification/rules.md#rule-set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from engine.clock import Clock
from engine.core.alerting.case_editor import NO_STAGES
from engine.core.alerting.credential import Credential
from engine.core.alerting.internal_alerts import InternalAlertRequest
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.documents.calendar import load_calendar
from engine.documents.desks import NO_LISTS, Desks, Lists, load_desks, load_expected
from engine.documents.directory import load_directory
from engine.documents.finding import Findings, at_start
from engine.documents.kinds import EventKind, load_kinds
from engine.documents.loaded import Loaded, loaded
from engine.documents.policies import load_policies
from engine.documents.reference_data import ReferenceData
from engine.documents.reference_tables import load_tables
from engine.documents.regions import load_regions
from engine.documents.rules.rules import load_rules
from engine.errors import ConfigurationError
from engine.escalation.internal_alerts import ask
from engine.metrics import Metrics
from engine.people.proposal_records import TooManyProposalsError
from engine.records.rule_set_diff import revision
from engine.records.rule_sets import RULES, ActivationProgress, LookAlikeError, RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.records.tolerant_read import readable_or
from engine.rule_sets.proposals import Proposals
from engine.rule_sets.rollout import ALONE, RuleSetRollout, written
from engine.settings import Paths
from engine.store.port import Store, Write


def load_rule_set(paths: Paths, regions: RegionTable, kinds: Mapping[str, EventKind]) -> Loaded[RuleSet]:
    """Load policies, rules and calendar, with every finding of every file; empty where one of them is an error.

    An installation without a calendar file has no stages.
    """
    findings = Findings()
    calendar, policies, rules = NO_STAGES, {}, {}
    known_calendar = True
    if paths.calendar.exists():
        stages = load_calendar(paths.calendar)
        findings.extend(stages.findings)
        calendar, known_calendar = stages.value, stages.valid
    ids = frozenset(stage.id for stage in calendar.stages) if known_calendar else None
    read = load_policies(paths.policies, regions, ids)
    findings.extend(read.findings)
    policies = {policy.id: policy for policy in read.value}
    tables = load_tables(paths.tables, regions)
    findings.extend(tables.findings)
    desks: Loaded[Desks] = Loaded(())
    expected: Loaded[Lists] = Loaded(NO_LISTS)
    if paths.desks.exists():
        desks = load_desks(paths.desks, regions)
    if paths.expected.exists():
        expected = load_expected(paths.expected, regions)
    findings.extend((*desks.findings, *expected.findings))
    known = ReferenceData(
        kinds=frozenset(kinds),
        regions=regions,
        policies=frozenset(policies) if read.valid else None,
        calendar=calendar if known_calendar else None,
        tables=tables.value,
        desks=desks.value,
        expected=expected.value if expected.valid else None,
    )
    found = load_rules(paths.rules, known)
    findings.extend(found.findings)
    rules = {rule.id: rule for rule in found.value}
    return loaded(RuleSet(rules, policies, calendar), RuleSet({}, {}), findings)


def read_rule_set(paths: Paths, regions: RegionTable, kinds: Mapping[str, EventKind]) -> RuleSet:
    """Read policies, rules and calendar; raise `ConfigurationError` with every finding where one is an error."""
    return load_rule_set(paths, regions, kinds).expect()


def as_they_lie(paths: Paths) -> Loaded[RuleSet]:
    """Load the rule set of an installation with the kinds and regions that lie there now."""
    try:
        return load_rule_set(paths, load_regions(paths.regions), load_kinds(paths.kinds))
    except ConfigurationError as error:
        findings = Findings()
        findings.add("config_unusable", at_start(paths.kinds), reason=error)
        return loaded(RuleSet({}, {}), RuleSet({}, {}), findings)


def files_of(paths: Paths) -> list[Path]:
    """Return the files on which the rule set of an installation rests, as they lie there now."""
    found: list[Path] = []
    for name in type(paths).model_fields:
        path: Path = getattr(paths, name)
        if name in _NO_RULES:
            continue
        found += sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES) if path.is_dir() else [path]
    return found


async def import_directory(
    books: RuntimeConfig, paths: Paths, at: Instant, by: Credential, *, replace: bool = True
) -> int:
    """Put the directory file in force; return its version. With `replace=False` only into a store without any."""
    held = await books.directory()
    if held.version and not replace:
        return held.version
    if not paths.directory.exists():
        if replace:
            raise ConfigurationError(f"{paths.directory}: there is no such directory file")
        return 0
    return await books.replace_directory(load_directory(paths.directory, books.regions).expect(), at, by)


_NO_RULES = ("directory", "templates", "var")
"""Places that no rule depends on."""
_SUFFIXES = (".yaml", ".yml", ".csv")


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
        books: RuntimeConfig,
        metrics: Metrics,
        approval: RuleSetRollout,
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
        seen = await asyncio.to_thread(lambda: files_fingerprint(self._files()))
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
            asked = ask(InternalAlertRequest("rules"), self._clock.now())
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
        found = readable_or(RULES, "progress", progress, ActivationProgress, None)
        return found.share if found else 0.0


def files_fingerprint(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file changes, comes or goes."""
    found = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


LONGEST_BYTES = 12_000
"""A longer file is a book and no help at night: messages and pages name it, and pages do not show it."""
SUFFIX = ".md"


class Procedures:
    """Reads procedures from one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def text(self, guide: str) -> str:
        """Return the text of a procedure; empty where a rule names no Markdown file of the folder, or a long one."""
        return await asyncio.to_thread(self._text, guide) if guide.endswith(SUFFIX) else ""

    def _text(self, guide: str) -> str:
        folder = self._folder.resolve()
        try:
            path = (folder / guide).resolve()
            if not path.is_relative_to(folder) or path.stat().st_size > LONGEST_BYTES:
                return ""
            return path.read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):  # it is gone, or no name that a file can have; its name is still told
            return ""
