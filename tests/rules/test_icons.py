"""The sprite of icons holds what the pages draw, and nothing else."""

import re
from pathlib import Path

WEB = Path(__file__).resolve().parents[2] / "src" / "paquebot" / "web"
DRAWN = re.compile(r"""\{% icon "([a-z-]+)"|\bicon="([a-z-]+)"|\{% mark "[a-z]+" "([a-z-]+)\"""")


def in_sprite():
    return set(re.findall(r'<symbol id="([a-z-]+)"', (WEB / "static" / "vendor" / "icons.svg").read_text("utf-8")))


def test_every_icon_a_template_draws_is_in_the_sprite():
    templates = "".join(path.read_text("utf-8") for path in WEB.rglob("*.html"))
    drawn = {name for found in DRAWN.findall(templates) for name in found if name}
    assert len(drawn) > 20
    assert drawn - in_sprite() == set()


def test_no_icon_is_left_over():
    """After taking one out of `ICONS`, run `scripts/vendor_assets.py`."""
    sources = "".join(path.read_text("utf-8") for kind in ("*.html", "*.py") for path in WEB.rglob(kind))
    assert {name for name in in_sprite() if f'"{name}"' not in sources} == set()
