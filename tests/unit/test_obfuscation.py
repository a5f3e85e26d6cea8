"""Obfuscation: the digests Python's own hashlib and hmac give, nulls and empties kept, nothing readable left."""

import hashlib
import hmac
import unicodedata
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot.content.fields import Obfuscation
from paquebot.content.obfuscation.hmac_sha256 import HmacSha256
from paquebot.content.obfuscation.normalisation import Normalisation
from paquebot.content.obfuscation.sha256 import Sha256
from paquebot.content.obfuscation.treatment import Hashed
from paquebot.credentials import Secret
from paquebot.errors import ContentError
from paquebot.flow import Rows
from paquebot.formats.csv import CsvFormat

KEY = "0123456789abcdef" * 4


def obfuscated(columns, fields, algorithm=Sha256, key=None):
    table = pa.table(columns)
    plain = {name: Hashed(Normalisation(*normalisation)) for name, normalisation in fields.items()}
    rows = Obfuscation(algorithm, plain, key).apply(Rows(table.schema, iter(table.to_batches(max_chunksize=2))))
    return pa.Table.from_batches(list(rows.batches), rows.schema).to_pydict()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_sha256_of_a_known_value():
    result = obfuscated({"v": ["abc"]}, {"v": ()})
    assert result == {"v": ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]}


def test_hmac_sha256_of_a_known_value():
    """`printf abc | openssl dgst -sha256 -hmac KEY` says so."""
    result = obfuscated({"v": ["abc"]}, {"v": ()}, HmacSha256, Secret(KEY))
    assert result == {"v": ["4094e954bda3fa079826b9a1353886ed680ee45577c7405a18ad4004562f2e33"]}


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=8),
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=32, max_size=200),
)
def test_python_gives_the_same_hmac_for_every_text_and_key(values, key):
    expected = [value and hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest() for value in values]
    assert obfuscated({"v": pa.array(values, pa.string())}, {"v": ()}, HmacSha256, Secret(key)) == {"v": expected}


def test_null_stays_null_and_empty_stays_empty():
    assert obfuscated({"v": [None, "", "a"]}, {"v": ()}) == {"v": [None, "", sha256("a")]}


def test_what_normalisation_makes_empty_stays_empty():
    assert obfuscated({"v": ["  ", "\t\n"]}, {"v": ("trim",)}) == {"v": ["", ""]}


def test_other_fields_and_the_order_of_columns_and_rows_are_untouched():
    columns = {"code": [3, 1, 2], "email": ["c", "a", "b"], "name": ["C", "A", None]}
    result = obfuscated(columns, {"email": ()})
    assert list(result) == ["code", "email", "name"]
    assert result == {"code": [3, 1, 2], "email": [sha256("c"), sha256("a"), sha256("b")], "name": ["C", "A", None]}


def test_an_obfuscated_number_becomes_a_text_column():
    table = pa.table({"n": [5], "m": [6]})
    rows = Obfuscation(Sha256, {"n": Hashed()}).apply(Rows(table.schema, iter(table.to_batches())))
    assert rows.schema == pa.schema({"n": pa.string(), "m": pa.int64()})
    assert next(rows.batches).schema == rows.schema


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (pa.array([42]), "42"),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), "1.50"),
        (pa.array([0.1]), "0.1"),
        (pa.array([1e16]), "1e+16"),
        (pa.array([True]), "true"),
        (pa.array([date(2026, 11, 24)]), "2026-11-24"),
        (pa.array(["2026-11-24 06:30:00"]).cast(pa.timestamp("us")), "2026-11-24 06:30:00"),
        (pa.array(["oui"]).dictionary_encode(), "oui"),
        (pa.array(["é"], pa.string_view()), "é"),
        (pa.array(["é"], pa.large_string()), "é"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.type),
)
def test_a_value_that_is_not_text_is_hashed_over_what_the_csv_file_would_show(values, shown):
    table = pa.table({"v": values, "w": [1]})
    file = b"".join(CsvFormat({"header": False}).write(Rows(table.schema, iter(table.to_batches()))))
    assert file.decode() == f"{shown},1\r\n"
    assert obfuscated({"v": values}, {"v": ()}) == {"v": [sha256(shown)]}


def test_a_column_of_nulls_and_a_table_without_rows_pass():
    assert obfuscated({"v": pa.nulls(2)}, {"v": ()}) == {"v": [None, None]}
    assert obfuscated({"v": pa.array([], pa.int64())}, {"v": ()}) == {"v": []}
    empty = pa.record_batch({"v": pa.array([], pa.int64())})
    rows = Obfuscation(Sha256, {"v": Hashed(Normalisation("email"))}).apply(Rows(empty.schema, iter([empty])))
    assert next(rows.batches).num_rows == 0


def test_addresses_among_others_are_normalised_each_in_its_place():
    written = ["Ann@Example.ORG ", None, "e\u0301va@example.org", "", "\u00e9va@example.org", "zo\u0065\u0308@example.org"]
    hashed = [sha256("ann@example.org"), None, sha256("\u00e9va@example.org"), "", sha256("\u00e9va@example.org")]
    assert obfuscated({"v": written}, {"v": ("email",)}) == {"v": [*hashed, sha256("zo\u00eb@example.org")]}


@pytest.mark.parametrize(
    ("normalisation", "written", "hashed"),
    [
        (("none",), " A@B.ca ", " A@B.ca "),
        (("trim",), "\u00a0 A@B.ca\t", "A@B.ca"),
        (("lower",), " ÉCOLE ", " école "),
        (("email",), "  Jean.Tremblay+x@Example.ORG ", "jean.tremblay+x@example.org"),
        (("email",), "E\u0301cole@example.org", "\u00e9cole@example.org"),
        (("phone", "CA"), "(418) 555-1234", "+14185551234"),
        (("phone", "CA"), " 1-418-555-1234 ", "+14185551234"),
        (("phone", "CA"), "+33 1 23 45 67 89", "+33123456789"),
        (("phone", "FR"), "01 23 45 67 89", "+33123456789"),
        (("phone", "CA"), " not a number ", "not a number"),
        (("phone", "CA"), "12", "12"),
    ],
)
def test_values_are_normalised_before_hashing(normalisation, written, hashed):
    assert obfuscated({"v": [written]}, {"v": normalisation}) == {"v": [sha256(hashed)]}


def test_phones_keep_their_rows_with_nulls_empties_and_repeats():
    written = ["(418) 555-1234", None, "", "418-555-1234", "x"]
    number = sha256("+14185551234")
    assert obfuscated({"v": written}, {"v": ("phone", "CA")}) == {"v": [number, None, "", number, sha256("x")]}


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_the_email_rule_is_what_python_would_do(text):
    expected = unicodedata.normalize("NFC", text.strip().lower())
    assert obfuscated({"v": [text]}, {"v": ("email",)}) == {"v": [expected and sha256(expected)]}


def test_a_field_that_does_not_exist_is_named_with_the_nearest_one_before_any_row_moves():
    def batches():
        raise AssertionError("no row may be asked for")
        yield

    schema = pa.schema({"code": pa.string(), "email": pa.string()})
    with pytest.raises(ContentError) as refused:
        Obfuscation(Sha256, {"e-mail": Hashed()}).apply(Rows(schema, batches()))
    assert refused.value.code == "content.unknown_field"
    assert refused.value.parameters == {"field": "e-mail", "nearest": "email", "known": "code, email"}


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "content.key_missing"), (Secret(""), "content.key_missing"), (Secret("short"), "content.key_too_short")],
)
def test_a_keyed_algorithm_without_a_key_worth_the_name_is_refused(key, code):
    with pytest.raises(ContentError) as refused:
        Obfuscation(HmacSha256, {"v": Hashed()}, key)
    assert refused.value.code == code
    assert "short" not in str(refused.value.parameters)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("emial",), "content.unknown_normalisation"),
        (("phone",), "content.region_missing"),
        (("phone", "Canada"), "content.region_unknown"),
    ],
)
def test_a_normalisation_that_cannot_work_is_refused(arguments, code):
    with pytest.raises(ContentError) as refused:
        Normalisation(*arguments)
    assert refused.value.code == code


def test_the_algorithms_say_whether_anybody_can_guess():
    assert Sha256.GUESSABLE
    assert not HmacSha256.GUESSABLE


def test_the_key_changes_every_digest():
    first = obfuscated({"v": ["a"]}, {"v": ()}, HmacSha256, Secret("a" * 32))
    second = obfuscated({"v": ["a"]}, {"v": ()}, HmacSha256, Secret("b" * 32))
    assert first != second


def test_closing_early_closes_the_rows_above():
    closed = []

    def batches():
        try:
            while True:
                yield pa.record_batch({"v": ["a"]})
        finally:
            closed.append(True)

    rows = Obfuscation(Sha256, {"v": Hashed()}).apply(Rows(pa.schema({"v": pa.string()}), batches()))
    next(rows.batches)
    rows.batches.close()
    assert closed == [True]


def test_numbers_are_hashed_while_the_csv_file_is_written():
    """DuckDB inside DuckDB: the writer asks for a batch, and the batch asks for the text of a number."""
    batches = [pa.record_batch({"n": [number], "t": ["x"]}) for number in range(30)]
    rows = Obfuscation(Sha256, {"n": Hashed()}).apply(Rows(batches[0].schema, iter(batches)))
    lines = b"".join(CsvFormat({"header": False}).write(rows)).decode().split()
    assert lines == [f"{sha256(str(number))},x" for number in range(30)]
