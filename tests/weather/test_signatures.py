"""Signed bundles: who opens one with a key gets what the holder of that key signed, or an error."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import camruntime
from camexport.cli.app import app as camexport_app
from camexport.errors import OptionError
from camexport.signing import sign_bundle
from camruntime.bundle import MANIFEST, SIGNATURE, open_bundle, signature
from camruntime.cli.app import app as camruntime_app
from camruntime.errors import BundleError, EdgeModelError, SignatureError
from edge_models import write_edge_model
from manifests import edit_manifest
from packages import variant_folder, write_package

model_signing = pytest.importorskip("model_signing")
x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = INSPECTOR / "samples" / "crack-1.png"


def _private(folder: Path, name: str, key: Any, password: bytes | None = None) -> Path:
    """`NAME.pem`, and `NAME.pub` beside it."""
    kind = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    hidden = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    (folder / f"{name}.pem").write_bytes(key.private_bytes(pem, kind, hidden))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(pem, public))
    return folder / f"{name}.pem"


def _certificate(path: Path, key: Any, subject: str, issuer: str, issuer_key: Any) -> Path:
    def name(text: str) -> Any:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    root = subject == issuer
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not root, key_cert_sign=root, **usage), critical=True
        )
        .sign(issuer_key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of us and of others: `us.pem`, `us.pub`, `us.crt` below `root.crt`, `other....`."""
    folder = tmp_path_factory.mktemp("keys")
    for who in ("us", "other"):
        key, root = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        _private(folder, who, key)
        _certificate(folder / f"{who}-root.crt", root, f"{who}'s root", f"{who}'s root", root)
        _certificate(folder / f"{who}.crt", key, who, f"{who}'s root", root)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("samples")
    return Path(shutil.copytree(INSPECTOR, tmp_path / "bundle", ignore=ignored))


def test_a_signed_bundle_explains_as_before(folder: Path, keys: Path) -> None:
    assert sign_bundle(folder, keys / "us.pem") == folder / SIGNATURE
    explainer = camruntime.load(folder, ["cpu"], require_signature=keys / "us.pub")
    wanted = camruntime.load(INSPECTOR, ["cpu"]).explain(PHOTO)
    np.testing.assert_array_equal(explainer.explain(PHOTO).raw, wanted.raw)
    signed = explainer.bundle.signed
    assert signed is not None
    assert signed.files.keys() == {file.name for file in folder.iterdir()} - {SIGNATURE}
    assert open_bundle(folder).signed is None, "nobody asked"


def test_it_is_a_signature_as_others_make_and_verify_it(folder: Path, keys: Path) -> None:
    """With model-signing alone, and all of its defaults."""
    sign_bundle(folder, keys / "us.pem")
    verifier = model_signing.verifying.Config().use_elliptic_key_verifier(
        public_key=keys / "us.pub"
    )
    verifier.verify(folder, folder / SIGNATURE)
    (folder / SIGNATURE).rename(folder.parent / "aside")
    signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=keys / "us.pem")
    signer.sign(folder, folder.parent / SIGNATURE)
    (folder.parent / SIGNATURE).rename(folder / SIGNATURE)
    assert open_bundle(folder, keys / "us.pub").signed


@pytest.mark.parametrize("curve", [ec.SECP384R1, ec.SECP521R1])
def test_other_curves(folder: Path, tmp_path: Path, curve: Any) -> None:
    sign_bundle(folder, _private(tmp_path, "key", ec.generate_private_key(curve())))
    open_bundle(folder, tmp_path / "key.pub")


def test_certificates(folder: Path, keys: Path) -> None:
    sign_bundle(folder, keys / "us.pem", keys / "us.crt")
    open_bundle(folder, keys / "us-root.crt")
    for key in ("other-root.crt", "other.crt", "us.pub"):
        with pytest.raises(SignatureError, match="was not made with the key of"):
            open_bundle(folder, keys / key)
    sign_bundle(folder, keys / "us.pem")
    with pytest.raises(SignatureError, match="was not made with the key of"):
        open_bundle(folder, keys / "us-root.crt")
    with pytest.raises(OptionError, match="does not match"):
        sign_bundle(folder, keys / "us.pem", keys / "other.crt")


def _edit(path: Path) -> None:
    """As whoever changes a graph would: with digests that fit."""
    graph = path / "head.onnx"
    graph.write_bytes(graph.read_bytes() + b"\x72\x01a")  # a doc string
    digest = camruntime.bundle.digest_file(graph)
    edit_manifest(path, lambda manifest: manifest["graphs"]["head"].update(sha256=digest))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "unsigned": (lambda path: (path / SIGNATURE).unlink(), "is not signed: expected bundle.sig"),
    "edited": (_edit, r"is not what was signed: .*bundle\.json.*head\.onnx"),
    "a label": (
        lambda path: edit_manifest(path, lambda one: one["labels"].reverse()),
        r"is not what was signed: .*bundle\.json",
    ),
    "white space": (
        lambda path: (path / MANIFEST).write_text((path / MANIFEST).read_text() + " "),
        r"is not what was signed: .*bundle\.json",
    ),
    "added": (lambda path: (path / "edges.onnx").touch(), "Extra files .*edges.onnx"),
    "hidden": (lambda path: (path / ".gitignore").touch(), r"Extra files .*\.gitignore"),
    "deeper": (lambda path: _deeper(path).touch(), "Extra files .*a/b/c"),
    "removed": (lambda path: (path / "cells.onnx").unlink(), "Missing files .*cells.onnx"),
    "renamed": (
        lambda path: (path / "cells.onnx").rename(path / "cell.onnx"),
        "Extra files .*Missing files",
    ),
    "a pipe": (lambda path: os.mkfifo(path / "pipe"), "pipe"),
    "empty": (lambda path: (path / SIGNATURE).write_text(""), "not made with the key"),
    "no JSON": (lambda path: (path / SIGNATURE).write_text("a signature"), "not made with"),
    "other JSON": (lambda path: (path / SIGNATURE).write_text("[]"), "not made with the key"),
    "deep": (lambda path: (path / SIGNATURE).write_text("[" * 100_000), "not made with the key"),
    "a folder": (lambda path: _replaced(path / SIGNATURE).mkdir(), "is no signature"),
    "endless": (lambda path: _replaced(path / SIGNATURE).symlink_to("/dev/zero"), "is no sig"),
    "waiting": (lambda path: os.mkfifo(_replaced(path / SIGNATURE)), "is no signature"),
}


def _deeper(path: Path) -> Path:
    (path / "a" / "b").mkdir(parents=True)
    return path / "a" / "b" / "c"


def _replaced(path: Path) -> Path:
    path.unlink()
    return path


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_as_it_was_signed(folder: Path, keys: Path, change: str) -> None:
    sign_bundle(folder, keys / "us.pem")
    alter, said = CHANGES[change]
    alter(folder)
    with pytest.raises(SignatureError, match=said) as raised:
        camruntime.load(folder, ["cpu"], require_signature=keys / "us.pub")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 800


def test_every_changed_byte_of_a_signature(folder: Path, keys: Path) -> None:
    """It is refused, or says the same: text that is not signed, such as white space."""
    sign_bundle(folder, keys / "us.pem")
    good = open_bundle(folder, keys / "us.pub").signed
    data = (folder / SIGNATURE).read_bytes()
    rng, refused = np.random.default_rng(0), 0
    for place in rng.choice(len(data), 200, replace=False):
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        (folder / SIGNATURE).write_bytes(changed)
        try:
            assert open_bundle(folder, keys / "us.pub").signed == good
        except SignatureError:
            refused += 1
    assert refused > 150


def test_a_signature_by_somebody_else_or_of_another_bundle(
    folder: Path, keys: Path, tmp_path: Path
) -> None:
    sign_bundle(folder, keys / "other.pem")
    with pytest.raises(SignatureError, match="Key mismatch"):
        open_bundle(folder, keys / "us.pub")
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    _edit(other)
    sign_bundle(other, keys / "us.pem")
    shutil.copyfile(other / SIGNATURE, folder / SIGNATURE)
    with pytest.raises(SignatureError, match=r"not what was signed: .*head\.onnx"):
        open_bundle(folder, keys / "us.pub")


def test_a_signature_whose_list_was_changed(folder: Path, keys: Path) -> None:
    """To name the files that are there now."""
    import base64

    sign_bundle(folder, keys / "us.pem")
    _edit(folder)
    content = json.loads((folder / SIGNATURE).read_text())
    payload = json.loads(base64.b64decode(content["dsseEnvelope"]["payload"]))
    for one in payload["predicate"]["resources"]:
        one["digest"] = camruntime.bundle.digest_file(folder / one["name"])
    text = json.dumps(payload).encode()
    content["dsseEnvelope"]["payload"] = base64.b64encode(text).decode()
    (folder / SIGNATURE).write_text(json.dumps(content))
    with pytest.raises(SignatureError, match="not made with the key"):
        open_bundle(folder, keys / "us.pub")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("us.pem", "is a private key, which is not needed here"),
        ("missing.pub", "cannot read the key .*No such file"),
        ("rsa.pub", "no key that signatures are verified with"),
        ("text.pub", "no key that signatures are verified with"),
        ("broken.pub", "no key that signatures are verified with"),
        ("", "cannot read the key .*directory"),
    ],
)
def test_what_is_no_public_key(folder: Path, keys: Path, key: str, said: str) -> None:
    sign_bundle(folder, keys / "us.pem")
    _private(keys, "rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    (keys / "text.pub").write_text("a key")
    (keys / "broken.pub").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
    with pytest.raises(SignatureError, match=said):
        open_bundle(folder, keys / key)


@pytest.mark.parametrize("key", ["", False, True, 3])
def test_no_key_at_all_is_no_permission(folder: Path, key: Any) -> None:
    with pytest.raises(SignatureError, match="cannot read the key"):
        open_bundle(folder, require_signature=key)


def test_keys_that_cannot_sign(folder: Path, keys: Path) -> None:
    _private(keys, "rsa", rsa.generate_private_key(public_exponent=65537, key_size=2048))
    _private(keys, "hidden", ec.generate_private_key(ec.SECP256R1()), b"secret")
    _private(keys, "k1", ec.generate_private_key(ec.SECP256K1()))
    for name in ("rsa.pem", "hidden.pem", "k1.pem", "us.pub", "missing.pem"):
        with pytest.raises(OptionError, match=r"cannot sign .*: expected the PEM file"):
            sign_bundle(folder, keys / name)
    assert not (folder / SIGNATURE).exists()
    assert [*folder.parent.iterdir()] == [folder]


def test_a_damaged_bundle_is_not_signed(folder: Path, keys: Path) -> None:
    (folder / "weights.bin").write_bytes(b"other")
    with pytest.raises(BundleError, match="was cut off or changed"):
        sign_bundle(folder, keys / "us.pem")


def test_a_bundle_that_is_exchanged_while_it_is_verified(
    folder: Path, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours lies there while hashes are made, theirs when `bundle.json` is read before."""
    sign_bundle(folder, keys / "us.pem")
    theirs, ours = tmp_path / "theirs", (folder / MANIFEST).read_bytes()
    shutil.copytree(folder, theirs)
    edit_manifest(theirs, lambda manifest: manifest["labels"].reverse())
    real = signature._Recorded.hash

    def hashed(self: Any, *args: Any, **options: Any) -> Any:
        (folder / MANIFEST).write_bytes(ours)
        found = real(self, *args, **options)
        (folder / MANIFEST).write_bytes((theirs / MANIFEST).read_bytes())
        return found

    monkeypatch.setattr(signature._Recorded, "hash", hashed)
    (folder / MANIFEST).write_bytes((theirs / MANIFEST).read_bytes())
    with pytest.raises(SignatureError, match=r"bundle\.json changed while it was opened"):
        open_bundle(folder, keys / "us.pub")


def test_what_is_reloaded_has_to_be_signed_too(folder: Path, keys: Path) -> None:
    """Until then the one that was opened stays in use."""
    sign_bundle(folder, keys / "us.pem")
    explainer = camruntime.load(folder, ["cpu"], require_signature=keys / "us.pub")
    labels = explainer.labels
    edit_manifest(folder, lambda manifest: manifest["labels"].reverse())
    with pytest.raises(SignatureError, match="not what was signed"):
        explainer.reload()
    assert explainer.labels == labels
    sign_bundle(folder, keys / "us.pem")
    explainer.reload()
    assert explainer.labels == labels[::-1]


def test_a_store_that_keeps_weights_elsewhere_may_be_signed(folder: Path, keys: Path) -> None:
    (folder / "weights.bin").rename(folder.parent / "0123")
    (folder / "weights.bin").symlink_to(Path("..") / "0123")
    sign_bundle(folder, keys / "us.pem")
    assert open_bundle(folder, keys / "us.pub").signed
    (folder.parent / "0123").write_bytes(b"other")
    with pytest.raises(SignatureError, match=r"not what was signed: .*weights\.bin"):
        open_bundle(folder, keys / "us.pub")


# ReduceMax over the channels, image (n, 3, H, W) -> edges (n, 1, H, W), without the package onnx.
BRIGHTEST = (
    b'\x08\x08:\x90\x01\n0\n\x05image\n\x04axes\x12\x05edges"\tReduceMax*\x0f\n\x08keepdims'
    b'\x18\x01\xa0\x01\x02\x12\x05first*\r\x08\x01\x10\x07:\x01\x01B\x04axesZ"\n\x05image\x12'
    b'\x19\n\x17\x08\x01\x12\x13\n\x03\x12\x01n\n\x02\x08\x03\n\x03\x12\x01H\n\x03\x12\x01Wb"\n'
    b"\x05edges\x12\x19\n\x17\x08\x01\x12\x13\n\x03\x12\x01n\n\x02\x08\x01\n\x03\x12\x01H\n\x03"
    b"\x12\x01WB\x04\n\x00\x10\x12"
)


def _edges(folder: Path) -> None:
    """An edge model that gives the picture's brightest channel."""
    write_edge_model(folder, BRIGHTEST, "brightest channel")


def test_an_edge_model_in_a_signed_bundle_is_the_signed_one(folder: Path, keys: Path) -> None:
    _edges(folder)
    sign_bundle(folder, keys / "us.pem")
    explainer = camruntime.load(folder, ["cpu"], require_signature=keys / "us.pub")
    assert "brightest channel" in str(explainer.explain(PHOTO, "feature-cam").edges)
    for name in ("edges.json", "edges.onnx"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(before + b" ")
        with pytest.raises(EdgeModelError, match=f"{name} is not what was signed"):
            explainer.explain(PHOTO, "feature-cam")
        (folder / name).write_bytes(before)


def test_an_edge_model_that_comes_later_is_not_used(folder: Path, keys: Path) -> None:
    sign_bundle(folder, keys / "us.pem")
    explainer = camruntime.load(folder, ["cpu"], require_signature=keys / "us.pub")
    _edges(folder)
    with pytest.raises(EdgeModelError, match=r"edges\.json is not what was signed"):
        explainer.explain(PHOTO, "feature-cam")


def test_the_command_lines(folder: Path, keys: Path) -> None:
    done = CliRunner().invoke(camexport_app, ["sign", str(folder), "--key", str(keys / "us.pem")])
    assert done.exit_code == 0, done.output
    assert "".join(done.output.split()) == str(folder / SIGNATURE)
    asked = ["info", str(folder), "--require-signature"]
    assert CliRunner().invoke(camruntime_app, [*asked, str(keys / "us.pub")]).exit_code == 0
    refused = CliRunner().invoke(camruntime_app, [*asked, str(keys / "other.pub")])
    assert isinstance(refused.exception, SignatureError)


def test_the_package_is_imported_when_it_is_needed_and_named_when_it_is_missing(
    folder: Path,
) -> None:
    code = f"""
import sys
sys.modules["model_signing"] = None
import camruntime, camexport.signing
camruntime.load({str(folder)!r}, ["cpu"])
for run in (lambda: camruntime.load({str(folder)!r}, ["cpu"], require_signature="key.pub"),
            lambda: camexport.signing.sign_bundle({str(folder)!r}, "key.pem")):
    try:
        run()
    except camruntime.CamError as error:
        print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == second
    assert first.startswith("MissingDependencyError signatures need model-signing")
    assert "pip install 'camexport[signing]'" in first


def test_a_signed_package(keys: Path, tmp_path: Path) -> None:
    """Each variant is what was signed, its edge model too; an unsigned one is refused."""
    package = write_package(tmp_path / "package")
    with pytest.raises(SignatureError, match=r"is not signed: expected bundle\.sig"):
        camruntime.load(package, ["cpu"], require_signature=keys / "us.pub")
    assert sign_bundle(package, keys / "us.pem") == package / SIGNATURE
    explainer = camruntime.load(package, ["cpu"], require_signature=keys / "us.pub", variant="fp16")
    signed = explainer.bundle.signed
    assert signed is not None
    assert set(signed.files) == {file.name for file in variant_folder(package, "fp16").iterdir()}
    plain = camruntime.load(variant_folder(package, "fp16"), ["cpu"]).explain(PHOTO)
    np.testing.assert_array_equal(explainer.explain(PHOTO).raw, plain.raw)
    explainer.reload()
    with pytest.raises(SignatureError, match="was not made with the key of"):
        camruntime.load(package, ["cpu"], require_signature=keys / "other.pub")


@pytest.mark.parametrize("file", ["manifest.json", "weights.bin"])
def test_a_signed_package_that_was_changed(keys: Path, tmp_path: Path, file: str) -> None:
    package = write_package(tmp_path / "package")
    sign_bundle(package, keys / "us.pem")
    path = package / file if file == "manifest.json" else variant_folder(package, "float32") / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SignatureError, match="is not what was signed") as raised:
        camruntime.load(package, ["cpu"], require_signature=keys / "us.pub", variant="fp16")
    assert file in str(raised.value)


def test_a_manifest_of_a_package_that_is_another_one_by_then(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was parsed has to be what was signed."""
    package = write_package(tmp_path / "package")
    sign_bundle(package, keys / "us.pem")
    data = (package / "manifest.json").read_bytes() + b" "
    monkeypatch.setattr("camruntime.bundle.opening_package.read_json", lambda file: data)
    with pytest.raises(SignatureError, match="changed while it was opened, or is not signed"):
        camruntime.load(package, ["cpu"], require_signature=keys / "us.pub")


def test_a_damaged_package_is_not_signed(keys: Path, tmp_path: Path) -> None:
    package = write_package(tmp_path / "package")
    weights = variant_folder(package, "fp16") / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    with pytest.raises(BundleError, match=r"weights\.bin was changed or damaged"):
        sign_bundle(package, keys / "us.pem")
    assert not (package / SIGNATURE).exists()
