"""The books a running service decides by: regions, kinds, rules, policies, directory, silences, routes.

Here: holding them, and following by version what changes in the store. Not here: reading files (`documents`), changing
the rule set of a running service (`evaluation.activation`), or deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.clock import monotonic
from engine.core.alerting.case_editor import DecisionContext
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contents, Directory
from engine.core.alerting.gateway_route import Breaker, Route
from engine.core.alerting.silence import Silence
from engine.core.judging.instant import Instant
from engine.core.judging.region import RegionTable
from engine.documents.kinds import EventKind
from engine.errors import StoreError, UnreadableRecordError
from engine.records.additional_writes import NOTHING, SettledPart
from engine.records.audit_log import AuditEntry, append_audit, digest_of_contents
from engine.records.rule_sets import RELOADS, RULES, InForce, RuleSet, fetch_rule_set
from engine.records.tolerant_read import readable, readable_entries, readable_or, report_unreadable
from engine.store.codec import decode_record, encode
from engine.store.port import Committed, Plan, Put, Record, Store, Write

DIRECTORY = "directory"
"""Table of the directory: `current` holds the number of the version in force, `v<number>` its contents."""

BREAKERS = "breakers"
"""Table of the breakers of gateways that failed lately, by gateway (`core.alerting.gateway_route`)."""
ATTEMPTS = 50
"""So many writes of a directory may be overtaken in a row."""
SILENCES = "silences"
"""Table of the silences; its one record `all` holds every silence kept (`escalation.silences`).

Also the schedule of silences, by id, that were made or ended and whose alerts have yet to look."""
ALL = "all"
FALLBACKS = 20
"""Where the directory in force cannot be read, so many versions before it are tried."""
READ_AGAIN_SECONDS = 30.0
"""How long a version that could not be read is not tried again."""
CURRENT = ("current",)
IN_FORCE = ("in_force", "pending")


class RuntimeConfig:
    """What decisions look at. The directory is read again when its version in the store has changed."""

    def __init__(
        self,
        store: Store,
        *,
        namespace: str,
        regions: RegionTable,
        kinds: Mapping[str, EventKind],
        rule_set: RuleSet,
        routes: tuple[Route, ...] = (),
    ) -> None:
        self._store = store
        self.namespace = namespace
        self.regions = regions
        self.kinds = kinds
        self.routes = routes
        self.rule_set = rule_set
        """The rules, policies and stages in force, as far as this process has heard."""
        self.in_force = InForce(rule_set="")
        """Who put them in force, and when."""
        self.pending: Record | None = None
        """The proposal that waits for its rules to have seen the past (`evaluation.activation`)."""
        self._rules_version = 0
        self._directory = Directory(Contents())
        self._unread = 0, 0.0
        self._silences: tuple[int, tuple[Silence, ...]] = (0, ())

    async def surroundings(self) -> DecisionContext:
        """Return directory, regions, calendar and silences as they are now, as a decision takes them."""
        gateways = [route.gateway for route in self.routes]
        rules, directory, silences, breakers = await self._store.collect(
            [(RULES, IN_FORCE), (DIRECTORY, CURRENT), (SILENCES, [ALL]), (BREAKERS, gateways)]
        )
        await self._follow(*rules)
        return DecisionContext(
            self.namespace,
            await self._directory_in(*directory),
            self.regions,
            self.rule_set.calendar,
            self._silences_in(*silences),
            silences_version=self._silences[0],
            routes=self.routes,
            interrupted=_interrupted(zip(gateways, breakers, strict=True)),
        )

    async def follow(self) -> InForce:
        """Take over the rule set in force where another one came; without any in the store what was given stays."""
        await self._follow(*await self._store.get(RULES, IN_FORCE))
        return self.in_force

    async def _follow(self, record: Record | None, pending: Record | None) -> None:
        self.pending = pending
        if record is not None and record.version != self._rules_version:
            in_force = await self._in_force_of(record)
            self.rule_set = await fetch_rule_set(self._store, in_force.rule_set)
            self.in_force, self._rules_version = in_force, record.version

    async def _in_force_of(self, record: Record) -> InForce:
        """Return which rule set is in force. Where the record cannot be read, the log of reloads says it too."""
        try:
            return decode_record(RULES, "in_force", record.value, InForce)
        except UnreadableRecordError as error:
            newest = readable_entries(RELOADS, await self._store.log(RELOADS, -1), InForce)
            if not newest:
                raise
            report_unreadable(error)
            return newest[0]

    async def silences(self) -> tuple[Silence, ...]:
        """Return the silences that the store keeps, also those that are over or still to come."""
        return self._silences_in(*await self._store.get(SILENCES, [ALL]))

    def _silences_in(self, record: Record | None) -> tuple[Silence, ...]:
        if record is not None and record.version != self._silences[0]:
            # While the record cannot be read, the silences known before stay; a new process knows none: alerts go out.
            known = self._silences[1]
            self._silences = (
                record.version,
                readable_or(SILENCES, ALL, record, tuple[Silence, ...], known),
            )
        return self._silences[1]

    async def directory(self) -> Directory:
        """Return the directory in force. Where it cannot be read, return the newest version that can be."""
        return await self._directory_in(*await self._store.get(DIRECTORY, CURRENT))

    async def _directory_in(self, current: Record | None) -> Directory:
        if current is None or current.version == self._directory.version:
            return self._directory
        unread, again_at = self._unread
        if current.version == unread and monotonic() < again_at:
            return self._directory
        for version in range(current.version, max(self._directory.version, current.version - FALLBACKS), -1):
            try:
                self._directory = await self.directory_of(version) or self._directory
            except UnreadableRecordError as error:
                report_unreadable(error)
                self._unread = current.version, monotonic() + READ_AGAIN_SECONDS
            else:
                break
        return self._directory

    async def directory_of(self, version: int) -> Directory | None:
        """Return the directory as it was in one version (from 1); None where there was none of that number."""
        contents = (await self._store.get(DIRECTORY, [f"v{version}"]))[0]
        if contents is None:
            return None
        return Directory(decode_record(DIRECTORY, f"v{version}", contents.value, Contents), version)

    async def replace_directory(self, contents: Contents, at: Instant, by: Credential) -> int:
        """Put a whole new directory in force; return its version (from 1)."""
        return await self.amend_directory(lambda _before: contents, at, by, whole=True)

    async def amend_directory(
        self,
        change: Callable[[Contents], Contents],
        at: Instant,
        by: Credential,
        plans: tuple[Plan, ...] = (),
        *,
        whole: bool = False,
        settled: SettledPart | None = None,
    ) -> int:
        """Change the directory in force, whoever else changes it meanwhile; return its version (from 1).

        A version that cannot be read is not amended (`UnreadableRecordError`), but a `whole` new one may follow it.

        `at` and `by` say in the audit when and by which credential; `plans` are written with it, and what `settled`
        returns of a proposal as it is then.
        `people.directory_service` asks whether a change may be. Raises `StoreError` where `ATTEMPTS` writes in a row
        were overtaken.
        """
        for _ in range(ATTEMPTS):
            current = (await self._store.get(DIRECTORY, ["current"]))[0]
            before = current.version if current else 0
            known = await self.directory()
            if known.version < before and not whole:
                raise UnreadableRecordError(
                    DIRECTORY, f"v{before}", "only a whole new directory can follow it"
                )
            contents = change(known.contents)
            value, version = encode(contents), f"v{before + 1}"
            done = AuditEntry(at, "directory", version, digest_of_contents(value), str(by))
            further = NOTHING if settled is None else await settled()
            outcome = await self._store.write(
                Write(
                    name="directory",
                    puts=(
                        Put(DIRECTORY, version, value, 0),
                        Put(DIRECTORY, "current", encode(before + 1), before),
                        *further.puts,
                    ),
                    appends=(append_audit(done), *further.appends),
                    plans=plans + further.plans,
                )
            )
            if isinstance(outcome, Committed):
                return before + 1
        raise StoreError(f"the directory was changed by others {ATTEMPTS} times in a row")


def _interrupted(breakers: Iterable[tuple[str, Record | None]]) -> dict[str, Instant]:
    """Return until when which gateways are not asked; instants that are over do no harm."""
    kept = readable(BREAKERS, {gateway: r for gateway, r in breakers if r is not None}, Breaker)
    return {gateway: b.open_until for gateway, b in kept.items() if b.open_until is not None}
