"""Secrets are in no print: not in settings, not in what is made of them, not in errors."""

import msgspec

from engine.delivery.gateways import Caller, gateway_configs
from engine.documents.adapters import Authentication, Callback
from engine.evaluation.evaluator_child import Begin, LogAs
from engine.people.tokens import Created, Token
from engine.settings import Settings
from notifiers.email import EmailSettings
from notifiers.exchange import Exchange
from notifiers.sms_http import SmsHttpSettings
from notifiers.webhook import WebhookSettings

SECRET = "hunter2-rahasia"


def prints(value: object) -> str:
    return f"{value!r} {value!s} {value}"


def test_settings_and_what_is_made_of_them_hide_their_secrets():
    settings = Settings.model_validate(
        {
            "redis": {"url": f"redis://siaga:{SECRET}@127.0.0.1:6379/0"},
            "gateways": {"smtp": {"host": "mail.example", "user": "siaga", "password": SECRET}},
        }
    )
    assert SECRET not in prints(settings)
    assert SECRET not in settings.model_dump_json()
    outlets = gateway_configs(settings, {"SIAGA_SMTP_PASSWORD": SECRET})
    assert outlets
    assert SECRET not in prints(outlets)


def test_notifiers_callers_and_processes_hide_theirs():
    callback = Callback(authenticate=Authentication(by="basic"))
    for value in (
        EmailSettings(host="mail.example", user="siaga", password=SECRET),
        SmsHttpSettings(
            name="g",
            url="https://x.example",
            password=SECRET,
            callback_secret=SECRET,
            send=Exchange(url="{url}"),
        ),
        WebhookSettings(key=SECRET),
        Caller(callback, SECRET),
        {"g": Caller(callback, SECRET)},
        Begin(
            where=f"redis://siaga:{SECRET}@127.0.0.1",
            namespace="siaga",
            holder="h",
            accept_weaker_durability=False,
            wait_replicas=0,
            archive=None,
            log=LogAs("info", "json"),
            now=0,
            regions=(),
        ),
        Created(
            Token(id="t", label="", rights=(), region="00", digest=b"", created_at=0), f"siaga_t_{SECRET}"
        ),
    ):
        assert SECRET not in prints(value), type(value)
    assert msgspec.json.encode(EmailSettings(host="m", password=SECRET))  # what is sent on is whole
