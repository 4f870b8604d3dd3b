"""A message of the demo, rendered by the service and sent through aiosmtplib, arrives whole at a mail server."""

from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from pathlib import Path

from engine.app import open_siaga
from engine.people.tokens import Scope
from engine.settings import load
from engine.simulation.replay import read_events
from engine.store.memory import MemoryStore
from engine.texts.answer_link_token import PLACEHOLDER
from tests.contract.notifiers.mailbox import Mailbox

ROOT = Path(__file__).parents[3]
NATION = Scope(desks=("*",), rights=frozenset(("submit",)), region="00", token_id="t")


async def test_the_first_messages_of_the_demo_arrive_whole(tmp_path):
    """The first death of 2024: each e-mail's parts, subject and ids are those that were stored at the claim."""
    mailbox = Mailbox()
    async with mailbox.open(), AsyncExitStack() as stack:
        overrides = ["clock.mode=lock_step", f"paths.var={tmp_path}", "gateways.smtp.host=127.0.0.1"]
        overrides += [f"gateways.smtp.port={mailbox.port}", "gateways.smtp.tls=none"]
        settings = load(ROOT / "config/siaga.yaml", overrides=overrides)
        siaga = await open_siaga(settings, stack, store=MemoryStore())
        death = next(
            e for e in read_events(ROOT / "config/demo/pilkada-2024.jsonl") if b"conflict.death" in e.event
        )
        await siaga.advance(death.at)
        await siaga.intake.submit(death.event, "application/json", NATION)
        await siaga.advance(death.at)
        (alert,) = await siaga.desk.alerts()
        case = await siaga.desk.case(alert.id)
        sent = {n.rendered.reference: n for n in case.notifications.values() if n.channel == "email"}
        arrived = {}
        for recipient, content in mailbox.kept:
            mail = message_from_bytes(content, policy=policy.default)
            arrived[mail["Message-ID"]] = (recipient, mail)
        assert arrived.keys() == sent.keys()
        for reference, notification in sent.items():
            recipient, mail = arrived[reference]
            rendered = notification.rendered
            assert (notification.state, recipient, mail["Subject"]) == ("sent", rendered.to, rendered.subject)
            for kind, stored in (("plain", rendered.text), ("html", rendered.html)):
                text = mail.get_body((kind,)).get_content().replace("\r\n", "\n")
                before, _, after = stored.strip().partition(PLACEHOLDER)
                assert text.strip().startswith(before)
                assert text.strip().endswith(after.rpartition(PLACEHOLDER)[2])
                assert PLACEHOLDER not in text
