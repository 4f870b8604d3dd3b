"""A trial reaches a contact by the way that alerts take, and is kept nowhere."""

from pathlib import Path

import pytest

from engine.gsm7 import parts
from engine.records.alert_repository import NOTIFICATIONS, OUTBOX
from tests.acceptance.web.conftest import Api


def written(api: Api, ending: str) -> str:
    """The only message that became a file."""
    (file,) = Path(api.siaga.settings.outbox_directory).glob(f"*.{ending}")
    return file.read_text()


@pytest.mark.parametrize(("channel", "ending"), [("sms", "sms"), ("email", "eml")])
async def test_a_trial_goes_out_and_leaves_nothing(api: Api, channel: str, ending: str):
    outcome = await api.siaga.trials.send(f"sekda-7315/{channel}/1")
    assert (outcome.outcome, outcome.gateway) == ("sent", f"outbox-{channel}")
    text = written(api, ending)
    assert "UJI SIAGA 27/11 10.00 WIB" in text
    if channel == "sms":
        assert parts(text.partition("\n\n")[2].rstrip("\n")) == 1
    assert await api.siaga.store.scan(NOTIFICATIONS) == {}
    assert await api.siaga.store.planned(OUTBOX) == {}


async def test_nobody_is_tried_whom_the_directory_does_not_know(api: Api):
    assert await api.siaga.trials.send("sekda-7315/sms/9") is None
    assert await api.siaga.trials.send("tidak-ada/sms/1") is None
