"""A notice in the words of its reader: useful without opening the application, holding nothing of the data itself.

The plain text and the HTML are made of the same parts, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape
from typing import Any

from paquebot.alerts import (
    DELIVERED,
    FAILED,
    HELD,
    KEY_EXPIRES,
    LATE,
    LISTENER_LOST,
    NOTHING_TO_EXPORT,
    RECOVERED,
    SERVER_BACK,
    SERVER_FAILED,
    STARTED,
)
from paquebot.errors import render
from paquebot.language import Translate, translatable
from paquebot.records import figures
from paquebot.records.alerts.telling import zone_of
from paquebot.records.models import Notice
from paquebot.records.words import level_name, status_name, step_name, test_step

_HEADLINES = {
    STARTED: translatable("Started: {export}"),
    DELIVERED: translatable("Delivered: {export}"),
    FAILED: translatable("Failed: {export}"),
    NOTHING_TO_EXPORT: translatable("Nothing to export: {export}"),
    HELD: translatable("Held: {export}"),
    LATE: translatable("Late: {export}"),
    RECOVERED: translatable("Back to normal: {export}"),
    KEY_EXPIRES: translatable("A key expires soon: {export}"),
    LISTENER_LOST: translatable("Told nothing any more: {export}"),
    SERVER_FAILED: translatable("Destination out of order: {export}"),
    SERVER_BACK: translatable("Destination back in order: {export}"),
}
_AGAIN = {
    FAILED: translatable("{ordinal} failure in a row"),
    HELD: translatable("held for the {ordinal} time in a row"),
    LATE: translatable("late for the {ordinal} time in a row"),
}
_LEADS = {
    STARTED: translatable("A run of the export “{export}” has started."),
    DELIVERED: translatable("The export “{export}” was delivered."),
    FAILED: translatable("The export “{export}” failed."),
    NOTHING_TO_EXPORT: translatable("The export “{export}” found nothing to export; no file left."),
    HELD: translatable("The file of the export “{export}” is held: it leaves once somebody releases it."),
    LATE: translatable("The export “{export}” was missed: nothing kept time when it was due."),
    RECOVERED: translatable("The export “{export}” is back to normal."),
    SERVER_FAILED: translatable("The destination “{export}” does not work; the next run there would fail."),
    SERVER_BACK: translatable("The destination “{export}” works again."),
}
_REMINDERS = {
    FAILED: translatable("The export “{export}” failed, and nothing went well since."),
    HELD: translatable("The file of the export “{export}” is still held, and waits for somebody."),
    LATE: translatable("The export “{export}” is still late."),
}
_OF_SERVERS = (SERVER_FAILED, SERVER_BACK)
_OPT_OUTS = translatable(
    "The destination “{server}” still does not know, after {hours} hours, of people who opted out: no file that tells it was "
    "delivered."
)
_KEY_EXPIRES = translatable(
    "The key “{key}” expires on {day}. From then on, exports that encrypt for it are refused: ask the partner for the next one."
)
_OWN_KEY_EXPIRES = translatable(
    "The signing key “{key}” expires on {day}. From then on, exports that sign with it are refused: generate the next one, and "
    "give the partner its public half."
)
_LOST = {
    "deactivated": translatable("{export} listens to alerts, and is deactivated: nothing is told to them any more."),
    "refused": translatable("The mail server of {export} refuses what is sent there: alerts do not arrive."),
}
_STARTED_LATE = translatable("The export “{export}” started late: nothing kept time when it was due.")
_UNCERTAIN = translatable("Nobody knows whether the file of the export “{export}” arrived: somebody must ask the partner.")
_REFUSED = translatable("The export “{export}” was due and could not start.")
_UNDELIVERED = translatable("The export “{export}” is not delivered, and should have been by {clock}.")


@dataclass(frozen=True, slots=True)
class Told:
    """A message in its parts; `lines` are what it says in short, each with its label."""

    subject: str
    paragraphs: tuple[str, ...]
    lines: tuple[tuple[str, str], ...] = ()
    link: str = ""
    link_words: str = ""
    foot: str = ""
    warning: tuple[str, ...] = ()

    def text(self, _: Translate) -> str:
        """The plain text."""
        said = _("{label}: {value}")
        lines = "\n".join(said.format(label=label, value=value) for label, value in self.lines)
        link = said.format(label=self.link_words, value=self.link) if self.link else ""
        parts = (*self.paragraphs, "\n".join(self.warning), lines, link, f"-- \n{self.foot}" if self.foot else "")
        return "\n\n".join(part for part in parts if part) + "\n"

    def html(self, language: str) -> str:
        """The same as HTML that any reader of mail shows: no picture, nothing fetched."""
        rows = "".join(_ROW.format(label=escape(label), value=escape(value)) for label, value in self.lines)
        warning = "<br>".join(escape(line) for line in self.warning)
        parts = (
            *(f"<p>{escape(paragraph)}</p>" for paragraph in self.paragraphs),
            f'<p style="border-left:3px solid #a8201a;padding-left:12px">{warning}</p>' if warning else "",
            f'<table style="border-collapse:collapse">{rows}</table>' if rows else "",
            f'<p><a href="{escape(self.link)}">{escape(self.link_words)}</a></p>' if self.link else "",
            f'<p style="color:#566372;font-size:13px">{escape(self.foot)}</p>' if self.foot else "",
        )
        return _PAGE.format(language=language, body="".join(parts))


_ROW = '<tr><td style="padding:2px 16px 2px 0;color:#566372">{label}</td><td>{value}</td></tr>'
_PAGE = (
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"></head>'
    '<body style="font-family:sans-serif;line-height:1.5;color:#17202b">{body}</body></html>\n'
)


def headline(notice: Notice, language: str, _: Translate) -> str:
    """What happened, in the few words of a subject."""
    told = _(_HEADLINES[notice.event]).format(export=notice.facts["label"])
    if notice.facts.get("reminder"):
        return _("Reminder: {told}").format(told=told)
    if notice.count > 1 and notice.event in _AGAIN:
        told += f" ({_(_AGAIN[notice.event]).format(ordinal=figures.ordinal(notice.count, language))})"
    return told


def lead(notice: Notice, language: str, _: Translate) -> str:
    """What happened, in one sentence."""
    facts = notice.facts
    if notice.event == KEY_EXPIRES:
        told = _OWN_KEY_EXPIRES if facts["is_own"] else _KEY_EXPIRES
        return _(told).format(key=facts["label"], day=_expiry(facts, language))
    if notice.event == LISTENER_LOST:
        return _(_LOST[facts["reason"]]).format(export=facts["label"])
    if facts.get("reminder"):
        return _(_REMINDERS[notice.event]).format(export=facts["label"])
    if facts.get("opt_outs"):
        return _(_OPT_OUTS).format(server=facts["server"], hours=facts["hours"])
    if notice.event == LATE and facts.get("deadline"):
        return _(_UNDELIVERED).format(export=facts["label"], clock=figures.clock(_local(facts, "deadline"), language))
    return _(_lead_of_a_run(notice)).format(export=facts["label"])


def _lead_of_a_run(notice: Notice) -> str:
    status = notice.facts.get("status")
    if notice.facts.get("uncertain"):
        return _UNCERTAIN
    if notice.event == LATE and status not in (None, "missed"):
        return _STARTED_LATE
    return _REFUSED if status == "refused" else _LEADS[notice.event]


def compose(notice: Notice, language: str, _: Translate, pages_url: str, *, as_person: bool) -> Told:
    """The message that tells `notice`."""
    facts = notice.facts
    error = render(facts["error"], _) if facts.get("error") else None
    return Told(
        subject=f"[{facts['project_label']}] {headline(notice, language, _)}",
        paragraphs=(lead(notice, language, _),),
        lines=tuple((label, value) for label, value in _lines(notice, language, _) if value),
        link=f"{pages_url.rstrip('/')}{path_of(notice)}" if pages_url else "",
        link_words=_link_words(notice, _),
        foot=_foot(notice, _, as_person=as_person),
        warning=(error["message"], error["hint"]) if error else (),
    )


def compose_digest(notices: Sequence[Notice], language: str, _: Translate, pages_url: str) -> Told:
    """One message for several notices of one project, in the order in which they happened."""
    found = sorted(notices, key=lambda notice: notice.id)
    return Told(
        subject=_("[{project}] What happened: {n} messages").format(
            project=found[0].facts["project_label"], n=figures.number(len(found), language)
        ),
        paragraphs=(_("What you wanted to hear of once a day:"),),
        lines=tuple((_told_moment(_created(one), one.facts, language, _), headline(one, language, _)) for one in found),
        link=f"{pages_url.rstrip('/')}/p/{found[0].facts['project']}/inbox/" if pages_url else "",
        link_words=_("See your inbox"),
        foot=_("How often you are told is chosen in Paquebot, under your preferences."),
    )


def run_of(notice: Notice) -> int | None:
    """The run a notice is about, a reminder's as well."""
    return notice.run_id or (notice.facts.get("run") if notice.facts.get("reminder") else None)


def path_of(notice: Notice) -> str:
    """The page a notice leads to: its run, else its export; of a destination, its own."""
    facts = notice.facts
    if notice.event in _OF_SERVERS:
        return f"/p/{facts['project']}/destinations/{facts['server']}/"
    if notice.event == KEY_EXPIRES:
        return f"/p/{facts['project']}/{'signing-keys' if facts['is_own'] else 'keys'}/{facts['label']}/"
    if notice.event == LISTENER_LOST:
        return f"/p/{facts['project']}/exports/{facts['export']}/alerts/"
    number = run_of(notice)
    inside = f"runs/{number}" if number else f"exports/{facts['export']}"
    return f"/p/{facts['project']}/{inside}/"


def _link_words(notice: Notice, _: Translate) -> str:
    if notice.event in _OF_SERVERS:
        return _("See the destination")
    if notice.event == KEY_EXPIRES:
        return _("See the key")
    if notice.event == LISTENER_LOST:
        return _("See who is told")
    return _("See the run") if notice.run_id else _("See the export")


def _lines(notice: Notice, language: str, _: Translate) -> Iterator[tuple[str, str]]:
    facts = notice.facts
    if notice.event == KEY_EXPIRES:
        yield _("Fingerprint"), facts["fingerprint"]
        yield _("Used by"), ", ".join(facts["exports"])
        return
    if notice.event == LISTENER_LOST:
        yield _("Listens to"), ", ".join(facts["exports"])
        yield _("Nobody hears of a failure of"), ", ".join(facts["unheard"])
        return
    if notice.event in _OF_SERVERS:
        yield _("Step"), test_step(facts.get("test_step", ""), _)
        yield _("Folder"), facts.get("place", "")
        yield _("Used by"), ", ".join(facts["used_by"]) or _("no export yet")
        yield _("Tested"), _moment(facts, "examined_at", language, _)
        return
    yield _("Step"), step_name(facts.get("step", ""), _)
    if notice.event == LATE and facts.get("deadline"):
        yield _("Its run now"), status_name(facts["now"], _) if facts["now"] else _("none was started")
    yield _("Destination"), ":".join(part for part in (facts["server"], facts.get("place", "")) if part)
    yield _("File"), facts.get("file_name", "")
    yield _("Rows"), _amount(facts, language, _)
    yield _("Verified by"), level_name(facts.get("verification", ""), _)
    yield _("Due"), _moment(facts, "due_at", language, _)
    if facts.get("passed_over"):
        yield _("Earlier due times passed over"), figures.number(facts["passed_over"], language)
    if notice.event == LATE and not facts.get("deadline"):
        yield _("Started"), _moment(facts, "started_at", language, _) or _moment_now(notice, language, _)
    yield _("People who opted out"), figures.number(facts["opt_outs"], language) if facts.get("opt_outs") else ""
    yield _("Since"), _moment(facts, "since", language, _)
    yield _("Ended"), _moment(facts, "finished_at", language, _)
    yield _("Next run"), _moment(facts, "next_at", language, _) or _("none is planned")


def _expiry(facts: Mapping[str, Any], language: str) -> str:
    return figures.long_day(date.fromisoformat(facts["expires_on"]), language)


def _amount(facts: Mapping[str, Any], language: str, _: Translate) -> str:
    if facts.get("rows") is None:
        return ""
    rows = figures.number(facts["rows"], language)
    return rows if facts.get("size_bytes") is None else f"{rows} ({figures.size(facts['size_bytes'], language, _)})"


def _moment(facts: Mapping[str, Any], name: str, language: str, _: Translate) -> str:
    return _told_moment(_local(facts, name), facts, language, _) if facts.get(name) else ""


def _moment_now(notice: Notice, language: str, _: Translate) -> str:
    return _told_moment(_created(notice), notice.facts, language, _)


def _created(notice: Notice) -> datetime:
    return notice.created_at.astimezone(zone_of(notice.facts))


def _told_moment(local: datetime, facts: Mapping[str, Any], language: str, _: Translate) -> str:
    at = _("{day} at {clock} ({zone})")
    return at.format(day=figures.long_day(local.date(), language), clock=figures.clock(local, language), zone=facts["timezone"])


def _local(facts: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(facts[name]).astimezone(zone_of(facts))


def _foot(notice: Notice, _: Translate, *, as_person: bool) -> str:
    if notice.event == KEY_EXPIRES and as_person:
        return _(
            "You own this project in Paquebot, or follow an export that needs this key. It is told 30, 7 and 1 day before."
        )
    if notice.event == LISTENER_LOST:
        return _("You own this project in Paquebot: choose somebody else to be told, or mend the address.")
    if notice.event in _OF_SERVERS:
        return _("You own this project in Paquebot, or follow an export that delivers there. You are told when that changes.")
    if as_person:
        return _("You follow this export in Paquebot. What you are told is chosen on its page, under Alerts.")
    return _(
        "Somebody who looks after this export in Paquebot put your address there. Ask them to remove it if it is not for you."
    )
