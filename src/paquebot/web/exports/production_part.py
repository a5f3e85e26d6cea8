"""How a file is produced, as forms: for a file, and for rows that go to a table."""

from __future__ import annotations

import dataclasses
from typing import Any

from paquebot.export import ExportDefinition
from paquebot.production_keys import OF_CHANGES, meaningful

Values = dict[str, Any]
CONDITIONAL = OF_CHANGES


def stored_production(definition: ExportDefinition) -> Values:
    return dataclasses.asdict(definition.production)


def production(values: Values, _: ExportDefinition) -> Values:
    return {"production": meaningful(values)}


def production_of_rows(values: Values, definition: ExportDefinition) -> Values:
    """What the page does not show stays as it is."""
    return {"production": {**definition.production.to_document(), **values}}
