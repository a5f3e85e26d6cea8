"""What can go wrong while a database that is not ours is reached and read, whichever kind it is.

Messages name the database as `place` (`host:port/database`), never what its driver said: that may quote a value.
"""

from __future__ import annotations

from paquebot.errors import Problem

HOST_UNKNOWN = Problem(
    "source.host_unknown",
    "The name {host} of the project's database leads to no address.",
    "Check its spelling, and that this machine may look up names.",
    retryable=True,
)
ADDRESS_REFUSED = Problem(
    "source.address_refused",
    "The name {host} of the project's database leads to {address}, an address Paquebot never dials.",
    "Link-local addresses are refused: they lead to the machine itself or to its cloud's own services. Give another one.",
)
UNREACHABLE = Problem(
    "source.unreachable",
    "The database {place} does not answer.",
    "Check host and port, that it runs, and that a firewall lets this machine through.",
    retryable=True,
)
UNKNOWN_DATABASE = Problem(
    "source.unknown_database", "The server {place} has no database “{database}”.", "Check the name of the database."
)
SIGN_IN_REFUSED = Problem(
    "source.sign_in_refused",
    "{place} does not let “{username}” sign in with this password.",
    "Check both, and whether the password has expired; then write the new one into the project's database settings.",
)
NOT_LET_IN = Problem(
    "source.not_let_in",
    "{place} lets “{username}” in neither from this machine nor in this way.",
    "Ask whoever runs the database to allow this machine, this user and this kind of protection (TLS).",
)
TOO_MANY_CONNECTIONS = Problem(
    "source.too_many_connections",
    "{place} has no free connection.",
    "Try again later, or ask whoever runs the database to allow more.",
    retryable=True,
)
STARTING = Problem("source.starting", "{place} is starting or stopping.", "Try again when it has started.", retryable=True)
NO_TLS = Problem(
    "source.no_tls",
    "{place} offers no protected connection (TLS).",
    "Let whoever runs it switch TLS on. On a network you trust, choose not to protect the connection.",
)
CERTIFICATE_REFUSED = Problem(
    "source.certificate_refused",
    "The certificate of {place} is vouched for by nobody trusted here, or was made for another name.",
    "Give the authority that signed it, and the name that stands in it as the host. Nothing secret was sent.",
)
AUTHORITY_UNUSABLE = Problem(
    "source.authority_unusable",
    "The certificate of the authority for {place} cannot be read.",
    "Give the whole certificate in PEM text, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
)
NO_CONNECTION = Problem(
    "source.no_connection",
    "No connection came about with {place}.",
    "Check host, port, database, user and the kind of protection one by one.",
    retryable=True,
)
NO_SUCH_SCHEMA = Problem(
    "source.no_such_schema", "The database {place} has no schema “{schema}” this user may look into.", "Schemas: {known}."
)
NO_SUCH_TABLE = Problem(
    "source.no_such_table",
    "The database {place} has no table “{table}” this user may see.",
    "Did you mean “{nearest}”? Tables there: {known}. Somebody may have dropped or renamed it.",
)
NO_SUCH_FIELD = Problem(
    "source.no_such_field",
    "The table “{table}” of the database has no field “{field}”.",
    "Did you mean “{nearest}”? Its fields: {known}. Somebody may have dropped or renamed it.",
)
NO_TABLE_NOW = Problem(
    "source.no_such_table",
    "A table that is to be read is not in the database {place}.",
    "Correct the name, or ask whoever runs the database whether it was dropped or renamed.",
)
NO_FIELD_NOW = Problem(
    "source.no_such_field",
    "A field that is to be read is not in the database {place}.",
    "Correct the name, or ask whoever runs the database whether it was dropped or renamed.",
)
NOT_PERMITTED = Problem(
    "source.not_permitted",
    "The user “{username}” may not read everything that is asked of {place}.",
    "Ask whoever runs the database for the right to read (SELECT) these tables and fields.",
)
TOO_SLOW = Problem(
    "source.too_slow",
    "{place} did not answer within the {seconds} seconds a statement may take.",
    "Read fewer rows, let an index help, or allow more time in the project's database settings.",
)
SERVER_LOST = Problem(
    "source.server_lost",
    "{place} broke the connection before all rows had come.",
    "It may have been restarted, or the network failed. Nothing was delivered; the run may simply be tried again.",
    retryable=True,
)
OVERLOADED = Problem(
    "source.overloaded",
    "{place} has not enough memory, disk or connections for what is asked (code {state}).",
    "Try again later, or read fewer rows; whoever runs the database can tell what is short.",
    retryable=True,
)
CONFLICT = Problem(
    "source.conflict",
    "{place} gave up reading because of what others do there at the same time (code {state}).",
    "Try again.",
    retryable=True,
)
QUERY_REFUSED = Problem(
    "query.refused_by_database",
    "The database cannot carry out the query as it is written: {reason} (code {state})",
    "Correct the query; it is written in the database's own SQL.",
)
VALUE_REFUSED = Problem(
    "query.value_refused_by_database",
    "The database met a value it cannot compute with as the query asks (code {state}).",
    "Leave such values out with WHERE, or convert them otherwise.",
)
ONLY_READS = Problem(
    "query.only_reads",
    "The query would change something in {place}.",
    "A query reads: begin it with SELECT or WITH, and change nothing in it.",
)
NO_COLUMNS = Problem("query.no_columns", "The query gives no column.", "Name at least one after SELECT.")
READING_FAILED = Problem(
    "source.failed_there",
    "{place} could not give the rows (code {state}).",
    "Whoever runs the database finds the reason in its log under that code.",
    retryable=True,
)
VALUE_NOT_KEPT = Problem(
    "source.value_not_kept",
    "The column “{column}” holds a value ({what}) that a column of {expected_kind} cannot keep.",
    "Let a saved query give the column as text (CAST … AS text), which keeps every value as it is, or leave such rows out.",
)
VALUE_BEYOND = Problem(
    "source.value_beyond",
    "The column “{column}” holds a value beyond what a column of {expected_kind} can keep.",
    "Let a saved query give the column as text (CAST … AS text), which keeps every value as it is, or leave such rows out.",
)
NOT_TEXT = Problem(
    "source.not_text",
    "The column “{column}” holds text that is not valid Unicode.",
    "Correct it in the database, or let a saved query leave it out.",
)
MAY_WRITE = Problem(
    "source.may_write",
    "This user may also change tables; Paquebot reads in transactions that refuse to write, and needs no more than reading.",
    "A user with the right to read (SELECT) alone is safer, whatever happens to its password.",
)
PASSWORD_EXPIRED = Problem(
    "source.password_expired",
    "The password of “{username}” at {place} has expired.",
    "Ask whoever runs the database for a new one, then write it into the project's database settings.",
)
NOT_INSTALLED = Problem(
    "source.driver_missing",
    "What speaks to a database of the kind {kind} is not installed.",
    "Install Paquebot with it: pip install paquebot[{extra}].",
)
BEYOND_READING = Problem(
    "query.beyond_reading",
    "The query uses {construct}, which queries may not use.",
    "A query reads tables alone: it locks nothing, waits for nothing and opens no file of the server. Leave that part out.",
)
ZERO_DATE = Problem(
    "source.zero_date",
    "The column “{column}” holds a date that is none, such as 0000-00-00.",
    "Choose in the project's database settings how such dates leave: as text, or empty. Nothing was delivered.",
)
PATH_NOT_ALLOWED = Problem(
    "source.path_not_allowed",
    "“{path}” does not lie under a folder the administrator allows.",
    "Allowed: {allowed}. An administrator adds folders in PAQUEBOT_FOLDERS; “..” is never accepted.",
)
FILE_GONE = Problem(
    "source.file_gone",
    "There is no file {place} that Paquebot may read.",
    "Somebody may have moved it: put it back, or correct the path in the project's settings; and let Paquebot's user read it.",
)
NOT_SQLITE = Problem(
    "source.not_sqlite",
    "{place} is no SQLite database, or a damaged one.",
    "Check the path. A file that is copied while it is written is damaged: copy it with “.backup” or VACUUM INTO.",
)
FILE_BUSY = Problem(
    "source.file_busy",
    "{place} is being written, and gives no moment to read it.",
    "Try again; long changes are better made in WAL mode, which lets others read.",
    retryable=True,
)
FILE_CHANGED = Problem(
    "source.file_changed",
    "{place} was changed while it was read.",
    "Nothing was delivered. Try again once nobody writes it; a file is best replaced by renaming the new one over it.",
    retryable=True,
)
OTHER_KIND_OF_VALUE = Problem(
    "source.other_kind_of_value",
    "The column “{column}” is declared to hold {expected_kind}, and holds something else in some row.",
    "Let a saved query give the column: whatever a query gives leaves as text, each value as it is.",
)
FOLDER_GONE = Problem(
    "source.folder_gone",
    "There is no folder {place} that Paquebot may read.",
    "Put it back, or correct the path in the project's database settings; and let Paquebot's user read it.",
)
TWO_OF_ONE_NAME = Problem(
    "source.two_of_one_name",
    "“{first}” and “{second}” in {place} would both be the table “{table}”.",
    "Rename one of them; upper and lower case count as the same.",
)
MIXED_FILES = Problem(
    "source.mixed_files",
    "The folder {place} holds files of several kinds.",
    "All files of a sub-folder are one table: keep CSV files or Parquet files there, not both.",
)
FILES_DIFFER = Problem(
    "source.files_differ",
    "{place} does not have the columns of {first}, though both are the table “{table}”.",
    "All files of a sub-folder have the same columns, in the same order, of the same types. Correct it, or put it elsewhere.",
)
NOT_PARQUET = Problem(
    "source.not_parquet",
    "{place} is no Parquet file, or a damaged one.",
    "It may still be being written; a file is best written under another name, and renamed when it is whole.",
)
SEVERAL_ROWS = Problem(
    "calculated.several_rows",
    "An added column is computed from several rows at once, as sum, count and window functions are.",
    "Compute on the fields of the row alone; what takes several rows belongs into a saved query.",
)
