"""Bounces are read as servers write them; nothing that anybody writes can do more than be no bounce."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.bounces import MOST_NAMES, READ_BYTES, Bounce, read_bounce
from tests.unit.support.returned import EXCHANGE, POSTFIX, QMAIL, VACATION, postfix

NAME = "abcdefghijklmnop.qrstuvwxyz234567"


def test_a_report_names_the_message_by_its_envelope_id_and_its_message_id():
    """RFC 3464, as Postfix writes it; with either line ends."""
    expected = Bounce(action="failed", names=(NAME, NAME), status="5.2.2")
    assert read_bounce(postfix(NAME)) == expected
    assert read_bounce(postfix(NAME).replace(b"\n", b"\r\n")) == expected


def test_a_server_without_dsn_returns_the_message_id_alone():
    """Exchange; the header is folded."""
    assert read_bounce(EXCHANGE.format(name=NAME).encode()) == Bounce(
        action="failed", names=(NAME,), status="5.1.10"
    )


def test_a_server_with_words_of_its_own_is_understood_where_it_is_plain():
    """qmail: a daemon, a final code, and the message it gives back."""
    assert read_bounce(QMAIL.format(name=NAME).encode()) == Bounce(
        action="failed", names=(NAME,), status="5.1.1"
    )


@pytest.mark.parametrize("action", ["delayed", "delivered"])
def test_what_is_no_failure_is_told_apart(action: str):
    """A delay is not the end (docs/specification/escalation.md#bounces)."""
    assert read_bounce(postfix(NAME, action, "4.4.1")).action == action


def test_the_worst_of_several_recipients_counts():
    """An address that stands for two mailboxes."""
    two = POSTFIX.replace(
        "Action: {action}\n",
        "Action: delivered\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; b@b.example\nAction: failed\n",
    )
    assert read_bounce(two.format(name=NAME, status="5.1.1").encode()) == Bounce(
        action="failed", names=(NAME, NAME), status="5.1.1"
    )


@pytest.mark.parametrize(
    "mail",
    [
        VACATION,
        VACATION.replace("sekda@", "mailer-daemon@"),
        QMAIL.replace("5.1.1", "4.4.1"),
        QMAIL.replace("MAILER-DAEMON@surat", "sekda@pinrang"),
        POSTFIX.replace("Action: {action}", "Action: relayed"),
        POSTFIX.replace("boundary=", "border="),
        "",
        "\n",
        "From: MAILER-DAEMON\n\n",
    ],
)
def test_what_says_nothing_final_is_no_bounce(mail: str):
    """Somebody on leave, a delay in a server's own words, a refusal that a person quotes, a report about nothing."""
    assert read_bounce(mail.format(name=NAME, action="failed", status="5.1.1").encode()) is None


def test_many_names_are_some_names():
    """A mail cannot make us look up thousands of messages."""
    many = "\n".join(f"Message-ID: <{n}.x@siaga.example>" for n in range(10_000))
    assert len(read_bounce(f"{QMAIL}\n{many}".encode()).names) == MOST_NAMES


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/report; boundary=b\n",
        b'Content-Type: multipart/report; boundary="' + b"b" * 300 + b'"\n',
        b"Content-Type: message/delivery-status\n",
        b"Content-Type: message/rfc822\n",
        b"--b\n",
        b"--b--\n",
        b"--\n",
        b"\n",
        b"\r",
        b" \t folded\n",
        b"Action: failed\n",
        b"Action: failed (sudah; habis)\n",
        b"Status: 5.1.1\n",
        b"Original-Envelope-Id: " + NAME.encode() + b"\n",
        b"Message-ID: <" + NAME.encode() + b"@siaga.example>\n",
        b"Message-ID: <" * 50 + b"\n",
        b"From: MAILER-DAEMON\n",
        b"550 5.1.1 no\n",
        b"\x00\xff\xfe: \xe2\x80\xae\n",
        b"=?utf-8?B?" + b"A" * 100 + b"?=\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=30), max_size=60).map(b"".join))
def test_whatever_is_written_is_read_to_its_end(content: bytes):
    """No error, few short names, an action of the list."""
    bounce = read_bounce(content)
    if bounce is not None:
        assert bounce.action in ("failed", "delayed", "delivered")
        assert len(bounce.names) <= MOST_NAMES
        assert all(len(name) <= 1_100 for name in bounce.names)


@pytest.mark.parametrize(
    "piece",
    [
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
        b"<" * 9 + b"@" * 9,
        b"Message-ID: <aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        b" folded\n",
        b"5.1.1.1.1.1.1",
        b"From: postmaster 5.1.1 message-id: \n\n",
    ],
)
def test_a_mail_as_long_as_one_likes_is_read_once(piece: bytes):
    """Depth, repetition and length cost no more than their bytes; this ends in milliseconds, or not in a minute."""
    head = b"From: MAILER-DAEMON\nContent-Type: multipart/report; boundary=b\n\n--b\n"
    read_bounce(head + piece * (2 * READ_BYTES // len(piece)))
    read_bounce(piece * (2 * READ_BYTES // len(piece)))
