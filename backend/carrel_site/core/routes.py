"""Looking at an application's routes, included routers' too."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.routing import Match

from carrel_site.core.http import permission_of
from carrel_site.core.permissions import Permission


def api_routes(app: FastAPI) -> Iterator[Any]:
    """Every HTTP route with `path`, `methods`, `endpoint` and `dependant`."""
    for context in iter_route_contexts(app.routes):
        if getattr(context, "dependant", None) is not None:
            yield context


def required_permission(route: Any) -> Permission | None:
    """The permission that `route` checks; None for one that is open or has its own check."""
    waiting: list[Dependant] = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        if dependant.call is not None and (found := permission_of(dependant.call)) is not None:
            return found
        waiting.extend(dependant.dependencies)
    return None


def allowed_methods(request: Request) -> list[str]:
    """The methods that the request's path takes, over all routes that share it.

    A path that is written out (`/invitations/lookup`) is not one with an id in that place.
    """
    methods: set[str] = set()
    written_out: set[str] = set()
    for route in api_routes(request.app):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= set(route.methods or ())
        if route.path_format == request.scope["path"]:
            written_out |= set(route.methods or ())
    return sorted(written_out or methods)
