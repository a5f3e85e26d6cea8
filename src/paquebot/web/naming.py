"""What people type as the name of something, made into a name: `Partenaire Été 2026` is kept as `partenaire-ete-2026`."""

from __future__ import annotations

import re

from django.utils.text import slugify


def stable_name(typed: str) -> str:
    """Lower-case letters, digits, hyphens and underscores. Empty when nothing is left."""
    return slugify(typed)[:80]


def table_name(typed: str) -> str:
    """As SQL writes names: underscores in place of hyphens, and a letter first."""
    name = re.sub(r"-+", "_", slugify(typed))[:60]
    return f"t_{name}" if name[:1].isdigit() else name.lstrip("_")
