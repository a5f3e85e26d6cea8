"""What can be wrong with a file and the table it is imported into."""

from __future__ import annotations

from paquebot.errors import Problem

BAD_TABLE_NAME = Problem(
    "source.bad_table_name",
    "“{table}” cannot be the name of a table.",
    "A name begins with a letter, has letters, digits and underscores only, and at most 63 of them.",
)
NO_KEY = Problem(
    "source.no_key",
    "The import into “{table}” names no key, or a column of it twice.",
    "Name the columns that tell one row from another; an import always needs them.",
)
UNKNOWN_KEY = Problem(
    "source.unknown_key",
    "{file} has no column “{column}”, which the key of “{table}” names.",
    "Did you mean “{nearest}”? The columns are: {known}.",
)
KEY_NOT_IN_TABLE = Problem(
    "source.key_not_in_table",
    "The table “{table}” has no column “{column}”, so its rows cannot be matched by it.",
    "Its columns are: {known}. Replace the table to give it another key.",
)
KEY_AMBIGUOUS = Problem(
    "source.key_ambiguous",
    "Several rows of the table “{table}” have the same value in the key ({key}).",
    "Import with the key the table was filled by, or replace the table.",
)
EMPTY_KEY = Problem(
    "source.empty_key",
    "{file}, line {line}: the key column “{column}” is empty.",
    "Every record needs a value in each key column.",
)
DUPLICATE_KEY = Problem(
    "source.duplicate_key",
    "{file}: the records on lines {first} and {line} have the same key ({key}).",
    "Remove one of them, or name further key columns.",
)
WRONG_VALUE = Problem(
    "source.wrong_value",
    "{file}, line {line}: the value in column “{column}” does not fit the table's type {type} without being altered.",
    "Correct the value; or replace the whole table, and the type is chosen anew from the file.",
)
NOT_OF_TYPE = Problem(
    "source.not_of_type",
    "{file}, line {line}: the value in column “{column}” cannot be read as the type chosen for it ({type}).",
    "Correct the value, or choose another type; text holds every value.",
)
NOTHING_TO_UPDATE = Problem(
    "source.nothing_to_update",
    "There is no table “{table}” whose rows could be updated.",
    "Import the file in another way: it makes the table.",
)
IMPORT_RUNNING = Problem(
    "source.import_running",
    "Another import into the table “{table}” is running.",
    "Wait for its end, then import again.",
    retryable=True,
)
DATABASE_UNREACHABLE = Problem(
    "source.database_unreachable",
    "PostgreSQL on {host} does not let the project's role in, or does not answer.",
    "Check that it runs and that the project was set up; then try again.",
    retryable=True,
)
UNGUARDED = Problem(
    "source.catalogue_unguarded",
    "The catalogue of the project database would keep values of “{table}” in plain text.",
    "Set the project database up again: its triggers in PostgreSQL are missing.",
)
IMPORT_FAILED = Problem(
    "source.import_failed",
    "The rows of {file} could not be written to the table “{table}” ({kind}); nothing was changed.",
    "Check the free space of the lake's folder and that PostgreSQL runs; then import again.",
    retryable=True,
)

DELETE_FAILED = Problem(
    "source.delete_failed",
    "Rows of the table “{table}” could not be deleted ({kind}); nothing was changed.",
    "Check that PostgreSQL runs, then try again.",
    retryable=True,
)
DROP_FAILED = Problem(
    "source.drop_failed",
    "The table “{table}” could not be deleted ({kind}); nothing was changed.",
    "Check that PostgreSQL runs, then try again.",
    retryable=True,
)
