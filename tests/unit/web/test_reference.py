"""What the reference page makes of an OpenAPI."""

import pytest

from engine.web.reference import contents, kind


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"$ref": "#/components/schemas/AlertPage"}, "AlertPage"),
        ({"enum": ["open", "resolved"]}, "open | resolved"),
        ({"const": "api"}, "api"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": "array", "items": {"$ref": "#/x/Event"}}, "list of Event"),
        ({}, "any"),
    ],
)
def test_a_schema_in_a_few_words(schema: dict, said: str):
    assert kind(schema) == said


def test_an_operation_shows_its_right_body_and_answers():
    openapi = {
        "info": {"title": "Siaga"},
        "paths": {
            "/v1/clock": {
                "post": {
                    "summary": "Advance",
                    "security": [{"token": ["operate"]}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/c/Advance"}}}},
                    "responses": {"409": {"description": "Conflict"}, "200": {"description": "Done"}},
                }
            }
        },
    }
    (operation,) = contents(openapi)["operations"]
    assert (operation["method"], operation["path"], operation["text"]) == ("POST", "/v1/clock", "Advance")
    assert operation["rights"] == ["operate"]
    assert operation["body"] == [{"media_type": "application/json", "kind": "Advance"}]
    assert [answer["status"] for answer in operation["answers"]] == ["200", "409"]
