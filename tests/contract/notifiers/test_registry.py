"""The one list of notifiers."""

import pytest

from notifiers.email import Email, EmailSettings
from notifiers.outbox import Outbox
from notifiers.registry import ADAPTERS, build, build_one

SMTP = {"adapter": "smtp", "host": "surat.example", "password": "rahasia"}


def test_each_adapter_is_built_from_plain_settings():
    """Its name and channel are those of its settings."""
    built = [
        build_one(SMTP),
        build_one({"adapter": "outbox", "channel": "sms", "directory": "keluar", "name": "b"}),
    ]
    assert [(type(n), n.name, n.channel) for n in built] == [(Email, "smtp", "email"), (Outbox, "b", "sms")]


def test_notifiers_are_built_by_name():
    outboxes = [
        {"adapter": "outbox", "name": f"outbox-{c}", "channel": c, "directory": "x"} for c in ("email", "sms")
    ]
    assert {name: n.channel for name, n in build([SMTP, *outboxes]).items()} == {
        "smtp": "email",
        "outbox-email": "email",
        "outbox-sms": "sms",
    }


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"adapter": "merpati"}, f"there is no adapter 'merpati'; there are: {', '.join(ADAPTERS)}"),
        ({}, "there is no adapter None"),
        ({"adapter": "smtp"}, "gateway 'smtp': Object missing required field `host`"),
        (
            {"adapter": "smtp", "host": "a", "prot": 25},
            "gateway 'smtp': Object contains unknown field `prot`",
        ),
        (
            {"adapter": "smtp", "name": "s", "host": "a", "tls": "maybe"},
            "gateway 's': Invalid enum value 'maybe'",
        ),
    ],
)
def test_wrong_settings_are_refused_by_name(settings: dict, complaint: str):
    """Which gateway, and what is wrong with it."""
    with pytest.raises(ValueError, match=r"gateway|adapter") as refused:
        build_one(settings)
    assert complaint in str(refused.value)


def test_settings_never_show_the_password():
    """Neither in a log nor in a traceback."""
    shown = EmailSettings(host="surat.example", user="siaga", password="rahasia")
    assert "rahasia" not in f"{shown!r} {shown}"
