"""Signed headers: what is signed, how long it is kept, and what stays secret."""

from __future__ import annotations

from base64 import b64decode, b64encode, encodebytes

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from walmart_stream.walmart.affiliate.signing import Signer, canonical_string
from walmart_stream.walmart.errors import UnusableKey

NOON = 1_795_348_800.0
CONSUMER = "3c1f7a52-5d0e-4a55-9f4e-0d1b2c3d4e5f"


@pytest.fixture
def signer(keypair):
    return Signer(CONSUMER, "2", keypair[0])


def stamp(headers):
    return int(headers["WM_CONSUMER.INTIMESTAMP"])


def test_the_canonical_string_ends_every_value_with_a_newline():
    """In the order of the headers' names, trimmed, the last newline included."""
    assert canonical_string(" id ", 1795348800123, "2") == b"id\n1795348800123\n2\n"


def test_the_public_key_verifies_the_headers(signer, keypair):
    """RSA PKCS#1 v1.5 with SHA-256 over the canonical string, in plain base64."""
    headers = signer.headers(NOON)

    public = serialization.load_pem_public_key(keypair[1].encode())
    message = f"{CONSUMER}\n{headers['WM_CONSUMER.INTIMESTAMP']}\n2\n".encode()
    signature = b64decode(headers["WM_SEC.AUTH_SIGNATURE"], validate=True)
    public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    assert len(signature) == 256
    assert headers["WM_CONSUMER.ID"] == CONSUMER
    assert headers["WM_SEC.KEY_VERSION"] == "2"
    assert stamp(headers) == NOON * 1000


def test_a_signature_is_reused_for_170_seconds_and_no_longer(signer):
    """Walmart takes it for 180 s; signing every request anew would cost a core."""
    first = signer.headers(NOON)
    kept = signer.headers(NOON + 169.9)
    renewed = signer.headers(NOON + 170)

    assert kept == first
    assert stamp(renewed) == (NOON + 170) * 1000


def test_a_clock_set_back_renews_the_signature(signer):
    """Else a signature from the future would be used until the clock caught up with it."""
    signer.headers(NOON)

    assert stamp(signer.headers(NOON - 3600)) == (NOON - 3600) * 1000


def test_no_secret_is_in_the_representation(signer, keypair):
    """Neither key nor signature nor consumer id."""
    headers = signer.headers(NOON)

    shown = repr(signer)

    assert CONSUMER not in shown
    assert headers["WM_SEC.AUTH_SIGNATURE"] not in shown
    assert not any(line in shown for line in keypair[0].splitlines()[1:])


def test_a_key_on_one_line_is_understood(keypair):
    """Environments without line breaks carry them as backslash and n."""
    Signer(CONSUMER, "1", keypair[0].replace("\n", "\\n")).headers(NOON)


def base64_alone(pem):
    return "".join(pem.splitlines()[1:-1])


@pytest.mark.parametrize(
    "write",
    [
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", " "),
        lambda pem: f'"{pem}"',
        base64_alone,
        lambda pem: "\n".join(pem.splitlines()[1:-1]),
        lambda pem: b64encode(pem.encode()).decode(),
        lambda pem: encodebytes(pem.encode()).decode(),
        lambda pem: traditional_pem(pem),
        lambda pem: base64_alone(traditional_pem(pem)),
    ],
    ids=[
        "backslash r n",
        "crlf",
        "blanks",
        "quotes",
        "no PEM lines",
        "no PEM lines, wrapped",
        "base64 of the PEM",
        "base64 of the PEM, wrapped",
        "PKCS#1",
        "PKCS#1 without PEM lines",
    ],
)
def test_a_key_is_read_however_it_was_carried(keypair, write):
    """Portals, CI systems and secret stores each have their own way to hold a PEM file."""
    headers = Signer(CONSUMER, "1", write(keypair[0])).headers(NOON)

    assert headers == Signer(CONSUMER, "1", keypair[0]).headers(NOON)


def test_a_short_key_is_used_with_a_warning(caplog):
    """It is the seller's, and Walmart decides; but it can be broken."""
    key = rsa.generate_private_key(65537, 1024)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

    Signer(CONSUMER, "1", pem).headers(NOON)

    assert "1024 bits" in caplog.text


def traditional_pem(pem):
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def openssh_pem(pem):
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()


def test_a_key_of_openssh_is_named_without_its_lines_too(keypair):
    """Secret stores take them away; "damaged" would send people looking for damage."""
    body = "".join(line for line in openssh_pem(keypair[0]).splitlines() if "-----" not in line)

    for text in (body, f"  {body}\n"):
        with pytest.raises(UnusableKey, match="OpenSSH; convert a copy of"):
            Signer(CONSUMER, "1", text)


def elliptic_pem():
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def encrypted_pem(pem):
    key = serialization.load_pem_private_key(pem.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda private, public: public, "public key"),
        (lambda private, public: private.splitlines()[1], "cut short"),
        (lambda private, public: openssh_pem(private), "ssh-keygen -p -m PEM"),
        (lambda private, public: private * 30, "too long"),
        (lambda private, public: private[:300], "cut short"),
        (lambda private, public: private.replace("g", "é"), "damaged"),
        (lambda private, public: encrypted_pem(private), "encrypted"),
        (lambda private, public: elliptic_pem(), "RSA"),
        (lambda private, public: "", "neither PEM"),
    ],
)
def test_a_key_that_cannot_be_used_is_explained_without_its_content(keypair, spoil, why):
    """The message names the setting and the fault; nothing of the key is in it or behind it."""
    pem = spoil(*keypair)

    with pytest.raises(UnusableKey, match=why) as caught:
        Signer(CONSUMER, "1", pem)

    assert "WALMART_PRIVATE_KEY" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not any(line in str(caught.value) for line in pem.splitlines()[1:-1])
