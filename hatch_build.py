"""Compiles the message catalogues, so that an installed Paquebot speaks French without gettext's tools.

Run as a program, it does only that: `python hatch_build.py`.
"""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface):
    """Writes each `django.mo` beside its `django.po` before the wheel (or the editable install) is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_catalogues(Path(self.root))


def compile_catalogues(root: Path) -> None:
    """Writes every catalogue under `root` in the form gettext reads."""
    for po in root.glob("src/paquebot/locale/*/LC_MESSAGES/django.po"):
        po.with_suffix(".mo").write_bytes(compiled(po))


def compiled(po: Path) -> bytes:
    """The compiled form of one catalogue; the same catalogue always gives the same bytes."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    target = io.BytesIO()
    with po.open("rb") as source:
        catalogue = read_po(source)
    catalogue.creation_date = datetime.fromtimestamp(0, UTC)  # Babel would write down the present time
    write_mo(target, catalogue)
    return target.getvalue()


if __name__ == "__main__":
    compile_catalogues(Path(__file__).parent)
