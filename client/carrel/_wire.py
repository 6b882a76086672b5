"""Reading what a site sends, also when the site is newer than this client.

A field that is not known is ignored. A value that is not known (a new state, a new kind of
column or request) is kept as it came, a plain string or dict, so that listing requests does not
fail because one of them is of a kind that came later.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from carrel._errors import UnexpectedAnswer

Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], data: Any) -> Model:
    """`data` as `model`. Raises `UnexpectedAnswer` if it is not even an object."""
    try:
        return model.model_validate(data, extra="ignore")
    except ValidationError:
        if not isinstance(data, dict):
            raise UnexpectedAnswer(
                f"The site sent {type(data).__name__} where {model.__name__} was expected.",
                advice="A newer carrel may understand it: pip install --upgrade carrel.",
            ) from None
        return cast("Model", _leniently(model, data))


def _leniently(annotation: Any, value: Any) -> Any:
    """`value` read as far as `annotation` fits, and left as it is where it does not."""
    try:
        return _adapter_of(annotation).validate_python(value, extra="ignore")
    except ValidationError:
        pass
    annotation = _plain(annotation)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        inside = [a for a in get_args(annotation) if a is not type(None)]
        return _leniently(inside[0], value) if len(inside) == 1 else value
    if origin is tuple and isinstance(value, list | tuple):
        args = get_args(annotation)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_leniently(args[0], item) for item in value)
        return tuple(value)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _constructed(annotation, value) if isinstance(value, dict) else value
    return value


def _constructed(model: type[BaseModel], data: dict[str, Any]) -> BaseModel:
    values: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in data:
            metadata = info.metadata
            annotation = info.annotation
            if info.discriminator is not None or metadata:
                annotation = Annotated[annotation, info]  # type: ignore[assignment]
            values[name] = _leniently(annotation, data[name])
        else:
            values[name] = (
                None if info.is_required() else info.get_default(call_default_factory=True)
            )
    return model.model_construct(**values)


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _remembered_adapter(annotation)
    except TypeError:  # metadata of a field need not be hashable
        return TypeAdapter(annotation)


@cache
def _remembered_adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation
