"""Sign a bundle or a model package, with a key of one's own: who opens it can require that.

See `docs/signing.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from camexport.errors import OptionError, OutputError, one_line
from camruntime.bundle import SIGNATURE, hashing, model_signing, verified_folder


def sign_bundle(
    path: Path, key: Path, certificate: Path | None = None, chain: Sequence[Path] = ()
) -> Path:
    """Write `bundle.sig` into the bundle or package at `path`, for all other files in its folder.

    Args:
        path: its directory. An older signature is replaced.
        key: PEM file of a private key of the curve P-256, P-384 or P-521, without a password.
        certificate: the key's, to be verified by those that it goes back to.
        chain: certificates between the two, where there are any.

    Returns:
        The path of the signature.

    Raises:
        BundleError: there is neither, or it is damaged.
        OptionError: the key cannot be used.
        OutputError: the signature cannot be written.
        MissingDependencyError: model-signing is not installed.
    """
    folder = verified_folder(path)
    config = model_signing().signing.Config().set_hashing_config(hashing())
    try:
        if certificate is None:
            config.use_elliptic_key_signer(private_key=key)
        else:
            config.use_certificate_signer(
                private_key=key,
                signing_certificate=certificate,
                certificate_chain=[*chain] or [certificate],
            )
    except Exception as error:  # of cryptography, which share no base below Exception
        raise OptionError(
            f"--key {key} cannot sign ({one_line(error)}): expected the PEM file of a private key "
            "of the curve P-256, P-384 or P-521 without a password"
            + (", and of its certificates" if certificate else "")
        ) from error
    return _write(config, folder)


def _write(config: object, folder: Path) -> Path:
    try:
        with TemporaryDirectory(prefix=".signing-", dir=folder.resolve().parent) as place:
            made = Path(place) / SIGNATURE
            config.sign(folder, made)  # type: ignore[attr-defined]  # of model-signing's Config
            return made.replace(folder / SIGNATURE)
    except (OSError, ValueError) as error:  # ValueError: something in the folder is no file
        raise OutputError(f"cannot sign {folder}: {one_line(error)}") from error
