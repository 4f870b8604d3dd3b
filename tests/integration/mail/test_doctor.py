"""`siaga doctor` and a real mail server: it connects, encrypts and logs in, and sends nothing."""

import json
import tempfile
from pathlib import Path

import pytest

from engine import cli
from tests.integration.mail.postfix import PASSWORD, SUBMISSION, SUBMISSIONS, USER, Postfix

ROOT = Path(__file__).parents[3]


@pytest.fixture
def verdict(server: Postfix, certificate, capsys, monkeypatch):
    """Return what the doctor says of the mail server, with these settings."""

    def look(**settings) -> dict:
        with tempfile.TemporaryDirectory(prefix="siaga-test-") as var:
            given = {
                "paths.var": var,
                "http.port": 0,
                "gateways.smtp.host": "127.0.0.1",
                "gateways.smtp.port": SUBMISSION,
                "gateways.smtp.user": USER,
                "gateways.smtp.ca_file": certificate.file,
            } | {f"gateways.smtp.{name}": value for name, value in settings.items()}
            options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
            monkeypatch.setenv("SIAGA_SMTP_PASSWORD", settings.get("password", PASSWORD))
            with pytest.raises(SystemExit):
                cli.main(
                    ["doctor", "--format", "json", "--config", str(ROOT / "config/siaga.yaml"), *options]
                )
            said = json.loads(capsys.readouterr().out)
            return next(one for one in said if one["area"] == "gateway smtp")

    return look


@pytest.mark.parametrize("settings", [{}, {"port": SUBMISSIONS, "tls": "implicit"}])
def test_a_good_one_is_good_and_gets_nothing(verdict, server, settings):
    found = verdict(**settings)
    assert (found["state"], found["says"]) == ("good", "connects, encrypts and logs in")
    assert "from=<" not in server.log()


@pytest.mark.parametrize(
    ("settings", "reason", "remedy"),
    [
        ({"password": "salah"}, "authentication", "check user and password"),
        ({"ca_file": ""}, "tls", "An authority of your own goes into ca_file"),
        ({"tls": "implicit"}, "tls", "starttls on 587, implicit on 465"),
        ({"tls": "none"}, "tls", "does it offer TLS as set"),
        ({"port": 9}, "refused_connection", "is its address and port right"),
    ],
    ids=["password", "certificate", "not implicit", "no TLS", "port"],
)
def test_each_fault_is_told_apart(verdict, settings, reason, remedy):
    found = verdict(**settings)
    assert (found["state"], found["says"].partition(":")[0]) == ("fault", reason)
    assert remedy in found["remedy"]
