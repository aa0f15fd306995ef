"""`hpo serve` as a process: where it listens, what it refuses to do, what it logs, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hpo.cli import run
from hpo.serve import listening
from hpo.serve.http import logs
from hpo.serve.settings import Settings, read_settings
from hpo.serve.tokens import FRESH_SECONDS
from tests.hpo.serve.started import Started
from tests.running import Call

Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `hpo serve ARGUMENTS` in an empty folder, on any free port."""
    running: list[Started] = []

    def begin(*arguments: str, **environment: str) -> Started:
        running.append(Started(tmp_path, arguments, environment))
        return running[-1]

    yield begin
    for one in running:
        one.process.kill()
        one.process.wait()


def test_it_says_where_it_is_and_ends_as_a_signal_asks(start: Start, tmp_path: Path) -> None:
    service = start()
    assert service.url.startswith("http://127.0.0.1:")
    assert str(tmp_path / "hpo.db") in service.line("sqlite")
    assert service.line(str(tmp_path / "hpo-serve"))
    assert "nobody needs a token" in service.line("Only this machine")
    assert httpx.get(f"{service.url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/health/ready").json() == {"status": "ok"}
    assert service.stop() == 143
    assert service.out == ""
    assert not any("Traceback" in line for line in service.lines)


@pytest.mark.slow
def test_ctrl_c_ends_it(start: Start) -> None:
    service = start()
    assert httpx.get(f"{service.url}/health/live").status_code == 200
    assert service.stop(signal.SIGINT) == 130


def test_the_log_is_json_lines_without_secrets(start: Start, call_hpo: Call) -> None:
    text = call_hpo("token create laptop --scope read --owner ada").out.strip()
    service = start()
    assert "needs a token" in service.line("Every request")
    with httpx.Client(base_url=service.url) as client:
        answer = client.get("/api/v1?key=canary-1", headers={"Authorization": f"Bearer {text}"})
        client.post("/sign-in", data={"token": text})
        client.get("/searches/x%0a?key=canary-2", headers={"Cookie": "hpo=canary-3"})
        client.get("/%0aforged", headers={"Authorization": "Bearer canary-4"})
    line = json.loads(service.line(answer.headers["x-request-id"]))
    assert line | {
        "event": "request", "method": "GET", "path": "/api/v1", "status": 200, "owner": "ada",
    } == line  # fmt: skip
    assert line["ms"] > 0
    assert service.stop() == 143
    whole = "\n".join(service.lines)
    assert "canary" not in whole
    assert text not in whole
    assert len(service.records()) == 4


@pytest.mark.slow
def test_a_request_is_finished_before_it_ends_and_a_second_signal_does_not_wait(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, time\nimport hpo.serve.api.about as about\n"
        "def slow():\n    pathlib.Path('begun').touch()\n"
        "    while not pathlib.Path('go_on').exists():\n        time.sleep(0.02)\n"
        "    return 'done'\n"
        "about.router.add_api_route('/slow', slow, methods=['GET'])\n"
    )
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"
    for second in (False, True):
        for name in ("begun", "go_on"):
            (tmp_path / name).unlink(missing_ok=True)
        service = start(PYTHONPATH=path)
        answers: list[Any] = []
        url = f"{service.url}/api/v1/slow"

        def ask(url: str = url, answers: list[Any] = answers) -> None:
            try:
                answers.append(httpx.get(url, timeout=30).json())
            except httpx.TransportError:
                answers.append("cut off")

        asking = threading.Thread(target=ask)
        httpx.get(f"{service.url}/health/live")
        asking.start()
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(httpx.TransportError):  # until it has heard
            while True:
                httpx.get(f"{service.url}/health/live")
        if second:
            assert service.stop() == 143
            assert time.monotonic() - began < 15  # the request has 20 seconds to end
        else:
            (tmp_path / "go_on").touch()
            assert service.process.wait(30) == 143
        asking.join()
        assert answers == (["cut off"] if second else ["done"])


def test_who_follows_events_is_let_go_at_once(start: Start) -> None:
    service = start()
    with httpx.Client(base_url=f"{service.url}/api/v1", timeout=30) as client:
        plan = {"space": {"x": "0:1"}, "epochs": 1, "metric": "score", "direction": "maximize"}
        made = client.post("/searches", json={"name": "s", "kind": "remote", "plan": plan})
        assert made.status_code == 201, made.text
        with client.stream("GET", "/searches/s/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            parts = stream.iter_raw()
            next(parts)
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            for _ in parts:
                pass  # to its end, which is a proper one
        assert service.process.wait(30) == 143
        assert time.monotonic() - began < 15  # requests have 20 seconds to end
    assert not [line for line in service.lines if "error" in line or "Traceback" in line]


# One line, the status, and nothing made, for what can't be.


def refused(call: Call, line: str, status: int, *words: str) -> None:
    """Check that a command ends with one line that has these words."""
    done = call(line)
    assert (done.status, done.out) == (status, ""), done
    assert len(done.err.splitlines()) == 1, done.err
    for word in words:
        assert word in done.err


def test_it_does_not_open_itself_to_others_by_accident(call_hpo: Call) -> None:
    refused(call_hpo, "serve --host 0.0.0.0", 2, "--tls-cert", "--insecure")
    assert not Path("hpo.db").exists()
    refused(call_hpo, "serve --host 0.0.0.0 --insecure", 2, "token", "hpo token create")
    refused(call_hpo, "serve --allow-host hpo.example", 2, "hpo token create")
    refused(call_hpo, "serve --host nowhere.invalid", 2, "nowhere.invalid")
    call_hpo("token create laptop --scope run --owner ada")
    call_hpo("token revoke laptop")
    refused(call_hpo, "serve --host 0.0.0.0 --insecure", 2, "hpo token create")


def test_what_can_not_be_used_is_said_in_one_line(call_hpo: Call, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused(call_hpo, f"serve --port {port}", 1, str(port), "--port")
    Path("file").touch()
    refused(call_hpo, "serve --folder file/x", 1, "file/x", "--folder")
    refused(call_hpo, "serve --storage sqlite:///no/such/folder.db", 1, "no/such")
    refused(call_hpo, "serve --storage mysql://h/d", 1, "mysql")
    refused(call_hpo, "serve --config none.toml", 2, "none.toml")
    Path("bad.toml").write_text("jobs = 0\n")
    refused(call_hpo, "serve --config bad.toml", 2, "bad.toml", "jobs")
    Path("bad.toml").write_text("[limits]\ntrails = 3\n")
    refused(call_hpo, "serve --config bad.toml", 2, "bad.toml", "trails")
    refused(call_hpo, "serve --tls-cert none.pem", 2, "none.pem")
    refused(call_hpo, "serve --tls-key file", 2, "--tls-cert")
    refused(call_hpo, "serve --tls-cert file", 2, "file", "PEM")


def test_init_writes_every_setting_and_reads_them_back(call_hpo: Call) -> None:
    assert call_hpo("serve --init serve.toml").status == 0
    written = Path("serve.toml")
    assert read_settings(written) == Settings()
    fields = tomllib.loads(written.read_text())
    assert fields["limits"]["trials"] == Settings().limits.trials
    for name, field in {**Settings.model_fields, **type(Settings().limits).model_fields}.items():
        assert name in written.read_text()
        assert name == "limits" or str(field.description) in written.read_text()
    refused(call_hpo, "serve --init serve.toml", 1, "serve.toml")


def test_its_names_are_those_of_the_machine_when_others_reach_it() -> None:
    here = listening.address_of("127.0.0.1", 1)
    assert here.loopback
    assert listening.names_of(here, ["Hpo.Example."]) == ("localhost", "hpo.example")
    everywhere = listening.address_of("0.0.0.0", 1)  # noqa: S104 - nothing listens
    assert not everywhere.loopback
    assert socket.gethostname().lower() in listening.names_of(everywhere, [])
    assert listening.address_of("localhost", 1).loopback


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of our own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl here that makes a certificate")
    return cert, key


def test_on_tls_others_come_in_with_a_token(
    start: Start, call_hpo: Call, certificate: tuple[Path, Path]
) -> None:
    text = call_hpo("token create laptop --scope run --owner ada").out.strip()
    cert, key = certificate
    service = start("--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key))  # noqa: S104
    assert service.url.startswith("https://0.0.0.0:")
    context = ssl.create_default_context(cafile=str(cert))
    with httpx.Client(base_url=f"https://127.0.0.1:{service.port}", verify=context) as client:
        assert client.get("/api/v1").status_code == 401
        assert client.get("/metrics").status_code == 401
        headers = {"Authorization": f"Bearer {text}"}
        answer = client.get("/api/v1", headers=headers)
        assert answer.json()["owner"] == "ada"
        assert answer.headers["strict-transport-security"]
        cookie = client.post("/sign-in", data={"token": text}).headers["set-cookie"]
        assert cookie.startswith("__Host-hpo=")
        assert "Secure" in cookie
        assert client.get("/api/v1", headers={"Host": "evil.example"}).status_code == 421
    assert not [line for line in service.lines if "Warning" in line]
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{service.port}/health/live")


@pytest.mark.slow
def test_a_proxy_in_front_is_believed_where_it_has_a_name(start: Start, call_hpo: Call) -> None:
    text = call_hpo("token create laptop --scope run --owner ada").out.strip()
    service = start("--allow-host", "hpo.example")
    forwarded = {
        "Host": "hpo.example", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https",
    }  # fmt: skip
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/api/v1", headers=forwarded).status_code == 401
        answer = client.get("/api/v1", headers=forwarded | {"Authorization": f"Bearer {text}"})
        assert answer.json()["owner"] == "ada"
        assert answer.headers["strict-transport-security"]
    assert '"203.0.113.9"' in service.line(answer.headers["x-request-id"])


@pytest.mark.slow
def test_without_tls_it_warns(start: Start, call_hpo: Call) -> None:
    call_hpo("token create laptop --scope run --owner ada")
    service = start("--host", "0.0.0.0", "--insecure")  # noqa: S104
    assert "unencrypted" in service.line("Warning")


@pytest.mark.slow
def test_a_token_made_and_revoked_by_another_process_counts_at_once(
    start: Start, call_hpo: Call
) -> None:
    service = start()
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/api/v1").status_code == 200
        text = call_hpo("token create laptop --scope run --owner ada").out.strip()
        time.sleep(FRESH_SECONDS + 0.1)
        assert client.get("/api/v1").status_code == 401
        headers = {"Authorization": f"Bearer {text}"}
        assert client.get("/api/v1", headers=headers).status_code == 200
        call_hpo("token revoke laptop")
        time.sleep(FRESH_SECONDS + 0.1)
        assert client.get("/api/v1", headers=headers).status_code == 401


def test_log_lines_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up()
    try:
        logs.log("a\nb", path="/\n{}", error=RuntimeError("x\ny"))
    finally:
        logs.LOGGER.handlers = []
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["path"] == "/\n{}"


def test_help_says_what_insecure_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--help"]) == 0
    assert "read and use every token" in " ".join(capsys.readouterr().out.split())


def test_nothing_heavy_is_imported_before_it_answers() -> None:
    program = "import sys, hpo.serve.running; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"pandas", "sklearn", "scipy", "matplotlib", "optuna", "pyarrow", "torch"}
    assert not heavy & set(done.stdout.split())
