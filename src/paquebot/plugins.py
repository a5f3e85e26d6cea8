"""Name → where the class lives. Nothing is imported until it is asked for.

Outsiders add to a table with an entry point of the group named beside it, e.g. `paquebot.destinations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from paquebot.errors import CommandError, Problem
from paquebot.options import nearest

UNKNOWN_PLUGIN = Problem(
    "plugin.unknown", "“{name}” is not a known kind of {group}.", "Did you mean “{nearest}”? Known: {known}."
)

DESTINATIONS = {
    "sftp": "paquebot.delivery.sftp:SftpDestination",
    "ftps": "paquebot.delivery.ftps:FtpsDestination",
    "ftp": "paquebot.delivery.ftp:FtpDestination",
    "webdav": "paquebot.delivery.webdav:WebDavDestination",
    "https": "paquebot.delivery.https:HttpsDestination",
    "s3": "paquebot.delivery.s3:S3Destination",
    "gcs": "paquebot.delivery.gcs:GcsDestination",
    "azure": "paquebot.delivery.azure:AzureDestination",
    "folder": "paquebot.delivery.folder:FolderDestination",
    "email": "paquebot.delivery.email:EmailDestination",
    "bigquery": "paquebot.delivery.bigquery:BigQueryDestination",
}
DATABASES = {
    "postgresql": "paquebot.sources.outside.postgresql:PostgresqlDatabase",
    "mysql": "paquebot.sources.outside.mysql:MysqlDatabase",
    "mariadb": "paquebot.sources.outside.mysql:MariadbDatabase",
    "sqlite": "paquebot.sources.outside.sqlite:SqliteDatabase",
    "folder": "paquebot.sources.outside.folder:FolderDatabase",
}
FORMATS = {
    "csv": "paquebot.formats.csv:CsvFormat",
    "tsv": "paquebot.formats.tsv:TsvFormat",
    "json_lines": "paquebot.formats.json_lines:JsonLinesFormat",
    "json": "paquebot.formats.json_array:JsonFormat",
    "xml": "paquebot.formats.xml:XmlFormat",
    "parquet": "paquebot.formats.parquet:ParquetFormat",
    "avro": "paquebot.formats.avro:AvroFormat",
    "xlsx": "paquebot.formats.xlsx:XlsxFormat",
    "fixed_width": "paquebot.formats.fixed_width:FixedWidthFormat",
}
COMPRESSIONS = {
    "gzip": "paquebot.packaging.compression.gzip:GzipCompression",
    "zip": "paquebot.packaging.compression.zip:ZipCompression",
    "zstd": "paquebot.packaging.compression.zstd:ZstdCompression",
    "bzip2": "paquebot.packaging.compression.bzip2:Bzip2Compression",
    "xz": "paquebot.packaging.compression.xz:XzCompression",
}
ENCRYPTIONS = {
    "openpgp": "paquebot.packaging.encryption.openpgp:OpenPgpEncryption",
    "age": "paquebot.packaging.encryption.age:AgeEncryption",
}
OBFUSCATIONS = {
    "hmac-sha256": "paquebot.content.obfuscation.hmac_sha256:HmacSha256",
    "sha256": "paquebot.content.obfuscation.sha256:Sha256",
    "sha512": "paquebot.content.obfuscation.sha512:Sha512",
    "sha1": "paquebot.content.obfuscation.sha1:Sha1",
    "md5": "paquebot.content.obfuscation.md5:Md5",
}
NOTIFIERS = {
    "email": "paquebot.reporting.notifiers.email:EmailNotifier",
    "webhook": "paquebot.reporting.notifiers.webhook:WebhookNotifier",
    "slack": "paquebot.reporting.notifiers.chat:SlackNotifier",
    "teams": "paquebot.reporting.notifiers.chat:TeamsNotifier",
    "discord": "paquebot.reporting.notifiers.chat:DiscordNotifier",
    "mattermost": "paquebot.reporting.notifiers.chat:MattermostNotifier",
    "google_chat": "paquebot.reporting.notifiers.chat:GoogleChatNotifier",
    "heartbeat": "paquebot.reporting.notifiers.heartbeat:HeartbeatNotifier",
}

_TABLES: Mapping[str, Mapping[str, str]] = {
    "destinations": DESTINATIONS,
    "databases": DATABASES,
    "formats": FORMATS,
    "compressions": COMPRESSIONS,
    "encryptions": ENCRYPTIONS,
    "obfuscations": OBFUSCATIONS,
    "notifiers": NOTIFIERS,
}


def find(group: str, name: str) -> Any:
    """The class of the plug-in `name` of `group` (`destinations`, `formats` …). Raises `CommandError` naming the nearest."""
    known = names(group)
    if name not in known:
        raise CommandError(
            UNKNOWN_PLUGIN, name=name, group=group.removesuffix("s"), nearest=nearest(name, known), known=sorted(known)
        )
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)


def names(group: str) -> dict[str, str]:
    """Every plug-in of `group`: ours and those installed beside us."""
    return {**_others(group), **_TABLES[group]}


@cache
def _others(group: str) -> dict[str, str]:
    """Asked for once: what is installed does not change while a process lives, and looking takes milliseconds."""
    return {entry.name: entry.value for entry in entry_points(group=f"paquebot.{group}")}
