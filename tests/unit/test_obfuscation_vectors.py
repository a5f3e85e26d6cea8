"""The obfuscation algorithms against published vectors, partners' examples, and what a mask promises.

Sources: RFC 4231 sections 4.2 and 4.3 (HMAC-SHA-256); NIST's examples with intermediate values for FIPS 180 (SHA-1, SHA-256,
SHA-512); RFC 3174 section 7.3, TEST4 (SHA-1); RFC 1321 appendix A.5 (MD5). Advertising platforms: Meta, Conversions API,
“Customer information parameters”, e-mail; UID2, “Normalization and Encoding”, e-mail and phone number.
"""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paquebot.content.fields import Obfuscation
from paquebot.content.obfuscation.hmac_sha256 import HmacSha256
from paquebot.content.obfuscation.md5 import Md5
from paquebot.content.obfuscation.normalisation import Normalisation
from paquebot.content.obfuscation.sha1 import Sha1
from paquebot.content.obfuscation.sha256 import Sha256
from paquebot.content.obfuscation.sha512 import Sha512
from paquebot.content.obfuscation.treatment import Hashed, Masked, Removed
from paquebot.credentials import Secret
from paquebot.errors import ContentError
from paquebot.flow import Rows
from paquebot.plugins import names

TEXTS = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=8)
TWO_BLOCKS = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
FOUR_BLOCKS = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"


def hidden(values, treatment, algorithm=Sha256, key=None):
    table = pa.table({"v": pa.array(values, pa.string())})
    rows = Obfuscation(algorithm, {"v": treatment}, key).apply(Rows(table.schema, iter(table.to_batches(max_chunksize=3))))
    return pa.Table.from_batches(list(rows.batches), rows.schema)["v"].to_pylist()


@pytest.mark.parametrize(
    ("algorithm", "text", "digest"),
    [
        (Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Sha1, TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (Sha1, "01234567" * 80, "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
        (Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (Sha256, TWO_BLOCKS, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (
            Sha512,
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            Sha512,
            FOUR_BLOCKS,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
        ),
        (Md5, "a", "0cc175b9c0f1b6a831c399e269772661"),
        (Md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
        (Md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (Md5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (Md5, "1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_published_digests(algorithm, text, digest):
    assert hidden([text], Hashed(), algorithm) == [digest]


@pytest.mark.parametrize(
    ("key", "text", "digest"),
    [
        ("\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        ("Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ],
    ids=["case 1", "case 2"],
)
def test_the_cases_of_rfc_4231_whose_keys_and_data_are_text(monkeypatch, key, text, digest):
    """Their keys are shorter than any this installation makes, and would be refused."""
    monkeypatch.setattr("paquebot.content.obfuscation.base.LEAST_KEY_CHARACTERS", 1)
    assert hidden([text], Hashed(), HmacSha256, Secret(key)) == [digest]


@pytest.mark.parametrize(
    ("written", "normalisation", "digest"),
    [
        (
            "  John_Smith@gmail.com ",
            Normalisation("email"),
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        ("USER@example.com", Normalisation("email"), "b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514"),
        ("1 (234) 567-8901", Normalisation("phone", "US"), "10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee"),
    ],
    ids=["Meta, e-mail", "UID2, e-mail", "UID2, phone"],
)
def test_the_examples_of_advertising_platforms(written, normalisation, digest):
    assert hidden([written], Hashed(normalisation)) == [digest]


@pytest.mark.parametrize(("algorithm", "name"), [(Sha256, "sha256"), (Sha512, "sha512"), (Sha1, "sha1"), (Md5, "md5")], ids=str)
@settings(max_examples=25, deadline=None)
@given(values=TEXTS)
def test_python_gives_the_same_digest_for_every_text(algorithm, name, values):
    expected = [value and hashlib.new(name, value.encode()).hexdigest() for value in values]
    assert hidden(values, Hashed(), algorithm) == expected


@pytest.mark.parametrize(
    ("value", "shown", "masked"),
    [
        ("4111111111111234", 4, "************1234"),
        ("+14185551234", 2, "**********34"),
        ("secret", 0, "******"),
        ("abcd", 4, "****"),
        ("abc", 4, "***"),
        ("abcde", 4, "*bcde"),
        ("Ünïcødé", 2, "*****dé"),
        ("👩‍👩‍👧 x", 2, "***** x"),
        ("two\nlines", 5, "****lines"),
        ("$1\\1.*", 1, "*****" + "*"),
        ("", 4, ""),
        (None, 4, None),
    ],
)
def test_a_mask_hides_all_but_the_last_characters(value, shown, masked):
    assert hidden([value], Masked(shown)) == [masked]


@settings(max_examples=60, deadline=None)
@given(values=TEXTS, shown=st.integers(0, 5))
def test_a_mask_never_shows_more_than_it_may(values, shown):
    expected = [
        value and "*" * (len(value) - shown) + value[len(value) - shown :]
        if value and len(value) > shown
        else value and "*" * len(value)
        for value in values
    ]
    assert hidden(values, Masked(shown)) == expected


def test_values_are_normalised_before_they_are_masked():
    assert hidden(["  (418) 555-1234 "], Masked(4, Normalisation("phone", "CA"))) == ["********1234"]


def test_a_removed_field_says_nothing_not_even_whether_there_was_a_value():
    assert hidden(["a", "", None, "bc"], Removed()) == [None, None, None, None]


def test_a_number_is_masked_as_the_text_a_file_would_show():
    table = pa.table({"n": [1234567], "m": [1]})
    rows = Obfuscation(Sha256, {"n": Masked(3)}).apply(Rows(table.schema, iter(table.to_batches())))
    assert rows.schema == pa.schema({"n": pa.string(), "m": pa.int64()})
    assert next(rows.batches).to_pydict() == {"n": ["****567"], "m": [1]}


def test_a_mask_and_a_removal_need_no_key():
    assert hidden(["abcdef"], Masked(2), HmacSha256) == ["****ef"]
    assert hidden(["abcdef"], Removed(), HmacSha256) == [None]
    with pytest.raises(ContentError):
        hidden(["abcdef"], Hashed(), HmacSha256)


def test_every_algorithm_says_whether_it_is_weak_or_guessable():
    told = {kind.NAME: (kind.GUESSABLE, kind.WEAK) for kind in (HmacSha256, Sha256, Sha512, Sha1, Md5)}
    assert told == {
        "hmac-sha256": (False, False),
        "sha256": (True, False),
        "sha512": (True, False),
        "sha1": (True, True),
        "md5": (True, True),
    }
    assert set(names("obfuscations")) == set(told)
