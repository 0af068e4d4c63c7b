"""RSA key pairs of the kind that walmart.io wants: 2048 bits, PKCS#8 PEM."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def generate_keypair() -> tuple[str, str]:
    """A new ``(private_pem, public_pem)``; the private key is unencrypted PKCS#8."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private_pem.decode(), public_pem.decode()


def save_private_key(private_pem: str, path: Path) -> None:
    """Write a key where only its owner can read it."""
    path.touch(mode=0o600)
    path.write_text(private_pem, encoding="ascii")


def load_public_key(text: str) -> rsa.RSAPublicKey:
    """The RSA public key in *text*: PEM, or its body alone as the walmart.io portal takes it.

    Raises:
        ValueError: *text* is no RSA public key.
    """
    body = text.strip()
    if not body.startswith("-----"):
        body = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
    key = serialization.load_pem_public_key(body.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key
