"""The one permission table: which role may do what, and which key scope it takes.

Every route names one permission; a test walks all routes and roles against this table.
"""

from enum import StrEnum

from carrel_protocol.api.accounts import Scope
from carrel_protocol.api.common import Role


class Permission(StrEnum):
    SELF_READ = "self.read"
    SELF_MANAGE = "self.manage"
    KEYS_MANAGE_OWN = "keys.manage_own"
    USERS_READ = "users.read"
    USERS_MANAGE = "users.manage"
    GROUPS_READ = "groups.read"
    GROUPS_MANAGE = "groups.manage"
    DATASETS_READ = "datasets.read"
    DATASETS_MANAGE = "datasets.manage"
    VERSIONS_READ = "versions.read"
    ACCESS_READ = "access.read"
    BUDGETS_READ_OWN = "budgets.read_own"
    BUDGETS_READ_ALL = "budgets.read_all"
    BUDGETS_MANAGE = "budgets.manage"
    REQUESTS_ASK = "requests.ask"
    REQUESTS_READ = "requests.read"
    REQUESTS_COMMENT = "requests.comment"
    REQUESTS_REVIEW = "requests.review"
    ENVIRONMENTS_READ = "environments.read"
    ENVIRONMENTS_MANAGE = "environments.manage"
    OUTPUTS_REVIEW = "outputs.review"
    RUNS_DIAGNOSE = "runs.diagnose"
    AUDIT_READ = "audit.read"
    AUDIT_HEAD = "audit.head"
    WORKERS_MANAGE = "workers.manage"
    SETTINGS_MANAGE = "settings.manage"


_EVERYONE = frozenset(Role)
_OWNER = frozenset({Role.OWNER})
_STAFF = frozenset({Role.OWNER, Role.REVIEWER})
_WATCHERS = frozenset({Role.OWNER, Role.AUDITOR})
_READERS = frozenset({Role.OWNER, Role.REVIEWER, Role.AUDITOR})

TABLE: dict[Permission, tuple[frozenset[Role], Scope]] = {
    Permission.SELF_READ: (_EVERYONE, Scope.READ),
    Permission.SELF_MANAGE: (_EVERYONE, Scope.ADMIN),
    Permission.KEYS_MANAGE_OWN: (_EVERYONE, Scope.ADMIN),
    Permission.USERS_READ: (_READERS, Scope.READ),
    Permission.USERS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.GROUPS_READ: (_READERS, Scope.READ),
    Permission.GROUPS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.DATASETS_READ: (_EVERYONE, Scope.READ),
    Permission.DATASETS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.VERSIONS_READ: (_WATCHERS, Scope.READ),
    Permission.ACCESS_READ: (_READERS, Scope.READ),
    Permission.BUDGETS_READ_OWN: (_EVERYONE, Scope.READ),
    Permission.BUDGETS_READ_ALL: (_READERS, Scope.READ),
    Permission.BUDGETS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.REQUESTS_ASK: (frozenset({Role.OWNER, Role.REVIEWER, Role.RESEARCHER}), Scope.ASK),
    Permission.REQUESTS_READ: (_EVERYONE, Scope.READ),
    Permission.REQUESTS_COMMENT: (_EVERYONE - {Role.AUDITOR}, Scope.ASK),
    Permission.REQUESTS_REVIEW: (_STAFF, Scope.REVIEW),
    Permission.ENVIRONMENTS_READ: (_EVERYONE, Scope.READ),
    Permission.ENVIRONMENTS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.OUTPUTS_REVIEW: (_STAFF, Scope.REVIEW),
    Permission.RUNS_DIAGNOSE: (_WATCHERS, Scope.READ),
    Permission.AUDIT_READ: (_WATCHERS, Scope.READ),
    Permission.AUDIT_HEAD: (_EVERYONE, Scope.READ),
    Permission.WORKERS_MANAGE: (_OWNER, Scope.ADMIN),
    Permission.SETTINGS_MANAGE: (_OWNER, Scope.ADMIN),
}


def allows(permission: Permission, role: Role, scopes: frozenset[Scope]) -> bool:
    """Whether a person of `role`, through a key with `scopes`, has `permission`."""
    roles, scope = TABLE[permission]
    return role in roles and scope in scopes
