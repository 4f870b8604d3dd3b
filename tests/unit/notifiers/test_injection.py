"""Whatever stands in a message, it ends no header, adds no recipient and no parameter, and goes nowhere private."""

import sys
from email import message_from_bytes, policy
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.base import DeliveryError, Message
from notifiers.exchange import Exchange, fill
from notifiers.mime import mime_bytes
from notifiers.webhook import is_public

BREAKS = st.sampled_from(
    ["\r\n", "\n", "\r", "\r\nBcc: x@jahat.example", "\n\n<script>", "\0", "\x0b", "\u2028"]
)
TEXTS = st.lists(st.text(max_size=20) | BREAKS, max_size=6).map("".join)
HEADERS = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "x-siaga-alert"} | {
    "content-transfer-encoding"
}


def message(**changes: object) -> Message:
    whole = {
        "id": "n1",
        "channel": "email",
        "to": "sekda@pinrang.example",
        "subject": "SIAGA",
        "text": "Isi",
        "html": "",
        "date": "Wed, 27 Nov 2024 12:00:00 +0700",
        "reference": "<n1@desk.example>",
        "headers": {"From": "Siaga <siaga@desk.example>"},
    }
    return Message(**whole | changes)


@given(subject=TEXTS, text=TEXTS, to=TEXTS, alert=TEXTS)
def test_no_text_of_a_mail_ends_a_header_or_adds_a_recipient(subject: str, text: str, to: str, alert: str):
    headers = {"From": "Siaga <siaga@desk.example>", "X-Siaga-Alert": alert}
    try:
        written = mime_bytes(message(subject=subject, text=text, to=to, headers=headers))
    except DeliveryError:
        return  # refused whole, as below
    read = message_from_bytes(written, policy=policy.SMTP)
    assert {name.lower() for name in read} <= HEADERS
    assert all(len(read.get_all(name, [])) == 1 for name in read)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python folds it")
def test_a_header_that_python_cannot_fold_is_refused():
    with pytest.raises(DeliveryError, match="content_refused: header"):
        mime_bytes(message(to="000\x80\x80:\x80\U000100000\x80\x80\x80\U000100000\x80\x80\x80\U00010000"))


@pytest.mark.parametrize("field", ["subject", "to", "reference", "date"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_header_with_a_line_break_is_refused(field: str, end: str):
    with pytest.raises(DeliveryError, match="content_refused: header"):
        mime_bytes(message(**{field: f"a{end}Bcc: semua@jahat.example"}))


@given(TEXTS)
def test_no_text_of_an_sms_adds_a_parameter(text: str):
    exchange = Exchange(
        method="GET", url="{url}/send/{to}", query={"text": "{text}", "to": "{to}"}, form={"pesan": "{text}"}
    )
    filled = fill(exchange, {"url": "https://sms.example", "text": text, "to": f"+62811{text}"})
    address = urlsplit(filled.url)
    assert (address.netloc, address.query, address.fragment) == ("sms.example", "", "")
    assert address.path.count("/") == 2
    for fields in (filled.query, filled.form or {}):
        assert dict(parse_qsl(urlencode(fields), keep_blank_values=True)) == dict(fields)
        assert len(fields) <= 2


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 -- refused
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
    ],
)
def test_a_webhook_goes_to_no_private_address(address: str):
    """However it is written."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_it_goes_to_public_ones(address: str):
    assert is_public(address)
