"""The API's reference for people at `/docs`, made of its OpenAPI alone.

Here: from the OpenAPI to what the page shows. Not here: the OpenAPI itself (`web.app`). FastAPI's own pages load
scripts from another host; this one has no script at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from engine.texts.catalogue import template_environment
from engine.web.auth import siaga_of

router = APIRouter(include_in_schema=False)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
METHODS = ("get", "post", "put", "patch", "delete", "head")


@router.get("/docs", response_class=HTMLResponse)
async def reference(request: Request) -> HTMLResponse:
    """Show every route with its parameters, bodies and answers."""
    template = template_environment(siaga_of(request).settings.paths.templates).get_template(
        "reference.html.j2"
    )
    page = template.render(**contents(request.app.openapi()))
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def contents(openapi: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of an OpenAPI: its head, its operations in order of paths, its schemas by name."""
    operations = [
        {
            "id": operation.get("operationId", ""),
            "method": method.upper(),
            "path": path,
            "text": operation.get("description") or operation.get("summary", ""),
            "rights": [
                right for needed in operation.get("security", ()) for right in needed.get("token", ())
            ],
            "parameters": [
                {
                    "name": parameter["name"],
                    "in": parameter["in"],
                    "kind": kind(parameter.get("schema", {})),
                    "text": parameter.get("description", ""),
                }
                for parameter in operation.get("parameters", ())
            ],
            "body": list(bodies(operation.get("requestBody", {}))),
            "answers": [
                {"status": status, "text": answer.get("description", ""), "bodies": list(bodies(answer))}
                for status, answer in sorted(operation.get("responses", {}).items())
            ],
        }
        for path, item in sorted(openapi["paths"].items())
        for method, operation in item.items()
        if method in METHODS
    ]
    schemas = [
        {
            "name": name,
            "text": schema.get("description", ""),
            "fields": [
                {
                    "name": field,
                    "kind": kind(value),
                    "required": field in schema.get("required", ()),
                    "text": value.get("description", ""),
                }
                for field, value in schema.get("properties", {}).items()
            ],
            "examples": [json.dumps(example, indent=2) for example in schema.get("examples", ())],
        }
        for name, schema in sorted(openapi.get("components", {}).get("schemas", {}).items())
    ]
    names = {schema["name"] for schema in schemas}
    return {"info": openapi["info"], "operations": operations, "schemas": schemas, "names": names}


def bodies(holder: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield media type and kind of each content of a request body or answer."""
    for media_type, content in holder.get("content", {}).items():
        yield {"media_type": media_type, "kind": kind(content.get("schema", {}))}


def kind(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a JSON schema allows."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("format") == "date-time":
        return "instant"
    if "const" in schema:
        return str(schema["const"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(kind(one) for one in schema[several])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
