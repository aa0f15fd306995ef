"""A search in a Jupyter notebook shows its progress there; in a script on a terminal, or by lines on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SEARCH = """
import time
import hpo
def train(params, *, epochs, seed):
    for epoch in range(epochs):
        time.sleep(0.01)
        if params["x"] > 0.9:
            raise ValueError("too large")
        yield {"accuracy": 1 - (params["x"] - 0.3) ** 2}
study = hpo.search(
    train, space={"x": hpo.Float(0, 1)}, epochs=5, trials=30, name="n", metric="accuracy"
)
"""


@pytest.mark.slow
def test_a_kernel_shows_a_picture_that_is_drawn_over(tmp_path: Path) -> None:
    manager = pytest.importorskip("jupyter_client.manager", reason="ipykernel is not installed")
    shown: list[dict[str, Any]] = []
    kernel, client = manager.start_new_kernel(
        kernel_name="python3",
        cwd=str(tmp_path),
        extra_arguments=[],
    )
    try:
        reply = client.execute_interactive(SEARCH, timeout=60, output_hook=shown.append)
        resumed: list[dict[str, Any]] = []
        client.execute_interactive(
            "hpo.resume('n', trials=40).best.value", timeout=60, output_hook=resumed.append
        )
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", reply["content"]
    first, *_ = [m for m in shown if m["msg_type"] == "display_data"]
    redrawn = [m for m in shown if m["msg_type"] == "update_display_data"]
    assert len(redrawn) > 2
    places = {m["content"]["transient"]["display_id"] for m in [first, *redrawn]}
    assert len(places) == 1
    last = redrawn[-1]["content"]["data"]["text/plain"]
    assert last.startswith("n  confirming, stage ")
    assert " · trainings 30/30 · " in last
    assert " raised an error\nbest 0.99" in last or " raised an error\nbest 1 " in last
    assert "\nx  " in last
    streams = [m["content"] for m in shown if m["msg_type"] == "stream"]
    assert {stream["name"] for stream in streams} == {"stdout"}
    said = "".join(stream["text"] for stream in streams)
    assert said.startswith("n: 30 trainings of 5 epochs\n")
    assert "\nround 0  x  " in said
    assert "\x1b" not in said + last
    assert [m for m in resumed if m["msg_type"] == "display_data"]


@pytest.mark.parametrize("progress", ["None", "False"])
def test_a_script_prints_lines_on_stderr_or_nothing(progress: str, tmp_path: Path) -> None:
    script = SEARCH.replace("0.01", "0").replace('name="n"', f'name="n", progress={progress}')
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[:1] == ([] if progress == "False" else ["n: 30 trainings of 5 epochs"])
    assert (len(lines) > 1) == (progress == "None")
    assert "\x1b" not in done.stderr
