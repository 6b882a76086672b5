"""What the ledger refuses."""

from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class BudgetExceeded(SiteError):
    status, code, title = 409, ErrorCode.BUDGET_EXCEEDED, "Budget exceeded"
    advice = (
        "Ask for less: a smaller epsilon or rho, or a wider accuracy target. "
        "Or ask the owner to raise the budget."
    )


class NoBudget(SiteError):
    status, code, title = 403, ErrorCode.NO_BUDGET, "No budget"
    advice = "Ask the owner for access to this dataset: a budget comes with it."


class LimitNotRaised(SiteError):
    status, code, title = 409, ErrorCode.CONFLICT, "Not a raise"
    advice = "An account's epsilon can only be raised; what was promised is never taken back."
