"""The notifier of docs/notifiers.md keeps what every notifier promises: who copies it begins with one that works."""

import re
import sys
import types
from pathlib import Path

import pytest

from notifiers.base import DeliveryError
from tests.contract.notifiers import test_notifier as contract
from tests.contract.notifiers.test_notifier import SMS, Gateway

PAGE = Path(__file__).parents[3] / "docs/notifiers.md"


@pytest.fixture
def gateway(tmp_path) -> Gateway:
    """The module of the page, as it stands there."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    module = sys.modules["gammu_of_the_page"] = types.ModuleType("gammu_of_the_page")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)  # noqa: S102 -- the code under test
    folder = tmp_path / "keluar"
    folder.mkdir()
    return Gateway(
        module.Gammu(module.GammuSettings(directory=str(folder))),
        SMS,
        lambda: [
            f"{path.name} {path.read_bytes()[2:].decode('utf-16-le')}".encode() for path in folder.iterdir()
        ],
        module.Gammu(module.GammuSettings(directory=str(tmp_path / "tidak-ada"))),
    )


@pytest.mark.parametrize(
    "promise",
    [
        contract.test_a_message_arrives_whole_and_is_receipted,
        contract.test_a_probe_sends_nothing_and_finds_what_is_out_of_order,
        contract.test_a_repeat_is_the_same_bytes,
        contract.test_messages_sent_at_once_all_arrive,
        contract.test_a_gateway_out_of_order_is_a_transient_failure,
    ],
    ids=lambda promise: promise.__name__,
)
async def test_it_keeps_each_promise(promise, gateway):
    await promise(gateway)


async def test_an_error_names_no_address(gateway):
    with pytest.raises(DeliveryError) as failed:
        await gateway.broken.send(SMS)
    assert SMS.to not in f"{failed.value} {failed.value.__cause__}"
