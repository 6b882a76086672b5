"""Compute on data you cannot see: the client of a Carrel site.

    import carrel
    from carrel import avg, col, count

    with carrel.connect("https://carrel.example.org", key="…") as site:
        ds = site.datasets["meps"]
        query = ds.query().where(col("age") > 70).agg(n=count(), spend=avg("drugexp"))
        print(query.price(epsilon=0.1))
        print(query.run(epsilon=0.1))

Importing this package imports next to nothing: each name loads its module at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carrel._black_box import BlackBox, BlackBoxRequest, Vector, black_box
    from carrel._black_box_result import BlackBoxResult
    from carrel._code import CodeFunction, Script, function, script
    from carrel._code_environment import reach
    from carrel._code_request import CodeRequest
    from carrel._code_values import CodeResult, Figure
    from carrel._dataset import Dataset
    from carrel._errors import (
        BudgetExceeded,
        CarrelError,
        ChangesRequested,
        CodeNotAllowed,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        ContentChanged,
        DatasetNotReady,
        EnvironmentNotReady,
        Forbidden,
        IdempotencyKeyReused,
        IngestFailed,
        InvalidInput,
        InvalidTransition,
        KindNotAllowed,
        KindPaused,
        MockFailed,
        NoBudget,
        NotFound,
        NotReviewer,
        NotSignedIn,
        OutputChanged,
        OutputHeld,
        OutputWithheld,
        QueryNotAllowed,
        RateLimited,
        RequestClosed,
        RequestExpired,
        RequestRejected,
        RequestWithdrawn,
        ReviewRequired,
        RunCancelled,
        RunFailed,
        SiteBroken,
        SiteUnavailable,
        UnexpectedAnswer,
        UnknownProblem,
        WaitTimeout,
    )
    from carrel._expressions import Aggregate, Expr, avg, col, count, lit, sum_
    from carrel._pages import Page
    from carrel._price import Budget, Price
    from carrel._query import Query, QueryBuilder
    from carrel._request import Request
    from carrel._result import Cost, Result
    from carrel._run import Run
    from carrel._schema import Column, MockTable, Schema
    from carrel._site import Site, connect
    from carrel_protocol.schema import UnitBounds

    __version__: str

_MODULES = {
    "carrel._black_box": ("BlackBox", "BlackBoxRequest", "Vector", "black_box"),
    "carrel._black_box_result": ("BlackBoxResult",),
    "carrel._code": ("CodeFunction", "Script", "function", "script"),
    "carrel._code_environment": ("reach",),
    "carrel._code_request": ("CodeRequest",),
    "carrel._code_values": ("CodeResult", "Figure"),
    "carrel._site": ("Site", "connect"),
    "carrel._dataset": ("Dataset",),
    "carrel._schema": ("Column", "MockTable", "Schema"),
    "carrel._expressions": ("Aggregate", "Expr", "avg", "col", "count", "lit", "sum_"),
    "carrel._query": ("Query", "QueryBuilder"),
    "carrel._price": ("Budget", "Price"),
    "carrel._request": ("Request",),
    "carrel._run": ("Run",),
    "carrel._result": ("Cost", "Result"),
    "carrel._pages": ("Page",),
    "carrel_protocol.schema": ("UnitBounds",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Aggregate",
    "BlackBox",
    "BlackBoxRequest",
    "BlackBoxResult",
    "Budget",
    "BudgetExceeded",
    "CarrelError",
    "ChangesRequested",
    "ChecksumMismatch",
    "CodeFunction",
    "CodeNotAllowed",
    "CodeRequest",
    "CodeResult",
    "Column",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "ContentChanged",
    "Cost",
    "Dataset",
    "DatasetNotReady",
    "EnvironmentNotReady",
    "Expr",
    "Figure",
    "Forbidden",
    "IdempotencyKeyReused",
    "IngestFailed",
    "InvalidInput",
    "InvalidTransition",
    "KindNotAllowed",
    "KindPaused",
    "MockFailed",
    "MockTable",
    "NoBudget",
    "NotFound",
    "NotReviewer",
    "NotSignedIn",
    "OutputChanged",
    "OutputHeld",
    "OutputWithheld",
    "Page",
    "Price",
    "Query",
    "QueryBuilder",
    "QueryNotAllowed",
    "RateLimited",
    "Request",
    "RequestClosed",
    "RequestExpired",
    "RequestRejected",
    "RequestWithdrawn",
    "Result",
    "ReviewRequired",
    "Run",
    "RunCancelled",
    "RunFailed",
    "Schema",
    "Script",
    "Site",
    "SiteBroken",
    "SiteUnavailable",
    "StorageFull",
    "TermsNotAccepted",
    "UnexpectedAnswer",
    "UnitBounds",
    "UnknownProblem",
    "UploadOffset",
    "Vector",
    "WaitTimeout",
    "__version__",
    "avg",
    "black_box",
    "col",
    "connect",
    "count",
    "function",
    "lit",
    "reach",
    "script",
    "sum_",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 (slow to import)

        value: Any = version("carrel")
    elif name in __all__:
        value = getattr(import_module(_HOMES.get(name, "carrel._errors")), name)
    else:
        raise AttributeError(f"module 'carrel' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
