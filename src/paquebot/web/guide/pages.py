"""The pages of the guide: its contents, a chapter, and all chapters on one page, to search and to print.

They hold nothing of any project, so whoever cannot sign in reads them too.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from paquebot.web.access import ANYBODY, seen_by
from paquebot.web.guide.chapters import CHAPTERS, Chapter, chapter, rendered
from paquebot.web.preferences import language_of


@seen_by(ANYBODY)
@require_safe
def contents(request: HttpRequest) -> HttpResponse:
    """What there is to read."""
    return render(request, "guide/contents.html", {"chapters": _chapters(request)})


@seen_by(ANYBODY)
@require_safe
def one(request: HttpRequest, chapter: str) -> HttpResponse:
    """One chapter, with the one before and the one after."""
    if chapter not in CHAPTERS:
        raise Http404
    chapters, at = _chapters(request), CHAPTERS.index(chapter)
    known = {
        "chapters": chapters,
        "chapter": chapters[at],
        "text": rendered(language_of(request), chapter, alone=True),
        "before": chapters[at - 1] if at else None,
        "after": chapters[at + 1] if at + 1 < len(chapters) else None,
    }
    return render(request, "guide/chapter.html", known)


@seen_by(ANYBODY)
@require_safe
def whole(request: HttpRequest) -> HttpResponse:
    """Every chapter, one after the other."""
    language, chapters = language_of(request), _chapters(request)
    texts = [(chapter, rendered(language, chapter.name, alone=False)) for chapter in chapters]
    return render(request, "guide/whole.html", {"chapters": chapters, "texts": texts})


def _chapters(request: HttpRequest) -> list[Chapter]:
    return [chapter(language_of(request), name) for name in CHAPTERS]
