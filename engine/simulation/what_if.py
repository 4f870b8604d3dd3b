"""What if: pasted rules are checked, tested and compared over past events. Nothing is saved.

The work is done by a worker process beside the service, so that a long past or much memory does not delay judging.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import structlog
import yaml

from engine.core.judging.instant import Instant
from engine.core.judging.rule import level_name
from engine.documents.finding import Finding
from engine.documents.test_files.rule_tests import SUFFIX
from engine.errors import ConfigurationError
from engine.records.rule_sets import RuleSet
from engine.records.runtime_config import RuntimeConfig
from engine.rule_sets.rule_files import load_rule_set
from engine.runtime import logging as logs
from engine.runtime.worker import Bounds, Job, WorkerFailedError, Workers, serve
from engine.settings import Log, Settings
from engine.simulation import suite
from engine.simulation.backtest import AlertCourse, Backtest
from engine.simulation.backtest_report import BacktestDifference, CourseChange, backtest_difference
from engine.simulation.feed import Past
from engine.simulation.replay import ReplayProgress
from engine.simulation.simulator import TestInstallation
from engine.store.archive.events import Archive
from engine.store.archive.history import EventHistory
from engine.store.redis.store import RedisStore

FOR_NEW = "usulan.yaml"
"""The file of pasted rules that stand in no file yet."""
_HEAD = ("version: 1", "rules:")
_INDENT = "  "


class Pasted(NamedTuple):
    """Where pasted text went: its first line is line `first` (from 1) of `file`, its last is line `last`."""

    file: Path
    first: int
    last: int

    def line(self, file: Path, line: int) -> int | None:
        """Return which line of the pasted text (from 1) a line of a file is; None where it is of what was there."""
        inside = file == self.file and self.first <= line <= self.last
        return line - self.first + 1 if inside else None


class PastePlace(NamedTuple):
    """A rule in its file: lines [start, end) from 0, and the column of its dash."""

    file: Path
    start: int
    end: int
    column: int


def paste_rules(text: str, rules: Path, into: Path) -> Pasted:
    """Copy the folder `rules` to `into`, with the pasted text in place of the rules of the same ids, or beside them."""
    shutil.copytree(
        rules, into, ignore=lambda _, names: [n for n in names if not n.endswith((".yaml", ".yml"))]
    )
    text = textwrap.dedent(text.replace("\t", _INDENT)).strip("\n")
    root = _composed(text)
    ids = list(_ids(root))
    places = {id_: place for id_ in ids if (place := find_rule(id_, into)) is not None}
    if isinstance(root, yaml.MappingNode) and "id" not in _keys(root):
        return _write(
            next(iter(places.values())).file if places else into / FOR_NEW, [], text.splitlines(), []
        )
    lines = text.splitlines()
    if isinstance(root, yaml.MappingNode):
        lines = [
            ("- " if number == 0 else _INDENT) + line if line else line for number, line in enumerate(lines)
        ]
    if not places:
        return _write(into / FOR_NEW, list(_HEAD), [_INDENT + line for line in lines], [])
    first, *others = places.values()
    for place in others:
        _blank(place)
    before, after = _around(first)
    return _write(first.file, before, [" " * first.column + line for line in lines], after)


def find_rule(id_: str, rules: Path) -> PastePlace | None:
    """Return where a rule stands in the files of a folder."""
    for file in sorted(rules.rglob("*.y*ml")):
        for place, found in _rules(file):
            if found == id_:
                return place
    return None


def text_of(id_: str, rules: Path) -> str:
    """Return the text of a rule as it stands in its file; empty where no file has it."""
    place = find_rule(id_, rules)
    if place is None:
        return ""
    lines = place.file.read_text(encoding="utf-8").splitlines()[place.start : place.end]
    return textwrap.dedent("\n".join(lines)).strip("\n")


def _rules(file: Path) -> Iterator[tuple[PastePlace, str]]:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    rules = _keys(_composed(text)).get("rules")
    if not isinstance(rules, yaml.SequenceNode) or rules.flow_style:
        return
    items = rules.value
    for number, item in enumerate(items):
        start = item.start_mark
        end = items[number + 1].start_mark.line if number + 1 < len(items) else rules.end_mark.line
        while end > start.line + 1 and not lines[end - 1].partition("#")[0].strip():
            end -= 1  # remarks between two rules are of the second one
        if isinstance(id_ := _keys(item).get("id"), yaml.ScalarNode):
            yield PastePlace(file, start.line, max(end, start.line + 1), start.column - 2), id_.value


def _composed(text: str) -> Any:
    """Return the root of a text; None where it is no YAML, which the loader then says with its place."""
    try:
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def _ids(root: Any) -> Iterator[str]:
    """Yield the ids of the rules of a composed text, whichever of the three forms it has."""
    if isinstance(root, yaml.MappingNode):
        keys = _keys(root)
        if isinstance(id_ := keys.get("id"), yaml.ScalarNode):
            yield id_.value
        root = keys.get("rules")
    if isinstance(root, yaml.SequenceNode):
        for item in root.value:
            yield from _ids(item)


def _keys(node: Any) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _around(place: PastePlace) -> tuple[list[str], list[str]]:
    lines = place.file.read_text(encoding="utf-8").splitlines()
    return lines[: place.start], lines[place.end :]


def _blank(place: PastePlace) -> None:
    """Take a rule out of its file; the lines stay, so that findings on others keep their places."""
    before, after = _around(place)
    lines = [*before, *[""] * (place.end - place.start), *after]
    place.file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(file: Path, before: list[str], lines: list[str], after: list[str]) -> Pasted:
    file.write_text("\n".join([*before, *lines, *after]) + "\n", encoding="utf-8")
    return Pasted(file, len(before) + 1, len(before) + len(lines))


PASTED = "-"
"""Stands for the pasted text where a finding names its file."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Pasted `text`, and the span of what was received that it is held against.

    `where` is the address of the store's server; empty where there is none to read the past from.
    """

    text: str
    since: Instant
    until: Instant
    where: str = ""


class FailedTest(msgspec.Struct, frozen=True, kw_only=True):
    """A rule test that does not pass any more, and why, in both languages."""

    name: str
    why: dict[str, tuple[str, ...]]


class Alerted(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that there would be or no longer be, or its other instant or level in `was`."""

    change: str
    rule: str
    group: str
    level: str
    at: Instant
    was: str | Instant = ""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """What the bearers of a role at a region would receive more, fewer, earlier and later."""

    role: str
    region: str
    change: CourseChange


class WhatIfAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the pasted rules are and would have done.

    With an error among the `findings` nothing else was looked at. `past` says what they were held against: `compared`,
    `empty` where nothing was received in the span. Findings on the pasted text have `PASTED` as their file.
    """

    findings: tuple[Finding, ...] = ()
    passed: int = 0
    failed: tuple[FailedTest, ...] = ()
    past: str = ""
    events: int = 0
    alerts: tuple[Alerted, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    messages: int = 0
    parts: int = 0

    @property
    def valid(self) -> bool:
        """Whether the pasted rules could come into force."""
        return not any(finding.severity == "error" for finding in self.findings)


Shown = Callable[[float], None]
"""Is told which share of the work is done, 0 to 1."""


async def what_if(settings: Settings, question: Question, shown: Shown = lambda _share: None) -> WhatIfAnswer:
    """Answer a question; see the module."""
    premises = TestInstallation(settings=settings)
    with TemporaryDirectory(prefix="siaga-what-if-") as folder:
        rules = Path(folder) / "rules"
        pasted = paste_rules(question.text, settings.paths.rules, rules)
        paths = settings.paths.model_copy(update={"rules": rules})
        loaded = load_rule_set(paths, premises.regions, premises.kinds)
        findings = tuple(relative_finding(finding, pasted, rules) for finding in loaded.findings)
        if not loaded.valid:
            return WhatIfAnswer(findings=findings)
        beside = pasted.file.with_name(pasted.file.stem + SUFFIX)
        report = await suite.run_suite([beside], premises) if beside.exists() else None
        results = report.results if report else ()
        answer = WhatIfAnswer(
            findings=findings,
            passed=sum(result.passed for result in results),
            failed=tuple(
                FailedTest(
                    name=result.name,
                    why={
                        "id": tuple(failure.text("id") for failure in result.failures),
                        "en": tuple(failure.text("en") for failure in result.failures),
                    },
                )
                for result in results
                if not result.passed
            ),
        )
        return await compared(premises, question, loaded.value, answer, shown)


async def compared(
    premises: TestInstallation, question: Question, rule_set: RuleSet, answer: WhatIfAnswer, shown: Shown
) -> WhatIfAnswer:
    """Return the answer with what the rule set would have done with what was received."""
    async with past_backtest(premises, question) as run:
        if run is None:
            return msgspec.structs.replace(answer, past="empty")
        ledgers = []
        for number, rules in enumerate((run.rule_set(), rule_set)):

            def tell(progress: ReplayProgress, begun: int = number) -> None:
                shown((begun + progress.sent / progress.total) / 2)

            ledgers.append(await run.run(rules, tell))
        found = backtest_difference(*ledgers)
        return msgspec.structs.replace(
            answer,
            past="compared",
            events=run.feed.total,
            alerts=tuple(differing_alerts(found)),
            recipients=tuple(
                Recipient(role=role, region=region, change=change)
                for (role, region), change in found.recipients.items()
            ),
            messages=found.messages,
            parts=found.parts,
        )


@asynccontextmanager
async def past_backtest(premises: TestInstallation, question: Question) -> AsyncIterator[Backtest | None]:
    """Give the backtest of what was received in the span; None where that is nothing."""
    if not question.where:
        yield None
        return
    settings = premises.settings
    redis = settings.redis
    store = RedisStore(
        question.where,
        settings.namespace,
        accept_weaker_durability=redis.accept_weaker_durability,
        wait_replicas=redis.wait_replicas,
    )
    await store.open()
    try:
        folder = settings.archive_directory
        history = EventHistory(store, None if folder is None else Archive(folder, settings.namespace))
        try:
            feed = await Past.survey(history, question.since, question.until)
        except ConfigurationError:
            yield None
            return
        books = RuntimeConfig(
            store,
            namespace=settings.namespace,
            regions=premises.regions,
            kinds={},
            rule_set=RuleSet({}, {}),
        )
        directory = (await books.directory()).contents
        yield Backtest(settings, feed, since=question.since, until=question.until, directory=directory)
    finally:
        await store.close()


def differing_alerts(found: BacktestDifference) -> list[Alerted]:
    """Return the alerts that differ, in the order of time."""

    def one(change: str, course: AlertCourse, was: str | Instant = "") -> Alerted:
        return Alerted(
            change=change,
            rule=course.rule,
            group=course.group,
            level=level_name(course.level),
            at=course.happened_at,
            was=was,
        )

    listed = [
        *(one("new", course) for course in found.new),
        *(one("gone", course) for course in found.gone),
        *(one("redated", pair.after, pair.before.happened_at) for pair in found.redated),
        *(one("level", pair.after, level_name(pair.before.level)) for pair in found.level_changed),
    ]
    return sorted(listed, key=lambda alert: (alert.at, alert.rule, alert.group, alert.change))


def relative_finding(finding: Finding, pasted: Pasted, rules: Path) -> Finding:
    """Return a finding as it reads to whoever pasted: with lines of their text, and files by their names."""
    line = pasted.line(Path(finding.file), finding.line)
    if line is not None:
        return msgspec.structs.replace(finding, file=PASTED, line=line)
    return msgspec.structs.replace(finding, file=finding.file.removeprefix(f"{rules}/"))


BOUNDS = Bounds(memory=2 << 30, cpu_seconds=600, seconds=600.0)
"""What a what-if may take."""

log = structlog.get_logger(__name__)


class WhatIfTicket(msgspec.Struct, frozen=True, kw_only=True):
    """The task of the worker: the settings (their secrets masked, it needs none) and the question."""

    settings: dict[str, Any]
    question: Question


class WhatIf:
    """One question under way, asked beside the service."""

    def __init__(self, question: Question, job: Job) -> None:
        self.question = question
        self.answer: WhatIfAnswer | None = None
        self.failed = False
        """Whether it ended without an answer; the log says why."""
        self._job = job
        self._task = asyncio.create_task(self._follow(), name="what-if")

    @property
    def done(self) -> float:
        """Which share of the work is done, 0 to 1."""
        return self._job.done

    @property
    def pid(self) -> int | None:
        """The process that looks for the answer, once it runs."""
        return self._job.pid

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._task.done()

    async def wait(self) -> None:
        """Wait until it is over."""
        await asyncio.shield(self._task)

    async def _follow(self) -> None:
        try:
            self.answer = msgspec.json.decode(await self._job.result(), type=WhatIfAnswer)
        except (WorkerFailedError, msgspec.DecodeError) as error:
            self.failed = True
            log.warning("what_if_failed", error=str(error))


async def start_what_if(workers: Workers, user: str, settings: Settings, question: Question) -> WhatIf:
    """Ask a question in place of the user's question before; raises `WorkersBusyError`, and leaves that one."""
    asked = WhatIfTicket(settings=settings.model_dump(mode="json"), question=question)
    return WhatIf(question, await workers.begin(f"what-if/{user}", __name__, asked, BOUNDS))


async def _answer(work: bytes, share: Callable[[float], None]) -> WhatIfAnswer:
    asked = msgspec.json.decode(work, type=WhatIfTicket)
    return await what_if(Settings.model_validate(asked.settings), asked.question, share)


def main() -> None:
    """Answer the question on standard input."""
    logs.set_up(Log(level="error"))
    logging.captureWarnings(capture=True)
    serve(_answer)


if __name__ == "__main__":
    main()
