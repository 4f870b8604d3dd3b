"""Following only the README: in under ten commands a test message goes out through a real Postfix."""

import os
import re
import subprocess
from pathlib import Path

import yaml

from tests.integration.mail.postfix import PASSWORD, SUBMISSION, USER, Postfix

ROOT = Path(__file__).parents[3]
MAILBOX = "sekda@pinrang.example"


def commands() -> list[str]:
    """Return the commands of the README's section, without their remarks."""
    section = (ROOT / "README.md").read_text().partition("## Running it for real")[2]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line.partition(" #")[0].strip() for line in block.splitlines()]


def test_a_test_message_goes_out_by_the_readme_alone(server: Postfix, certificate, tmp_path):
    """As a new user types them in one shell: their own mail server, mailbox and certificate put in."""
    typed = commands()
    assert len(typed) < 10
    assert typed.pop() == "./run serve"
    before = server.mails("sekda")
    own = {
        "~/siaga": str(tmp_path / "siaga"),
        "mail.desk.example": f"127.0.0.1:{SUBMISSION}",
        "--smtp-user siaga": f"--smtp-user {USER}",
        "you@desk.example": MAILBOX,
    }
    for name, value in own.items():
        assert any(name in line for line in typed), name
        typed = [line.replace(name, value) for line in typed]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIAGA_")}
    # a certificate that the machine does not trust is named in the settings, as the README says
    environment["SIAGA_GATEWAYS__SMTP__CA_FILE"] = certificate.file
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(typed)],
        cwd=ROOT,
        env=environment,
        input=PASSWORD + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gateway smtp: connects, encrypts and logs in" in done.stdout
    assert re.search(r"^piket-posko/email/1: smtp took it as \w+$", done.stdout, re.MULTILINE)
    (mail,) = server.arrived("sekda", before)
    assert b"From: Siaga" in mail
    settings = yaml.safe_load((tmp_path / "siaga/config/siaga.yaml").read_text())
    assert PASSWORD not in str(settings)
