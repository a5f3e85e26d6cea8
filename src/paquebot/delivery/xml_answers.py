"""Reading what stores answer: flat XML, a few elements of it, never parsed as a document (nothing in it is expanded)."""

from __future__ import annotations

import html
import re


def between(text: str, element: str) -> list[str]:
    """The contents of every `element` of an XML answer; entities are left as they are."""
    return re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)


def fields(text: str, element: str) -> list[str]:
    """The texts of every `element`."""
    return [html.unescape(content) for content in between(text, element)]
