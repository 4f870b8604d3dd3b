"""The postbox: bounces that carry our seal report, everything else changes nothing and is kept for a person."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.answers.bounces import RESULTS, BounceMailbox
from engine.core.alerting.directory import Contact
from engine.delivery.delivery_reports import DeliveryReports
from engine.escalation.item_retry import ItemRetry
from engine.metric_labels import BOUNCES
from engine.records.alert_repository import ALERTS
from engine.runtime.keys import Keys
from engine.store.port import Put, Write
from engine.texts.answer_link_token import signed_name
from tests.unit.support.returned import QMAIL, VACATION, postfix
from tests.unit.support.switchboard import KEY, PEOPLE, SEKDA, Switchboard, person

SPARE = "+628110000009"


class Office:
    """A Sekda who was told of an alert on one contact and has another one, and the postbox of the installation."""

    def __init__(self, maildir: Path) -> None:
        spare = Contact(id="sekda-7315/sms/2", channel="sms", value=SPARE, priority=2)
        sekda = person("sekda-7315", SEKDA)
        self.board = Switchboard(people=(replace(sekda, contacts=(*sekda.contacts, spare)), *PEOPLE[1:]))
        reports = DeliveryReports(
            self.board.store,
            self.board.desk,
            self.board.dispatcher.replies,
            self.board.dispatcher.digests,
            self.board.gateways,
            self.board.metrics,
        )
        self.metrics = self.board.metrics
        self.maildir = maildir
        self.postbox = BounceMailbox(
            reports,
            self.metrics,
            Keys(KEY),
            maildir,
            setbacks=ItemRetry(
                "bounces", store=self.board.store, clock=self.board.clock, metrics=self.metrics
            ),
        )

    async def tells(self) -> str:
        """Open an alert and return the id of its notice, which is sent."""
        self.alert = await self.board.open()
        await self.board.send()
        return self.board.route.accepted[-1].id

    async def states(self) -> list[str]:
        case = await self.board.desk.case(self.alert)
        return [n.state for n in case.notifications.values()]

    def deliver(self, name: str, content: bytes) -> None:
        (self.maildir / "new").mkdir(parents=True, exist_ok=True)
        (self.maildir / "new" / name).write_bytes(content)

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.maildir)) for p in self.maildir.rglob("*") if p.is_file())


@pytest.fixture
def office(tmp_path) -> Office:
    return Office(tmp_path / "surat")


def test_the_metric_has_the_results_of_the_postbox():
    """It cannot import what stands above it."""
    assert set(BOUNCES) == set(RESULTS)


async def test_a_bounce_marks_its_message_failed_and_the_next_contact_serves(office):
    """Once; brought again it is settled."""
    notice = await office.tells()
    mail = postfix(signed_name(KEY, notice))
    assert await office.postbox.take(mail) == "failed"
    assert await office.postbox.take(mail) == "settled"
    await office.board.send()
    assert await office.states() == ["failed", "sent"]
    assert len(office.board.texts(SPARE)) == 1
    case = await office.board.desk.case(office.alert)
    assert case.notifications[notice].reason == "bounced"


@pytest.mark.parametrize("action", ["delayed", "delivered"])
async def test_a_delay_changes_nothing_and_a_delivery_is_kept(office, action):
    """The server tries on; or the mail is there."""
    notice = await office.tells()
    assert await office.postbox.take(postfix(signed_name(KEY, notice), action)) == action
    assert await office.states() == ["sent" if action == "delayed" else "delivered"]


async def test_nobody_marks_a_message_that_they_did_not_get(office):
    """The id alone, another's seal, a seal of another message, a seal that is cut."""
    notice = await office.tells()
    mark = signed_name(KEY, "pemberitahuan").rpartition(".")[2]
    forged = [notice, f"{notice}.{mark}", signed_name(b"lain", notice), signed_name(KEY, notice)[:-1]]
    for name in forged:
        for mail in (postfix(name), QMAIL.format(name=name).encode()):
            assert await office.postbox.take(mail) == "stranger"
    assert await office.states() == ["sent"]


async def test_what_is_no_bounce_is_nothing(office):
    """Somebody on leave answers our message."""
    notice = await office.tells()
    assert await office.postbox.take(VACATION.format(name=signed_name(KEY, notice)).encode()) == "no_bounce"
    assert await office.states() == ["sent"]


async def test_a_message_that_is_gone_is_a_strangers(office):
    """Sealed by us once, and not in the store any more."""
    await office.tells()
    assert await office.postbox.take(postfix(signed_name(KEY, "lama"))) == "stranger"


async def test_the_maildir_is_emptied_of_what_we_understand_and_keeps_the_rest(office):
    """A bounce may quote our message, so it is deleted; what a person should see stays, as read by nobody."""
    notice = await office.tells()
    office.deliver("1", postfix(signed_name(KEY, notice)))
    office.deliver("2", postfix("pemberitahuan.palsu"))
    office.deliver("3", VACATION.encode())
    assert await office.postbox.turn() == 3
    assert await office.states() == ["failed", "pending"]
    assert office.files() == ["cur/2:2,", "cur/3:2,"]
    assert await office.postbox.turn() == 0


async def test_a_mail_that_raises_is_put_away_and_the_next_is_taken(office):
    """What a notice leads to is broken here: the record of the alert cannot be read."""
    notice = await office.tells()
    office.deliver("1", postfix(signed_name(KEY, notice)))
    office.deliver("2", VACATION.encode())
    broken = Put(ALERTS, office.alert, b"\x01rusak")
    await office.board.store.write(Write(name="t", puts=(broken,)))
    assert await office.postbox.turn() == 2
    assert office.files() == ["cur/1:2,", "cur/2:2,"]
    assert office.metrics.registry.get_sample_value("siaga_dead_letters_total", {"of": "item"}) == 1


async def test_a_maildir_that_is_not_there_yet_is_empty(office):
    """Mail servers make it with the first mail."""
    assert await office.postbox.turn() == 0


async def test_a_mail_that_was_taken_before_a_crash_is_taken_again_and_goes(office):
    """The report was entered, the file not yet deleted."""
    notice = await office.tells()
    mail = postfix(signed_name(KEY, notice))
    await office.postbox.take(mail)
    office.deliver("1", mail)
    assert await office.postbox.turn() == 1
    assert (office.files(), await office.states()) == ([], ["failed", "pending"])
