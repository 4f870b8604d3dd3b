"""What if: pasted rules, checked, tested, and held against those in the files over what was received. Nothing is saved.

Here: the question, the answer, and finding it. Not here: the process in which that happens (`rehearsal.aside`), where
pasted text goes (`rehearsal.pasted`), and the page (`web.console.what_if`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from engine.core.judging.instant import Instant
from engine.core.judging.rule import level_name
from engine.documents.finding import Finding
from engine.documents.test_files.rule_tests import SUFFIX
from engine.errors import ConfigurationError
from engine.rehearsal import suite
from engine.rehearsal.backtest import Backtest
from engine.rehearsal.difference import Change, Difference, difference
from engine.rehearsal.feed import Past
from engine.rehearsal.ledger import Course
from engine.rehearsal.pasted import Pasted, paste
from engine.rehearsal.premises import Premises
from engine.rehearsal.replay import Progress
from engine.service.books import Books
from engine.service.reload import load_rule_set
from engine.service.rule_sets import RuleSet
from engine.settings import Settings
from engine.store.archive.events import Archive
from engine.store.archive.history import History
from engine.store.redis.store import RedisStore

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


class Failed(msgspec.Struct, frozen=True, kw_only=True):
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
    change: Change


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the pasted rules are and would have done.

    With an error among the `findings` nothing else was looked at. `past` says what they were held against: `compared`,
    `empty` where nothing was received in the span. Findings on the pasted text have `PASTED` as their file.
    """

    findings: tuple[Finding, ...] = ()
    passed: int = 0
    failed: tuple[Failed, ...] = ()
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


async def what_if(settings: Settings, question: Question, shown: Shown = lambda _share: None) -> Answer:
    """Answer a question; see the module."""
    premises = Premises(settings=settings)
    with TemporaryDirectory(prefix="siaga-what-if-") as folder:
        rules = Path(folder) / "rules"
        pasted = paste(question.text, settings.paths.rules, rules)
        paths = settings.paths.model_copy(update={"rules": rules})
        loaded = load_rule_set(paths, premises.regions, premises.kinds)
        findings = tuple(relative(finding, pasted, rules) for finding in loaded.findings)
        if not loaded.valid:
            return Answer(findings=findings)
        beside = pasted.file.with_name(pasted.file.stem + SUFFIX)
        report = await suite.run([beside], premises) if beside.exists() else None
        results = report.results if report else ()
        answer = Answer(
            findings=findings,
            passed=sum(result.passed for result in results),
            failed=tuple(
                Failed(
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
    premises: Premises, question: Question, rule_set: RuleSet, answer: Answer, shown: Shown
) -> Answer:
    """Return the answer with what the rule set would have done with what was received."""
    async with past(premises, question) as run:
        if run is None:
            return msgspec.structs.replace(answer, past="empty")
        ledgers = []
        for number, rules in enumerate((run.rule_set(), rule_set)):

            def tell(progress: Progress, begun: int = number) -> None:
                shown((begun + progress.sent / progress.total) / 2)

            ledgers.append(await run.run(rules, tell))
        found = difference(*ledgers)
        return msgspec.structs.replace(
            answer,
            past="compared",
            events=run.feed.total,
            alerts=tuple(alerted(found)),
            recipients=tuple(
                Recipient(role=role, region=region, change=change)
                for (role, region), change in found.recipients.items()
            ),
            messages=found.messages,
            parts=found.parts,
        )


@asynccontextmanager
async def past(premises: Premises, question: Question) -> AsyncIterator[Backtest | None]:
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
        history = History(store, None if folder is None else Archive(folder, settings.namespace))
        try:
            feed = await Past.survey(history, question.since, question.until)
        except ConfigurationError:
            yield None
            return
        books = Books(
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


def alerted(found: Difference) -> list[Alerted]:
    """Return the alerts that differ, in the order of time."""

    def one(change: str, course: Course, was: str | Instant = "") -> Alerted:
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


def relative(finding: Finding, pasted: Pasted, rules: Path) -> Finding:
    """Return a finding as it reads to whoever pasted: with lines of their text, and files by their names."""
    line = pasted.line(Path(finding.file), finding.line)
    if line is not None:
        return msgspec.structs.replace(finding, file=PASTED, line=line)
    return msgspec.structs.replace(finding, file=finding.file.removeprefix(f"{rules}/"))
