"""`siaga demo --mail`: the facts of 2024 through the service and a real mail server, into one maildir for everybody."""

import os
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.integration.mail.postfix import BOUNCES, PASSWORD, SUBMISSION, USER, Postfix

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def test_the_demo_sends_its_mail_through_the_server(server: Postfix, certificate, tmp_path):
    """Every mail arrives once, under a name of its own, and can be opened: two parts that say the same."""
    settings = {
        "paths.var": tmp_path,
        "gateways.outbox.directory": tmp_path / "outbox",
        "gateways.smtp.host": "127.0.0.1",
        "gateways.smtp.port": SUBMISSION,
        "gateways.smtp.ca_file": certificate.file,
        "gateways.smtp.user": USER,
        "gateways.smtp.envelope_sender": BOUNCES,
    }
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    subprocess.run(
        [sys.executable, "-m", "engine.cli", "demo", "--exit", "--mail", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SIAGA_SMTP_PASSWORD": PASSWORD},
        check=True,
        timeout=250,
    )
    sent = server.log().count("status=sent (delivered to maildir)")
    arrived = [message_from_bytes(m, policy=policy.default) for m in server.arrived("everybody", number=sent)]
    assert len({mail["Message-ID"] for mail in arrived}) == len(arrived) > 100
    assert list((tmp_path / "outbox").glob("*.eml")) == []
    assert list((tmp_path / "outbox").glob("*.sms"))
    for mail in arrived:
        text, page = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert text.splitlines()[0] in page.replace("&#39;", "'").replace("&amp;", "&")
        assert mail["References"] == mail["In-Reply-To"]
