"""The demo's installation: whatever gateways there are, its messages become files."""

import asyncio
from pathlib import Path

import httpx
import pytest

from engine.cli.demo import living_link, of_its_own
from engine.delivery.gateways import gateway_configs
from engine.settings import load

GATEWAYS = """\
version: 1
gateways:
  - {id: surat, channel: email, host: surat.example, ca_file: ca.pem}
  - {id: kait, channel: webhook, password_env: KEY}
"""


@pytest.fixture
def config(tmp_path) -> Path:
    """An installation with a mail server in its settings, another in the file, and no outbox."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/gateways.yaml").write_text(GATEWAYS)
    file = tmp_path / "config/siaga.yaml"
    file.write_text("gateways: {smtp: {host: utama.example}, outbox: {enabled: false}}\n")
    return file


def served(config: Path, overrides: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for outlet in gateway_configs(load(config, overrides=overrides), {"KEY": "k" * 32}):
        found.setdefault(outlet.gateway.route.channel, []).append(outlet.notifier["adapter"])
    return found


def test_nothing_leaves_the_machine(config):
    """Neither through the settings nor through the file."""
    assert served(config, []) == {"email": ["smtp", "smtp"], "webhook": ["webhook"]}
    assert served(config, of_its_own(config, [], mail=False)) == {"sms": ["outbox"], "email": ["outbox"]}


def test_mail_goes_out_where_it_is_asked_for(config):
    """Through the server of the settings alone; SMS never."""
    assert served(config, of_its_own(config, [], mail=True)) == {"email": ["smtp"], "sms": ["outbox"]}


def test_its_state_lies_apart(config, tmp_path):
    """A namespace and a folder of its own."""
    settings = load(config, overrides=of_its_own(config, ["http.port=8099"], mail=False))
    assert (settings.namespace, settings.paths.var) == ("demo", tmp_path / "var/demo")
    assert settings.outbox_directory == tmp_path / "var/outbox"
    assert settings.http.port == 8099


def test_the_link_that_is_shown_is_the_newest_that_still_opens(tmp_path):
    """That of the newest message leads nowhere where its alert was closed for more than a day."""
    for number, token in enumerate(("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc")):
        text = f"Message-ID: <n{number}.a{number}@x>\nReferences: <a{number}@x>\n\nhttp://desk.example/a/{token}\n"
        (tmp_path / f"2025040{number}T000000Z-n{number}-email.eml").write_text(text)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404 if request.url.path.startswith("/a/c") else 200)

    async def shown(path: Path) -> str:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return await living_link(path, client)

    assert asyncio.run(shown(tmp_path)) == "http://desk.example/a/bbbbbbbbbbbbbbbb"
    (tmp_path / "kosong").mkdir()
    assert asyncio.run(shown(tmp_path / "kosong")) == ""
