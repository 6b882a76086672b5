"""The OpenAPI document: what FastAPI derives, and what it cannot know about errors and keys."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from carrel_protocol.errors import Problem
from carrel_site.core import cookies, csrf
from carrel_site.core.problems import MEDIA_TYPE
from carrel_site.core.routes import api_routes, required_permission

_REF = {"$ref": "#/components/schemas/Problem"}
_ALWAYS = {
    "404": "There is no such thing, or you may not see it.",
    "413": "The body is too large.",
    "422": "What was sent is not valid; `errors` says where.",
    "500": "Something went wrong on the site.",
    "503": "The site's database or broker does not answer. Try again.",
}
_KEYED = {
    "401": "No key was sent and nobody is signed in, or the key or session has ended.",
    "403": "Your role, or your key's scopes, do not allow this; or a write lacks its session's "
    "token.",
}
_WRITES = {"409": "It does not fit the present state; `code` and `advice` say why."}
_CONDITIONAL = {
    "412": "It was changed since you read it.",
    "428": "An If-Match header is needed.",
}


def install(app: FastAPI) -> None:
    """Have `app.openapi()` give the whole document."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _require_discriminators(document)
    components["securitySchemes"] = {
        "api_key": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookies.SESSION,
            "description": f"The console's. What it changes also takes the header {csrf.HEADER}, "
            "with the `csrf_token` of GET /api/v1/session. Over https the cookie's name begins "
            "with `__Host-`.",
        },
    }
    for route in api_routes(app):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None:
                _complete(operation, method, keyed=required_permission(route) is not None)
    return document


def _complete(operation: dict[str, Any], method: str, *, keyed: bool) -> None:
    errors = dict(_ALWAYS)
    if keyed:
        errors |= _KEYED
        operation["security"] = [{"api_key": []}, {"session": []}]
    if method in ("POST", "PUT", "PATCH", "DELETE"):
        errors |= _WRITES
    headers = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
    if "if-match" in headers:
        errors |= _CONDITIONAL
    responses = operation["responses"]
    responses.pop("422", None)
    for status, words in errors.items():
        responses.setdefault(
            status, {"description": words, "content": {MEDIA_TYPE: {"schema": _REF}}}
        )
    responses["default"] = {
        "description": "Any other error.",
        "content": {MEDIA_TYPE: {"schema": _REF}},
    }


def _require_discriminators(document: dict[str, Any]) -> None:
    """What tells the members of a union apart has to be sent, though models give it a default."""
    schemas = document["components"]["schemas"]
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        if not isinstance(node, dict):
            continue
        waiting.extend(node.values())
        discriminator = node.get("discriminator")
        if isinstance(discriminator, dict) and "mapping" in discriminator:
            name = discriminator["propertyName"]
            for reference in set(discriminator["mapping"].values()):
                member = schemas[reference.rsplit("/", 1)[1]]
                member["required"] = sorted({*member.get("required", ()), name})
