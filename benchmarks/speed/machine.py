"""What the machine is, and the versions of all that takes part."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from sheet import Sheet
from worker import Setting

PACKAGES = (
    "camexport",
    "onnxruntime",
    "numpy",
    "opencv-python",
    "torch",
    "torchvision",
    "grad-cam",
    "torchcam",
)
OF_OPENVINO = ("openvino", "openvino-xai", "numpy", "opencv-python")
INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
)


def machine(setting: Setting) -> Sheet:
    """Processor, memory, system, versions, threads: two columns."""
    cores = len(os.sched_getaffinity(0))
    cpu = _fields("/proc/cpuinfo")
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    has = [flag for flag in INSTRUCTIONS if flag in flags]
    memory = int(_fields("/proc/meminfo")["MemTotal"].split()[0]) / 2**20
    kernel = ".".join(platform.release().split(".")[:2])
    rows = [
        ("processor", f"{_name(cpu)}, {cores} {'virtual ' * ('hypervisor' in flags)}cores"),
        ("instruction sets", ", ".join(has)),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{_system()}, Linux {kernel}"),
        ("Python", platform.python_version()),
        ("versions", _versions(PACKAGES)),
        ("threads", f"{setting.threads} in ONNX Runtime (intra-op), PyTorch, OpenCV, OpenMP"),
        ("load before the run", f"{os.getloadavg()[0]:.1f}"),
    ]
    if setting.openvino_xai is not None:
        rows.insert(-2, ("OpenVINO's own environment", _versions_in(setting.openvino_xai)))
        rows[-2] = ("threads", f"{rows[-2][1]}, OpenVINO")
    return Sheet("Machine", ("", ""), tuple(rows))


def _fields(path: str) -> dict[str, str]:
    """The first block of `key: value` lines."""
    block = Path(path).read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in block.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _name(cpu: dict[str, str]) -> str:
    """The model's name; some virtual machines hide all but family and model."""
    name = cpu.get("model name", platform.machine())
    known = "cpu family" in cpu
    return f"{name} (family {cpu['cpu family']}, model {cpu['model']})" if known else name


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _versions(packages: tuple[str, ...]) -> str:
    return ", ".join(f"{package} {version(package)}" for package in packages)


def _versions_in(python: Path) -> str:
    code = (
        "import platform\nfrom importlib.metadata import version\n"
        f"found = ', '.join(f'{{name}} {{version(name)}}' for name in {OF_OPENVINO})\n"
        "print(f'{found}, Python {platform.python_version()}')"
    )
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
