"""Imports every table, so that `Base.metadata` is whole."""

import carrel_site.accounts.models
import carrel_site.audit.models
import carrel_site.code.models
import carrel_site.core.models
import carrel_site.datasets.models
import carrel_site.events.models
import carrel_site.ledger.models
import carrel_site.outputs.models
import carrel_site.requests.models
import carrel_site.runs.models
import carrel_site.saved_queries.models  # noqa: F401
from carrel_site.core.db import Base

metadata = Base.metadata
