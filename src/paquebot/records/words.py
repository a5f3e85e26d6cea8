"""What steps, states, triggers and levels of verification are called; `_` is the person's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def step_name(name: str, _: Callable[[str], str]) -> str:
    """The step as people call it."""
    return {
        "prepare": _("prepare"),
        "produce": _("produce"),
        "send": _("send"),
        "compare": _("compare"),
        "publish": _("publish"),
        "confirm": _("confirm"),
    }.get(name, name)


def status_name(status: str, _: Callable[[str], str]) -> str:
    """The state as people call it."""
    return {
        "queued": _("queued"),
        "running": _("running"),
        "done": _("done"),
        "delivered": _("delivered"),
        "nothing_to_export": _("nothing to export"),
        "held": _("held"),
        "refused": _("refused"),
        "failed": _("failed"),
        "cancelling": _("cancelling"),
        "cancelled": _("cancelled"),
        "skipped": _("skipped"),
        "missed": _("missed"),
    }.get(status, status)


def level_name(level: str, _: Callable[[str], str]) -> str:
    """The verification level as people call it."""
    return {
        "server_sha256": _("SHA-256 computed by the server"),
        "server_md5": _("MD5 checked by the server"),
        "server_crc32c": _("CRC32C computed by the server"),
        "read_back_sha256": _("SHA-256 of the file read back"),
        "size": _("size"),
        "rows": _("number of rows"),
        "accepted": _("the server’s word"),
        "person": _("a person’s word"),
    }.get(level, level)


def level_sentence(level: str, _: Callable[[str], str]) -> str:
    """What was proved, and how."""
    return {
        "server_sha256": _(
            "The server computed the SHA-256 of the received file; it is that of the produced one: all arrived."
        ),
        "server_md5": _(
            "The server checked the MD5 of every block it received, and the file is made of those very blocks: all arrived."
        ),
        "server_crc32c": _("The server computed the CRC32C of the received file; it is that of what was sent: all arrived."),
        "read_back_sha256": _("The received file was read back, and its SHA-256 is that of the produced one: all arrived."),
        "rows": _("The rows were counted where they were loaded, and are as many as were produced: all arrived."),
        "size": _("The received file has the size of the produced one. Its content was not compared."),
        "person": _("Somebody asked the partner, who has the file. Nothing was compared."),
        "accepted": _("The server said it took all of the file. The file was gone at once and could not be compared."),
    }.get(level, level)


def trigger_name(trigger: str, _: Callable[[str], str]) -> str:
    """What started a run, as people call it."""
    return {
        "schedule": _("schedule"),
        "manual": _("by hand"),
        "call": _("by a call"),
        "once": _("once, by hand"),
        "resend": _("sent again"),
        "retry": _("made again"),
        "export": _("another export"),
        "source": _("change of the source"),
        "rows": _("rows that came"),
        "file": _("file that arrived"),
    }.get(trigger, trigger)


def cause_words(trigger: str, cause: Mapping[str, Any], _: Callable[[str], str]) -> str:
    """What a trigger saw, in a few words; empty when no trigger started the run."""
    texts = {
        "call": _("called by the program {token}"),
        "export": _("after run {run} of {export}"),
        "source": _("changed: {tables}"),
        "file": _("the file {file} arrived") if cause.get("files") == 1 else _("{files} files arrived, {file} among them"),
        "rows": _("rows in the table {table}") if "table" in cause else _("rows from the query {query}"),
    }
    if not cause or trigger not in texts:
        return ""
    return texts[trigger].format(**{**cause, "tables": ", ".join(cause.get("tables", ()))})


def act_words(act: str, _: Callable[[str], str]) -> str:
    """What somebody did about a run, after their name."""
    return {
        "asked": _("asked for this run"),
        "resent": _("had the same file sent again"),
        "made_again": _("had it made again with the data of that day"),
        "cancelled": _("cancelled the run"),
        "released": _("let the held file leave"),
        "refused": _("refused the held file"),
        "arrived": _("said that the file arrived"),
        "ignored": _("ignored the line"),
        "noticed": _("put the line back"),
        "downloaded": _("downloaded the file"),
        "looked": _("looked at the first lines"),
    }.get(act, act)


def state_name(state: str, _: Callable[[str], str]) -> str:
    """The state of an export as people call it."""
    return {"draft": _("draft"), "active": _("active"), "paused": _("paused")}.get(state, state)


def role_name(role: str, _: Callable[[str], str]) -> str:
    """What somebody may do in a project, as people call it."""
    return {"owner": _("owner"), "editor": _("editor"), "operator": _("operator"), "viewer": _("viewer")}.get(role, role)


def kind_name(kind: str, _: Callable[[str], str]) -> str:
    """What a column of a table holds, as people call it."""
    return {
        "text": _("Text"),
        "integer": _("Whole number"),
        "decimal": _("Decimal number"),
        "date": _("Date"),
        "moment": _("Date and time"),
        "boolean": _("Yes or no"),
    }.get(kind, kind)


def import_mode(mode: str, _: Callable[[str], str]) -> str:
    """How a file went into a table, as people call it."""
    return {"merge": _("merged"), "add": _("only added"), "update": _("only updated"), "replace": _("replaced")}.get(mode, mode)


def destination_kind(kind: str, _: Callable[[str], str]) -> str:
    """What kind of place a destination is, as people call it."""
    return {
        "sftp": _("SFTP server"),
        "ftps": _("FTPS server"),
        "ftp": _("FTP server, unprotected"),
        "webdav": _("WebDAV server"),
        "https": _("Web address"),
        "s3": _("S3 object store"),
        "gcs": _("Google Cloud Storage"),
        "azure": _("Azure Blob Storage"),
        "folder": _("Folder"),
        "email": _("E-mail"),
        "bigquery": _("Google BigQuery"),
    }.get(kind, kind)


def destination_purpose(kind: str, _: Callable[[str], str]) -> str:
    """What such a destination is for; empty for kinds from elsewhere."""
    return {
        "sftp": _("A partner’s server, reached over SSH with a password or a key."),
        "bigquery": _("Tables in a dataset of Google Cloud: rows arrive, not a file."),
        "ftps": _("A partner’s FTP server, reached under TLS with an account and a password."),
        "ftp": _("An old FTP server, where nothing better can be had."),
        "webdav": _("A folder of a web server: Nextcloud, Apache and others."),
        "https": _("An address that takes files by PUT or POST."),
        "gcs": _("A bucket at Google, as a service account."),
        "azure": _("A container at Azure, with a key, a shared access signature, or as an application."),
        "s3": _("A bucket at Amazon, or of a store that speaks its language."),
        "folder": _("A folder of this machine, or one mounted on it."),
        "email": _("A small file, as the attachment of a message."),
    }.get(kind, "")


def channel_kind(kind: str, _: Callable[[str], str]) -> str:
    """What kind of channel it is, as people call it."""
    return {
        "webhook": _("Webhook"),
        "slack": _("Slack"),
        "teams": _("Microsoft Teams"),
        "discord": _("Discord"),
        "mattermost": _("Mattermost"),
        "google_chat": _("Google Chat"),
        "heartbeat": _("Heartbeat"),
    }.get(kind, kind)


def channel_purpose(kind: str, _: Callable[[str], str]) -> str:
    """What such a channel is for."""
    room = _("A room, by the address of its incoming webhook.")
    return {
        "webhook": _("A program of yours: each message as JSON, signed."),
        "heartbeat": _("A watch from outside: pinged at each start and end, it notices silence."),
    }.get(kind, room)


def test_step(step: str, _: Callable[[str], str]) -> str:
    """A step of testing a destination or a database, as people call it."""
    return {
        "name": _("Look up its name"),
        "connect": _("Connect"),
        "identity": _("See who answers"),
        "sign_in": _("Sign in"),
        "folder": _("Find the folder"),
        "room": _("Ask for free space"),
        "send": _("Send a small file"),
        "compare": _("Compare it with what was sent"),
        "publish": _("Give it its name"),
        "remove": _("Remove it"),
        "load": _("Load one row"),
        "count": _("Count it"),
        "fill": _("Write it to a table of its own"),
        "drop": _("Drop what was made"),
        "tables": _("Look at the tables"),
        "rights": _("Look at the rights"),
    }.get(step, step)
