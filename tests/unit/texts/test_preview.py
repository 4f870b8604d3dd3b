"""Any message of any alert can be previewed, as whoever was told, or as nobody."""

import pytest

from engine.texts.preview import NAMES, preview_notification
from tests.unit.texts.sample import ALERT, NOW, RENDERER, RESOLVED, TAKEN, TOLD, change


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("alert", [ALERT, TAKEN, RESOLVED, change(ALERT, runs=())])
@pytest.mark.parametrize("told", [TOLD, ()])
def test_every_message_can_be_rendered_whatever_the_alert_has_come_to(name, channel, alert, told):
    """Also one that would not be sent now, and where nobody was told."""
    mine = preview_notification(name, alert, told, channel=channel, language="en", at=NOW)
    rendered = RENDERER.render(mine, alert, told, at=NOW, to="")
    assert (mine.kind, mine.channel, mine.language) == (NAMES[name][0], channel, "en")
    assert rendered.text


def test_it_is_told_as_who_asked_to_act_and_not_as_who_was_informed():
    """The office in the salutation."""
    mine = preview_notification("first", ALERT, TOLD, channel="email", language="id", at=NOW)
    assert (mine.role, mine.informing) == ("sekda", False)
    assert preview_notification("inform", ALERT, TOLD, channel="email", language="id", at=NOW).informing
    assert preview_notification("returned", ALERT, TOLD, channel="email", language="id", at=NOW).returned
