"""Outlets: what settings and `gateways.yaml` say reaches the gateway and its notifier alike."""

import pytest

from engine.delivery.gateways import gateway_configs
from engine.settings import Settings
from notifiers.registry import build_one

GATEWAYS = """\
version: 1
gateways:
  - {id: kannel, channel: sms, adapter: kannel.yaml, url: "http://127.0.0.1:1", callback_env: KEY%s}
  - {id: surat, channel: email, host: surat.example%s}
  - {id: kait, channel: webhook, password_env: KEY%s}
"""


@pytest.mark.parametrize(("written", "expected"), [("", (20, 3, 40, 2)), (", connections: 7", (7, 7, 7, 2))])
def test_a_gateway_is_given_as_many_messages_at_once_as_it_has_connections(tmp_path, written, expected):
    (tmp_path / "gateways.yaml").write_text(GATEWAYS % ((written,) * 3))
    (tmp_path / "adapters").symlink_to(Settings().paths.gateways.parent.absolute() / "adapters")
    settings = Settings.model_validate(
        {
            "paths": {"gateways": tmp_path / "gateways.yaml"},
            "gateways": {"smtp": {"host": "utama.example", "connections": 2}},
        }
    )
    outlets = gateway_configs(settings, {"KEY": "k" * 32})
    assert tuple(outlet.gateway.at_once for outlet in outlets) == expected
    assert tuple(build_one(outlet.notifier)._settings.connections for outlet in outlets) == expected
