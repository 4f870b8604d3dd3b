"""The registry: every change of the directory in force, and that none of them leaves an alert without anybody.

Here: carrying out a change, and refusing it (docs/specification/escalation.md#frozen-policy). Not here: reading the
directory (`records.runtime_config`), what a change makes of it (`core.alerting.directory`, `documents.directory`), and
the codes of contacts (`answers.verification`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from engine.core.alerting.alert import Alert
from engine.core.alerting.credential import Credential
from engine.core.alerting.directory import Contents, Directory
from engine.core.alerting.escalation import abandoned
from engine.core.judging.instant import Instant
from engine.errors import SiagaError
from engine.records.additional_writes import SettledPart
from engine.records.alert_repository import unresolved
from engine.records.runtime_config import RuntimeConfig
from engine.store.port import Store

SHOWN = 3
"""So many alerts a refusal names."""

DirectoryChange = Callable[[Contents], Contents]


class NobodyLeftError(SiagaError):
    """A change of the directory would leave unresolved alerts without anybody whom they could still tell."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        self.alerts = tuple(alerts)
        named = "; ".join(
            f"{one.id} ({one.rule.id}, {one.region}, step {one.current.step if one.current else 1})"
            for one in self.alerts[:SHOWN]
        )
        more = f" and {len(self.alerts) - SHOWN} more" if len(self.alerts) > SHOWN else ""
        super().__init__(
            f"refused: unresolved alerts would have nobody left to tell: {named}{more}. Name a holder first, "
            "or resolve them"
        )


class DirectoryDifference(msgspec.Struct, frozen=True):
    """How many of each kind of entry a change adds, removes and leaves under the same name but different."""

    people_added: int
    people_removed: int
    people_changed: int
    offices_added: int
    offices_removed: int

    @property
    def none(self) -> bool:
        """Whether nothing changes for anybody's contacts or offices."""
        return not any(msgspec.structs.astuple(self))


class DirectoryService:
    """Changes the directory."""

    def __init__(self, store: Store, books: RuntimeConfig) -> None:
        self._store = store
        self._books = books

    async def amend(
        self, change: DirectoryChange, at: Instant, by: Credential, settled: SettledPart | None = None
    ) -> int:
        """Carry out a change; return the new version. `by` is the credential that the audit names.

        What `settled` returns of a proposal is written with it.

        Raises `NobodyLeftError` where an unresolved alert that has somebody now would have nobody.
        """
        check = await self._check(at)
        return await self._books.amend_directory(
            lambda before: check(before, change(before)), at, by, settled=settled
        )

    async def rehearse(self, change: DirectoryChange, at: Instant) -> DirectoryDifference:
        """Say what a change would do, or refuse it, without doing it."""
        before = (await self._books.directory()).contents
        return difference(before, (await self._check(at))(before, change(before)))

    async def _check(self, now: Instant) -> Callable[[Contents, Contents], Contents]:
        """Return what takes a directory in force and one that follows, and returns that or raises."""
        around = await self._books.surroundings()
        open_now = await unresolved(self._store)

        def left(contents: Contents, candidates: Iterable[Alert]) -> list[Alert]:
            under = msgspec.structs.replace(around, directory=Directory(contents))
            return [alert for alert in candidates if abandoned(alert, under, now)]

        def check(before: Contents, after: Contents) -> Contents:
            lost = left(after, open_now)
            known = {alert.id for alert in left(before, lost)}
            if len(known) < len(lost):
                raise NobodyLeftError(alert for alert in lost if alert.id not in known)
            return after

        return check


def difference(before: Contents, after: Contents) -> DirectoryDifference:
    """Count what one directory has that another has not."""
    old, new = {p.id: p for p in before.people}, {p.id: p for p in after.people}
    held, holds = set(before.assignments), set(after.assignments)
    return DirectoryDifference(
        people_added=len(new.keys() - old.keys()),
        people_removed=len(old.keys() - new.keys()),
        people_changed=sum(old[id_] != new[id_] for id_ in old.keys() & new.keys()),
        offices_added=len(holds - held),
        offices_removed=len(held - holds),
    )
