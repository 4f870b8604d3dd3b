"""The books a running service decides by: regions, kinds, rules, policies, directory, silences, routes.

Here: holding them, and following by version what changes in the store. Not here: reading files (`loading`), changing
the rule set of a running service (`service.changeover`), or deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.alerting.credential import Credential
from engine.alerting.directory import Contents, Directory
from engine.alerting.draft import Surroundings
from engine.alerting.route import Breaker, Route
from engine.alerting.silence import Silence
from engine.judging.instant import Instant
from engine.judging.region import RegionTable
from engine.loading.kinds import Kind
from engine.service.audit import AuditEntry, append_audit, digest_of_contents
from engine.service.rule_sets import RULES, InForce, RuleSet, fetch
from engine.store.codec import decode, encode
from engine.store.port import Committed, Plan, Put, Record, Store, Write

DIRECTORY = "directory"
"""Table of the directory: `current` holds the number of the version in force, `v<number>` its contents."""

BREAKERS = "breakers"
"""Table of the `alerting.route.Breaker`s of gateways that failed lately, by gateway (`service.gateways`)."""
SILENCES = "silences"
"""Table of the silences; its one record `all` holds every silence kept (`service.silences`).

Also the schedule of silences, by id, that were made or ended and whose alerts have yet to look."""
ALL = "all"
CURRENT = ("current",)
IN_FORCE = ("in_force", "pending")


class Books:
    """What decisions look at. The directory is read again when its version in the store has changed."""

    def __init__(
        self,
        store: Store,
        *,
        namespace: str,
        regions: RegionTable,
        kinds: Mapping[str, Kind],
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
        """The proposal that waits for its rules to have seen the past (`service.changeover`)."""
        self._rules_version = 0
        self._directory = Directory(Contents())
        self._silences: tuple[int, tuple[Silence, ...]] = (0, ())

    async def surroundings(self) -> Surroundings:
        """Return directory, regions, calendar and silences as they are now, as a decision takes them."""
        gateways = [route.gateway for route in self.routes]
        rules, directory, silences, breakers = await self._store.collect(
            [(RULES, IN_FORCE), (DIRECTORY, CURRENT), (SILENCES, [ALL]), (BREAKERS, gateways)]
        )
        await self._follow(*rules)
        return Surroundings(
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
            in_force = decode(record.value, InForce)
            self.rule_set = await fetch(self._store, in_force.rule_set)
            self.in_force, self._rules_version = in_force, record.version

    async def silences(self) -> tuple[Silence, ...]:
        """Return the silences that the store keeps, also those that are over or still to come."""
        return self._silences_in(*await self._store.get(SILENCES, [ALL]))

    def _silences_in(self, record: Record | None) -> tuple[Silence, ...]:
        if record is not None and record.version != self._silences[0]:
            self._silences = record.version, decode(record.value, tuple[Silence, ...])
        return self._silences[1]

    async def directory(self) -> Directory:
        """Return the directory in force."""
        return await self._directory_in(*await self._store.get(DIRECTORY, CURRENT))

    async def _directory_in(self, current: Record | None) -> Directory:
        if current is not None and current.version != self._directory.version:
            self._directory = await self.directory_of(current.version) or self._directory
        return self._directory

    async def directory_of(self, version: int) -> Directory | None:
        """Return the directory as it was in one version (from 1); None where there was none of that number."""
        contents = (await self._store.get(DIRECTORY, [f"v{version}"]))[0]
        return None if contents is None else Directory(decode(contents.value, Contents), version)

    async def replace_directory(self, contents: Contents, at: Instant, by: Credential) -> int:
        """Put a whole new directory in force; return its version (from 1)."""
        return await self.amend_directory(lambda _before: contents, at, by)

    async def amend_directory(
        self,
        change: Callable[[Contents], Contents],
        at: Instant,
        by: Credential,
        plans: tuple[Plan, ...] = (),
    ) -> int:
        """Change the directory in force, whoever else changes it meanwhile; return its version (from 1).

        `at` and `by` say in the audit when and by which credential; `plans` are written with it.
        `service.registry` asks whether a change may be.
        """
        while True:
            current = (await self._store.get(DIRECTORY, ["current"]))[0]
            before = current.version if current else 0
            contents = change((await self.directory()).contents)
            value, version = encode(contents), f"v{before + 1}"
            done = AuditEntry(at, "directory", version, digest_of_contents(value), str(by))
            outcome = await self._store.write(
                Write(
                    name="directory",
                    puts=(
                        Put(DIRECTORY, version, value, 0),
                        Put(DIRECTORY, "current", encode(before + 1), before),
                    ),
                    appends=(append_audit(done),),
                    plans=plans,
                )
            )
            if isinstance(outcome, Committed):
                return before + 1


def _interrupted(breakers: Iterable[tuple[str, Record | None]]) -> dict[str, Instant]:
    """Return until when which gateways are not asked; instants that are over do no harm."""
    kept = {gateway: decode(r.value, Breaker) for gateway, r in breakers if r is not None}
    return {gateway: b.open_until for gateway, b in kept.items() if b.open_until is not None}
