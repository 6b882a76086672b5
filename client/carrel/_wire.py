"""Reading what a site sends, also when the site is newer than this client.

A field that is not known is ignored. A value that is not known (a new state, a new kind of
column or request) is kept as it came, a plain string or dict, so that listing requests does not
fail because one of them is of a kind that came later.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

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
    args = get_args(annotation)
    if origin in (Union, types.UnionType):
        inside = [a for a in args if a is not type(None)]
        return _leniently(inside[0], value) if len(inside) == 1 else value
    if origin is tuple and isinstance(value, list | tuple):
        each = args[0] if len(args) == 2 and args[1] is Ellipsis else Any
        return tuple(_leniently(each, item) for item in value)
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if is_model and isinstance(value, dict) and not _of_another_kind(annotation, value):
        return _constructed(annotation, value)
    return value


def _of_another_kind(model: type[BaseModel], data: dict[str, Any]) -> bool:
    """Whether a tag (`kind: Literal["query"] = "query"`) says that `data` is something else."""
    return any(
        name in data
        and get_origin(info.annotation) is Literal
        and not info.is_required()
        and isinstance(info.default, str)
        and data[name] not in get_args(info.annotation)
        for name, info in model.model_fields.items()
    )


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
