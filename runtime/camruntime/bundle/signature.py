"""Signatures of whole bundles, by OpenSSF's model-signing: who made it, and that nobody changed it.

The signature lies in the bundle, as `bundle.sig`, and covers every other file in the folder: one
that is changed, missing or added is refused. No network is needed. What is verified is what is
opened: digests as signed are kept, and `bundle.json` as it was parsed has to have its own; it holds
those of graphs and weights, which are checked once more when they are read to be used.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camruntime.errors import MissingDependencyError, SignatureError

SIGNATURE = "bundle.sig"
_LARGEST = 2**24  # bytes; a file takes 200
_DIGESTS = re.compile(r""": Expected .*?(?=["'], ["']Hash mismatch|["']]$)""")  # in raw bytes
_PRIVATE, _CERTIFICATE, _PUBLIC = b"PRIVATE KEY-----", b"-BEGIN CERTIFICATE-", b"-BEGIN PUBLIC KEY-"


@dataclass(frozen=True)
class Signed:
    """What a verified signature says.

    Attributes:
        key: the public key or certificate that it was verified with.
        files: SHA-256 in hexadecimal of every file, by its path in the bundle.
    """

    key: Path
    files: Mapping[str, str]


def verify_signature(folder: Path, key: str | Path) -> Signed:
    """Verify the signature of the bundle in `folder` and of all files in it.

    Args:
        folder: of the bundle.
        key: PEM file of a public key, or of the certificates that the signer's has to go back to.

    Raises:
        SignatureError: there is no signature, it is not by `key`, or files are not those signed.
        MissingDependencyError: model-signing is not installed.
    """
    verifying = model_signing().verifying.Config()
    path = _use(verifying, key)
    hashed = _Recorded(hashing())
    verifying.set_hashing_config(hashed)
    signature = folder / SIGNATURE
    _require_file(signature)
    try:
        verifying.verify(folder, signature)
    except Exception as error:  # model-signing's errors, and cryptography's, share no base
        raise SignatureError(_refusal(folder, path, error)) from error
    return Signed(path, hashed.files)


def model_signing() -> Any:
    """The package, which takes most of a second to import.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import model_signing.hashing
        import model_signing.signing
        import model_signing.verifying
    except ImportError as error:
        raise MissingDependencyError(
            f"signatures need model-signing ({error}): `pip install 'camexport[signing]'`"
        ) from error
    return model_signing


def hashing() -> Any:
    """How files are hashed: every one by itself, what is behind a link as if it were there."""
    config = model_signing().hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    config.set_allow_symlinks(True)
    return config.set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


class _Recorded:
    """A hashing configuration that keeps what it found, as digests by path."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self.files: dict[str, str] = {}

    def hash(self, folder: Path, **options: Any) -> Any:
        found = self._config.hash(folder, **options)
        self.files = {one.identifier: one.digest.digest_hex for one in found.resource_descriptors()}
        return found

    def add_ignored_paths(self, **options: Any) -> None:
        self._config.add_ignored_paths(**options)


def _use(verifying: Any, key: str | Path) -> Path:
    """Set up `verifying` for the kind of key that a file holds."""
    advice = "expected the PEM file of a public key or certificate"
    try:
        path = Path(key)
        text = path.read_bytes()
    except (OSError, TypeError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise SignatureError(f"cannot read the key {key!r:.200}: {said}; {advice}") from error
    if _PRIVATE in text:
        raise SignatureError(
            f"{path} is a private key, which is not needed here: {advice}, as "
            f"`openssl pkey -in {path.name} -pubout` writes"
        )
    try:
        if _CERTIFICATE in text:
            verifying.use_certificate_verifier(certificate_chain=[path])
        elif _PUBLIC in text:
            verifying.use_elliptic_key_verifier(public_key=path)
        else:
            raise ValueError("no PEM")
    except Exception as error:  # as above
        raise SignatureError(
            f"{path} is no key that signatures are verified with ({_line(error)}): {advice}, of "
            "the curve P-256, P-384 or P-521"
        ) from error
    return path


def _require_file(signature: Path) -> None:
    """A pipe would be waited for, and a device may never end."""
    try:
        found = signature.stat()
    except (OSError, ValueError) as error:
        raise SignatureError(
            f"{signature.parent} is not signed: expected {SIGNATURE} in it, which `camexport sign` "
            "writes"
        ) from error
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        raise SignatureError(f"{signature} is no signature: copy the bundle again")


def _refusal(folder: Path, key: Path, error: Exception) -> str:
    said = _line(error)
    if said.startswith("Signature mismatch: "):
        found = _DIGESTS.sub("", said.removeprefix("Signature mismatch: "))
        return (
            f"{folder} is not what was signed: {found:.300}; take the whole folder from who signed "
            "it, and put nothing into it"
        )
    if isinstance(error, (AttributeError, KeyError, TypeError)):  # it looked for what is not there
        said = "it holds no such signature"
    return (
        f"the signature of {folder} was not made with the key of {key}, or is damaged "
        f"({said:.200}): take the bundle from who holds that key"
    )


def _line(error: Exception) -> str:
    """An error's own words without line breaks; many have none."""
    return " ".join(str(error).split()) or type(error).__name__
