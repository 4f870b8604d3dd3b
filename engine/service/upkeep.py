"""Upkeep: what a service does for itself beside its work, each part in its own time.

Here: those parts and when they turn: the pulse, our own alerts, the auditor, what is let go of, the archive, prepaid
gateways. Not here: what each of them does.
"""

from __future__ import annotations

import structlog

from engine.clock import Clock
from engine.core.judging.instant import DAY, format_duration
from engine.metrics import Metrics
from engine.service.archivist import EVERY_SECONDS as ARCHIVE_SECONDS
from engine.service.archivist import Archivist, horizon
from engine.service.auditor import EVERY_SECONDS as AUDIT_SECONDS
from engine.service.auditor import Auditor
from engine.service.backlog import EVERY_SECONDS as BACKLOG_SECONDS
from engine.service.backlog import BacklogWatch
from engine.service.balances import EVERY_SECONDS as BALANCES_SECONDS
from engine.service.balances import Balances
from engine.service.books import Books
from engine.service.case_archive import CaseArchive
from engine.service.case_archivist import EVERY_SECONDS as CASES_SECONDS
from engine.service.case_archivist import CaseArchivist
from engine.service.heartbeat import Heartbeat
from engine.service.key import Keys
from engine.service.own_alerts import OWN, OwnAlerts
from engine.service.pulse import BEAT_SECONDS, Pulse
from engine.service.record_audit import EVERY_SECONDS as RECORDS_SECONDS
from engine.service.record_audit import RecordAudit
from engine.service.retention import EVERY_SECONDS as RETENTION_SECONDS
from engine.service.retention import Retention
from engine.service.rota import Rota
from engine.settings import Settings
from engine.store.archive.events import Archive
from engine.store.port import Store

log = structlog.get_logger(__name__)


class Upkeep:
    """The parts. `archives`: the store does not end with this process, so that an archive of it is worth having."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        books: Books,
        metrics: Metrics,
        *,
        balances: Balances,
        archives: bool,
        past: CaseArchive | None,
        keys: Keys,
    ) -> None:
        self.pulse = Pulse(store, clock, metrics)
        self.own_alerts = OwnAlerts(store, clock, books, metrics)
        self.backlog = BacklogWatch(store, clock, metrics, settings.ops)
        self._auditor = Auditor(
            store,
            clock,
            books,
            metrics,
            Heartbeat(settings.ops.heartbeat_url, clock, metrics),
            backlog=self.backlog,
        )
        self.records = RecordAudit(store, clock, metrics)
        self._retention = Retention(
            store, clock, settings.retention, dedup_days=settings.intake.dedup_days, past=past
        )
        self._balances = balances
        self._books = books
        self._stream_days = settings.archive.stream_days
        self._folder = settings.archive_directory if archives else None
        self._archivist = None
        if self._folder is not None:
            archive = Archive(self._folder, settings.namespace)
            self._archivist = Archivist(store, clock, metrics, archive, self._horizon)
        self._cases = None
        if self._folder is not None and past is not None:
            self._cases = CaseArchivist(store, clock, metrics, past, keys, settings.retention)

    def join(self, rota: Rota, *, real: bool) -> None:
        """Enter the loops; `real`: time goes on by itself, else the rota has only what turns in lock-step too."""
        rota.add("auditor", self._auditor.turn, every=AUDIT_SECONDS)
        rota.add("backlog", self.backlog.turn, every=BACKLOG_SECONDS)
        if real:
            rota.add("intake", self.pulse.beat, every=BEAT_SECONDS)
            rota.add("own_alerts", self.own_alerts.turn, schedules=[OWN])
            rota.add("records", self.records.turn, every=RECORDS_SECONDS)
            rota.add("retention", self._retention.turn, every=RETENTION_SECONDS)
        if self._balances.asks:
            rota.add("balances", self._balances.turn, every=BALANCES_SECONDS)
        if self._archivist is not None:
            rota.add("archivist", self._archive, every=ARCHIVE_SECONDS)
        if self._cases is not None:
            rota.add("case_archivist", self._cases.turn, every=CASES_SECONDS)
        if "archivist" in rota:
            log.info("archive", folder=str(self._folder), stream_keeps=format_duration(self._horizon()))

    def release(self) -> None:
        """Let another process archive at once."""
        if self._archivist is not None:
            self._archivist.release()
        if self._cases is not None:
            self._cases.release()

    async def _archive(self) -> int:
        """Turn the archivist, which must know the rules in force to know what they still need."""
        await self._books.follow()
        return 0 if self._archivist is None else await self._archivist.turn()

    def _horizon(self) -> int:
        return horizon(self._books.rule_set.rules.values(), self._stream_days * DAY)
