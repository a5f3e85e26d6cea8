"""What can go wrong at any destination, said once so that every kind of destination says it alike.

Each template knows `{place}` (who was spoken to: host and port, or a folder) and `{path}` (the file in question).
"""

from __future__ import annotations

from paquebot.errors import Problem

HOST_UNKNOWN = Problem(
    "delivery.host_unknown",
    "The name of the server, “{host}”, leads to no address.",
    "Check the spelling of the host, and that this machine can resolve names.",
    retryable=True,
)
ADDRESS_REFUSED = Problem(
    "delivery.address_refused",
    "The server “{host}” has the address {address}, to which Paquebot never connects.",
    "Addresses of the local link and of cloud metadata services are refused. Give the server's real address.",
)
UNREACHABLE = Problem(
    "delivery.unreachable",
    "Nobody answers at {place}.",
    "Check host and port, that the server is running, and that no firewall stands between. Trying again later may be enough.",
    retryable=True,
)
CONNECTION_LOST = Problem(
    "delivery.connection_lost",
    "The connection to {place} was lost.",
    "Nothing was published under the final name. Trying again is usually enough.",
    retryable=True,
)
SIGN_IN_REFUSED = Problem(
    "delivery.sign_in_refused",
    "{place} refused the user name, the password or the key.",
    "Check the user name and the password or key with whoever runs the server.",
)
CREDENTIALS_EXPIRED = Problem(
    "delivery.credentials_expired",
    "The time of the credentials for {place} is over.",
    "Have new ones made, and write them into the destination.",
)
FOLDER_MISSING = Problem(
    "delivery.folder_missing",
    "There is no folder at {place} to hold “{path}”.",
    "Create the folder there, or correct the folder of the export.",
)
FILE_MISSING = Problem(
    "delivery.file_missing",
    "There is no file “{path}” at {place} any more.",
    "Something took it away. If the partner collects files at once, say so in the export.",
)
PERMISSION_DENIED = Problem(
    "delivery.permission_denied",
    "{place} does not permit this for “{path}”.",
    "Ask whoever runs the server for the right to create, rename and delete files in that folder.",
)
NO_SPACE = Problem(
    "delivery.no_space",
    "{place} has no room for “{path}”.",
    "Free space there or raise the quota, then try again.",
    retryable=True,
)
NAME_TAKEN = Problem(
    "delivery.name_taken",
    "There is already a file “{path}” at {place}.",
    "Remove it, choose another file name, or let the export replace or number existing files.",
)
PARTIAL_DIFFERS = Problem(
    "delivery.partial_differs",
    "What {place} holds of “{path}” is not the beginning of the file.",
    "It is sent anew by itself; if it happens again and again, ask whoever runs the server what changes files there.",
    retryable=True,
)
PATH_REFUSED = Problem(
    "delivery.path_refused",
    "“{path}” leads outside {place}.",
    "Give a path inside that folder, without “..” and without links that leave it.",
)
REFUSED = Problem(
    "delivery.refused",
    "{place} refused “{path}” without saying why.",
    "The server's own log may tell; ask whoever runs it.",
)
CANNOT_REPLACE = Problem(
    "delivery.cannot_replace",
    "{place} cannot replace “{path}” in one step.",
    "Let the export refuse or number existing names instead of replacing them.",
)
UNUSABLE_NAME = Problem(
    "delivery.unusable_name",
    "The name “{path}” cannot be used at {place}.",
    "Choose a shorter file name, without line breaks and without characters that only some systems know.",
)
BUSY = Problem(
    "delivery.busy",
    "{place} has too much to do at present.",
    "Trying again later is usually enough.",
    retryable=True,
)
CLOCK_WRONG = Problem(
    "delivery.clock_wrong",
    "The clock of this machine and that of {place} differ too much.",
    "Set the clock of this machine by a time server; a signed request is valid for some minutes only.",
    retryable=True,
)
CHANGED_ON_THE_WAY = Problem(
    "delivery.changed_on_the_way",
    "{place} received other bytes of “{path}” than were sent, and refused them.",
    "Something between here and there alters files, or a link is faulty. Trying again may be enough.",
    retryable=True,
)
NOT_HTTP = Problem(
    "delivery.not_http",
    "What answers at {place} does not speak HTTP as Paquebot understands it.",
    "Check the address and the port, and whether it begins with https or http.",
)
UNPROTECTED = Problem(
    "delivery.unprotected",
    "The address of {place} begins with http://: everything sent there can be read on the way.",
    "Use the https:// address; or accept it knowingly with “unprotected: true”.",
)
