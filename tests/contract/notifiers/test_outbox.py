"""The outbox: names that sort by time, a real e-mail, a readable SMS, nothing half-written."""

from email import message_from_bytes, policy

import msgspec

from notifiers.outbox import Outbox, OutboxSettings, file_name
from tests.contract.notifiers.test_notifier import MESSAGE, SMS


def outbox(tmp_path, channel: str) -> Outbox:
    return Outbox(OutboxSettings(channel=channel, directory=str(tmp_path / "a" / "b")))


def test_names_tell_the_instant_the_notification_and_the_channel():
    """The instant is the message's own, in UTC: a repeat has the same name."""
    assert file_name(MESSAGE) == "20241127T021500Z-pemberitahuan2345-email.eml"
    assert file_name(SMS) == "20241127T021500Z-pemberitahuan2345-sms.sms"


def test_a_name_cannot_leave_the_folder():
    """Whatever an id holds."""
    hostile = msgspec.structs.replace(SMS, id="../../etc/passwd\x00" + "x" * 500, channel="../sms", date="")
    name = file_name(hostile)
    assert name.startswith("undated-______etc_passwd_xxx")
    assert name.endswith("-___sms.sms")
    assert len(name) < 255


async def test_an_sms_is_a_few_readable_lines(tmp_path):
    """To whom, when, what."""
    receipt = await outbox(tmp_path, "sms").send(SMS)
    written = (tmp_path / "a/b" / receipt.reference).read_text(encoding="utf-8")
    assert written == (
        "To: +6281100000000\nDate: Wed, 27 Nov 2024 10:15:00 +0800\n\n"
        "SIAGA: dugaan …\nhttps://siaga.example/a/abc\n\n"
    )


async def test_an_email_is_the_very_mail_that_would_travel(tmp_path):
    """Headers, plain text and page, as a mail client opens them."""
    receipt = await outbox(tmp_path, "email").send(MESSAGE)
    mail = message_from_bytes((tmp_path / "a/b" / receipt.reference).read_bytes(), policy=policy.default)
    assert mail["Subject"] == MESSAGE.subject
    assert (mail["To"], mail["Date"], mail["Message-ID"]) == (MESSAGE.to, MESSAGE.date, MESSAGE.reference)
    assert {name: mail[name] for name in MESSAGE.headers} == MESSAGE.headers
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail.get_body(("html",)).get_content().strip() == MESSAGE.html


async def test_no_other_file_is_left(tmp_path):
    """Not even the temporary one."""
    await outbox(tmp_path, "sms").send(SMS)
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == [file_name(SMS)]
