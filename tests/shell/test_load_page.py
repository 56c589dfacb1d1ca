"""Locust's own page in a real browser, while a load runs that another machine has joined."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from load_rig import DEADLINE_S, outcomes, scene
from playwright.async_api import async_playwright, expect

from harness.load.client import driver_environment
from harness.load.cluster.talk import our_version
from harness.model.rows import NO_CONN, Outcome
from harness.system.ports import Ports

pytestmark = pytest.mark.real

CONTROLS = ("/swarm", "/stop", "/stats/reset")


def join(port: int, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "harness.cli.main", "join", f"127.0.0.1:{port}", "--wait", "3"]
    env = {**driver_environment(), "SHAKEDOWN_STATE": str(folder / "state"), "TMPDIR": str(folder)}
    return subprocess.Popen(command, env=env, cwd=folder, stderr=subprocess.PIPE, text=True)


STALE = """
import sys
import harness.load.cluster.talk as talk
from harness.load.cluster.worker import main

talk.our_version = lambda: "Shakedown 0.0.1"
raise SystemExit(main(sys.argv[1:]))
"""


def join_with_another_version(port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-c", STALE, "127.0.0.1", str(port)]
    return subprocess.run(command, env=driver_environment(), capture_output=True, text=True, timeout=DEADLINE_S)


async def look_at(web_port: int) -> None:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "this test needs Chromium: apt-get install chromium"
    address = f"http://127.0.0.1:{web_port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        await page.goto(address)
        shown = page.get_by_role("row").filter(has_text="/ok")
        await expect(shown.first).to_contain_text("POST", timeout=DEADLINE_S * 1000)
        await browser.close()
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        told = (await client.get("/stats/requests")).json()
        assert {entry["name"] for entry in told["stats"]} == {"POST /ok", "Aggregated"}
        for control in CONTROLS:
            assert (await client.post(control)).status_code == 403


def test_a_load_that_another_machine_has_joined_is_shown_live(tmp_path: Path) -> None:
    async def play() -> None:
        ports = Ports()
        port, web_port = ports.take(), ports.take()
        options = ("--port", str(port), "--web", str(web_port))
        async with scene(tmp_path, 1, 120, *options) as load:
            helper = join(port, tmp_path)
            try:
                stale = await asyncio.to_thread(join_with_another_version, port)
                assert (stale.returncode, our_version() in stale.stderr) == (64, True), stale.stderr
                assert "this machine has Shakedown 0.0.1" in stale.stderr
                await load.until_noted("load-worker-joined")
                await look_at(web_port)
                await load.driver.stop(2.0)
                done, rows = await load.end()
            except BaseException:
                helper.kill()
                raise
            finally:
                _, told = await asyncio.to_thread(helper.communicate, timeout=DEADLINE_S)
            assert (helper.returncode, done.workers) == (0, 2), told
            assert "1 load made" in told
            assert outcomes(rows).keys() == {Outcome.OK, Outcome.NOT_SENT_STOP}
            assert {conn >> 26 for conn in rows["conn"].tolist() if conn != NO_CONN} == {0, 1}
            assert not [name for name in os.listdir(tmp_path) if name.startswith("shakedown-")]

    asyncio.run(play())
