"""What the commands of `camruntime` share: options that several take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from camruntime.errors import ProviderError, TargetError
from camruntime.pictures import MEGAPIXELS
from camruntime.terminal import console as console
from camruntime.terminal import say as say
from camruntime.terminal import say_rows as say_rows

if TYPE_CHECKING:
    from camruntime.engine import Provider
    from camruntime.explainer import Explainer
    from camruntime.explaining import Target

BundlePath = Annotated[Path, typer.Argument(help="Directory of the bundle.")]
RequireSignature = Annotated[
    Path | None,
    typer.Option(help="PEM of the public key or certificate that the bundle must be signed with."),
]
VariantName = Annotated[
    str | None,
    typer.Option(
        help="Of a model package: `float32`, `fp16` or `int8`; default the provider's, see `info`."
    ),
]
ProviderName = Annotated[
    str | None,
    typer.Option(
        help="One that `camruntime devices` lists, or in full; default CUDA where it opens."
    ),
]
ProviderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--provider-option",
        help="KEY=VALUE of the named provider, in ONNX Runtime's words; repeat.",
    ),
]
DeviceNumber = Annotated[
    int, typer.Option(help="Which device of the provider, as `camruntime devices` counts them.")
]
Capture = Annotated[
    bool, typer.Option("--capture", help="Record runs on the device, and repeat them.")
]
Threads = Annotated[int | None, typer.Option(help="On the CPU; default one per core.")]
Chunk = Annotated[int | None, typer.Option(help="Perturbed copies, or images, computed at once.")]
CalibrationFile = Annotated[
    Path | None,
    typer.Option(
        help="What `camruntime calibrate` wrote: colours begin where good parts end.",
    ),
]
MaxMegapixels = Annotated[
    float, typer.Option(help="Larger pictures are refused, before they are decoded.")
]


@dataclass(frozen=True)
class Computing:
    """What computes, as the options say that `computes` adds to a command.

    Attributes:
        providers: as `load` takes them; None where none was named.
        device_id, threads, chunk, capture, max_megapixels, variant: as `load` takes them.
    """

    providers: list[Provider] | None
    device_id: int = 0
    threads: int | None = None
    chunk: int | None = None
    capture: bool = False
    max_megapixels: float = MEGAPIXELS
    variant: str | None = None

    def options(self) -> dict[str, object]:
        """All but the providers, by the names that `load` has for them."""
        return {name: value for name, value in vars(self).items() if name != "providers"}

    def load(self, bundle: Path, calibration: Path | None = None) -> Explainer:
        """Open a bundle so."""
        from camruntime.explainer import load

        return load(
            bundle,
            self.providers,
            device_id=self.device_id,
            threads=self.threads,
            chunk=self.chunk,
            capture=self.capture,
            max_megapixels=self.max_megapixels,
            variant=self.variant,
            calibration=calibration,
        )


_OPTIONS: dict[str, tuple[object, object]] = {
    "provider": (ProviderName, None),
    "provider_option": (ProviderOptions, None),
    "device_id": (DeviceNumber, 0),
    "threads": (Threads, None),
    "chunk": (Chunk, None),
    "capture": (Capture, False),
    "max_megapixels": (MaxMegapixels, MEGAPIXELS),
    "variant": (VariantName, None),
}


def computes(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Computing`, in the place of its argument `computing`.

    typer reads a command's signature, and knows no option that stands for several.
    """
    plain = inspect.signature(command, eval_str=True)
    own = [one for name, one in plain.parameters.items() if name != "computing"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=default, annotation=annotation)
        for name, (annotation, default) in _OPTIONS.items()
    ]

    @wraps(command)
    def asked(**given: Any) -> None:
        name, options, *numbers = (given.pop(option) for option in _OPTIONS)
        command(**given, computing=Computing(providers_asked_for(name, options), *numbers))

    asked.__signature__ = plain.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    return asked


def listed(texts: list[str]) -> list[str]:
    """What an option that may be repeated names, each time one or several with commas."""
    return ",".join(texts).split(",")


def providers_asked_for(name: str | None, options: list[str] | None) -> list[Provider] | None:
    """`--provider` with what `--provider-option` gives it; None where none is named.

    Raises:
        ProviderError: an option is not KEY=VALUE, or there is no provider that takes it.
    """
    pairs = [option.partition("=") for option in options or ()]
    for option, (key, equals, _) in zip(options or (), pairs, strict=True):
        if not key or not equals:
            raise ProviderError(f"--provider-option takes KEY=VALUE, got '{option}'")
    keys = [key for key, _, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ProviderError(f"--provider-option gives {twice[0]} twice: give it once")
    if name is None and pairs:
        raise ProviderError("--provider-option goes with --provider: name the one that takes it")
    return None if name is None else [(name, {key: value for key, _, value in pairs})]


def in_words(explainer: Explainer) -> str:
    """What computes; of a model package also which variant."""
    bundle = explainer.bundle
    variant = f", variant {bundle.manifest.precision}" if bundle.package else ""
    return explainer.provider + variant


def class_asked_for(text: str | None) -> Target | None:
    """`--target`: digits are an index, everything else a label.

    Raises:
        TargetError: more digits than any index has.
    """
    if not text or not text.isdecimal():
        return text
    if len(text) > 18:
        raise TargetError(f"no class has an index of {len(text)} digits, as --target says")
    return int(text)
