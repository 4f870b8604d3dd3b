"""Settled records of the quarantine, read from the store and from the part of the archive that can be erased."""

from __future__ import annotations

import asyncio

import msgspec

from engine.service.case_archive import CaseArchive
from engine.service.quarantine_acts import SUBJECT, Settled, settled_of
from engine.store.port import Store


async def settled_versions(store: Store, past: CaseArchive | None, record_id: str) -> list[Settled]:
    """Return each way by which a record left the quarantine, the newest first; empty where it never did.

    An entry that is in both places, since a crash came before the store forgot it, comes once.
    """
    found = await settled_of(store, record_id)
    if past is not None:
        texts = await asyncio.to_thread(past.index.texts, f"{SUBJECT}{record_id}")
        known = {one.at for one in found}
        archived = [msgspec.json.decode(text.value, type=Settled) for text in texts if text.kind == "settled"]
        found += sorted((one for one in archived if one.at not in known), key=lambda one: -one.at)
    return found
