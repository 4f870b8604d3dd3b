"""What the front says of a request: its route's template, and where an error came through."""

from types import SimpleNamespace

import pytest

from engine.errors import places
from engine.web.middleware import template


def test_a_route_without_parameters_is_its_own_template():
    assert template({"path": "/v1/events", "endpoint": object(), "path_params": {}}) == "/v1/events"


def test_a_route_with_parameters_shows_their_names_and_not_their_values():
    """The value may be the token of a link."""
    scope = {
        "path": "/a/abcdefabcdef",
        "endpoint": object(),
        "path_params": {"token": "abcdefabcdef"},
        "route": SimpleNamespace(path="/a/{token}"),
    }
    assert template(scope) == "/a/{token}"


def test_a_path_that_no_route_took_is_not_repeated():
    assert template({"path": "/a/abc/def"}) == "-"


def test_a_route_that_does_not_say_its_path_is_not_guessed():
    assert template({"path": "/x/1", "endpoint": object(), "path_params": {"x": "1"}}) == "-"


def test_the_places_of_an_error_lack_its_text():
    """The text of an error may hold what a person sent."""
    with pytest.raises(ValueError, match="Yohanes") as raised:
        int("Yohanes")
    (place,) = places(raised.value)
    assert place.startswith("test_middleware.py:")
    assert "Yohanes" not in place
