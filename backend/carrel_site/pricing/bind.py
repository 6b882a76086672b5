"""Checking a plan that did not come from SQL."""

from carrel_protocol import binding
from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import TableSchema
from carrel_site.pricing.errors import QueryNotAllowed


def check_plan(plan: QueryPlan, schema: TableSchema) -> QueryPlan:
    """`plan` in normal form (`carrel_protocol.binding`); `QueryNotAllowed` says where it is not.

    A plan from `sql.parse_sql` has been through this already.
    """
    try:
        return binding.check_plan(plan, schema)
    except binding.PlanNotAllowed as refused:
        raise QueryNotAllowed(
            {"loc": error.path, "message": error.message} for error in refused.errors
        ) from None
