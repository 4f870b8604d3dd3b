"""A running service looks into its maildir by itself, in the role of the dispatcher."""

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from engine.app import open_siaga
from engine.settings import Settings
from engine.store.memory import MemoryStore
from tests.integration.mail.office import ROOT, office
from tests.integration.namespace import until
from tests.unit.support.returned import postfix


def installation(folder, **changes) -> Settings:
    """The small installation under a real clock, with a maildir in which a stranger's mail lies."""
    maildir = folder / "surat"
    (maildir / "new").mkdir(parents=True)
    (maildir / "new" / "1").write_bytes(postfix("pemberitahuan.palsu"))
    settings = office(folder, {"port": 1, "bounces": str(maildir)}, email="sekda@pinrang.example")
    return Settings.model_validate(
        settings.model_dump() | {"clock": {"mode": "real"}} | changes, context={"home": ROOT}
    )


async def test_the_loop_takes_mail_and_is_watched_like_the_others(tmp_path):
    """`/healthz` knows it; what is no message of ours is put away unread."""
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(installation(tmp_path), stack, store=MemoryStore())
        running = asyncio.create_task(siaga.run())
        try:
            await asyncio.to_thread(until, (tmp_path / "surat/cur/1:2,").exists)
            assert "bounces" in siaga.loops()
            assert b'siaga_bounces_total{result="stranger"} 1.0' in await siaga.exposition()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.mark.parametrize("roles", [["escalator"], ["dispatcher"]])
async def test_it_belongs_to_the_dispatcher(tmp_path, roles):
    """Of roles that run apart, one reads the maildir."""
    settings = installation(tmp_path, roles=roles, redis={"url": "redis://tiada.example"})
    async with AsyncExitStack() as stack:
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        assert ("bounces" in siaga.rota_of(roles)) == (roles == ["dispatcher"])
