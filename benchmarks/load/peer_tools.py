"""The peers: how each is asked for a rate, and what each says of itself when it is done.

All get 64 connections and the same three seconds. A tool that knows open and closed models gets the open one.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """The rate and the latencies that a tool tells; NaN where it tells none."""

    rate_rps: float = float("nan")
    p50_ms: float = float("nan")
    p99_ms: float = float("nan")
    note: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """`command` writes what it needs into the folder; `claim` reads what was printed, and what it left there.

    `model` is "open", "closed" (each connection waits for its answer, at a rate of its own) or "none" (no rate at all).
    """

    name: str
    model: str
    command: Callable[[Path, str, int, float, Path], list[str]]
    claim: Callable[[str, Path], Claim]
    version: Callable[[Path], str]


def _k6(tool: Path, url: str, rate: int, seconds: float, folder: Path) -> list[str]:
    scenario = {
        "executor": "constant-arrival-rate",
        "rate": rate,
        "timeUnit": "1s",
        "duration": f"{seconds:g}s",
        "preAllocatedVUs": CONNECTIONS,
        "maxVUs": CONNECTIONS,
        "gracefulStop": "5s",
    }
    options = {"discardResponseBodies": True, "summaryTrendStats": ["med", "p(99)"], "scenarios": {"all": scenario}}
    script = folder / "script.js"
    script.write_text(
        f"import http from 'k6/http';\nexport const options = {json.dumps(options)};\n"
        f"export default function () {{ http.get({json.dumps(url)}); }}\n"
    )
    return [str(tool), "run", "--quiet", "--no-usage-report", f"--summary-export={folder / 'k6.json'}", str(script)]


def _k6_claim(_: str, folder: Path) -> Claim:
    metrics = json.loads((folder / "k6.json").read_text())["metrics"]
    took, dropped = metrics["http_req_duration"], metrics.get("dropped_iterations", {}).get("count", 0)
    note = f"{dropped} dropped" if dropped else ""
    return Claim(metrics["http_reqs"]["rate"], took["med"], took["p(99)"], note)


def _vegeta(tool: Path, url: str, rate: int, seconds: float, folder: Path) -> list[str]:
    (folder / "targets").write_text(f"GET {url}\n")
    words = ["attack", f"-targets={folder / 'targets'}", f"-output={folder / 'vegeta.bin'}", f"-rate={rate}/s"]
    return [str(tool), *words, f"-duration={seconds:g}s", f"-workers={CONNECTIONS}", f"-max-workers={CONNECTIONS}"]


def _vegeta_claim(tool: Path) -> Callable[[str, Path], Claim]:
    def claim(_: str, folder: Path) -> Claim:
        words = [str(tool), "report", "-type=json", str(folder / "vegeta.bin")]
        told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
        return Claim(told["rate"], told["latencies"]["50th"] / 1e6, told["latencies"]["99th"] / 1e6)

    return claim


def _oha(tool: Path, url: str, rate: int, seconds: float, _: Path) -> list[str]:
    words = ["--no-tui", "--latency-correction", "--output-format", "json", "-c", str(CONNECTIONS), "-q", str(rate)]
    return [str(tool), *words, "-z", f"{seconds:g}s", url]


def _oha_claim(printed: str, _: Path) -> Claim:
    told = json.loads(printed)
    spread = told["latencyPercentiles"]
    return Claim(told["summary"]["requestsPerSec"], spread["p50"] * 1e3, spread["p99"] * 1e3)


def _hey(tool: Path, url: str, rate: int, seconds: float, _: Path) -> list[str]:
    return [str(tool), "-c", str(CONNECTIONS), "-q", f"{rate / CONNECTIONS:g}", "-z", f"{seconds:g}s", url]


def _hey_claim(printed: str, _: Path) -> Claim:
    return Claim(
        _number(r"Requests/sec:\s+([\d.]+)", printed),
        _number(r"50%+ in ([\d.]+) secs", printed) * 1e3,
        _number(r"99%+ in ([\d.]+) secs", printed) * 1e3,
    )


def _wrk(tool: Path, url: str, _: int, seconds: float, __: Path) -> list[str]:
    return [str(tool), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", url]


def _wrk_claim(printed: str, _: Path) -> Claim:
    return Claim(
        _number(r"Requests/sec:\s+([\d.]+)", printed),
        _time_ms(r"50%\s+(\S+)", printed),
        _time_ms(r"99%\s+(\S+)", printed),
    )


def _locust(tool: Path, url: str, rate: int, seconds: float, folder: Path) -> list[str]:
    host, _, path = url.rpartition("/")
    (folder / "locustfile.py").write_text(
        "from locust import FastHttpUser, constant_throughput, task\n\n\n"
        "class Asks(FastHttpUser):\n"
        f"    wait_time = constant_throughput({rate / CONNECTIONS})\n\n"
        f"    @task\n    def ask(self):\n        self.client.get('/{path}')\n"
    )
    words = ["-m", "locust", "-f", str(folder / "locustfile.py"), "--headless", "--json", "--host", host]
    return [str(tool), *words, "-u", str(CONNECTIONS), "-r", "100", "-t", f"{seconds:g}s", "--loglevel", "ERROR"]


def _locust_claim(printed: str, _: Path) -> Claim:
    (line,) = json.loads(printed[printed.index("[") :])
    total, spread = line["num_requests"], sorted((float(k), n) for k, n in line["response_times"].items())
    length_s = line["last_request_timestamp"] - line["start_time"]

    def rank(share: float) -> float:
        seen = 0
        for value, count in spread:
            seen += count
            if seen >= share * total:
                return value
        return float("nan")

    return Claim(total / length_s if length_s else float("nan"), rank(0.5), rank(0.99))


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else float("nan")


def _time_ms(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    parts = re.fullmatch(r"([\d.]+)(us|ms|s)", found[1]) if found else None
    return float(parts[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[parts[2]] if parts else float("nan")


def _go_version(tool: Path) -> str:
    told = subprocess.run(["go", "version", "-m", str(tool)], capture_output=True, text=True, check=False).stdout
    found = re.search(r"^\s+mod\s+\S+\s+v(\S+)", told, re.MULTILINE)
    return found[1] if found else "?"


def _asked(*words: str) -> Callable[[Path], str]:
    def version(tool: Path) -> str:
        done = subprocess.run([str(tool), *words], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
        return found[0] if found else "?"

    return version


def peers(tools: dict[str, Path], python: Path) -> list[Peer]:
    """Those that are installed; Locust is in our own environment."""
    known = [
        Peer("k6", "open", _k6, _k6_claim, _go_version),
        Peer("vegeta", "open", _vegeta, _vegeta_claim(tools.get("vegeta", Path())), _go_version),
        Peer("oha", "open", _oha, _oha_claim, _asked("--version")),
        Peer("hey", "closed", _hey, _hey_claim, _go_version),
        Peer("wrk", "none", _wrk, _wrk_claim, _asked("-v")),
    ]
    there = [peer for peer in known if peer.name in tools]
    tools["Locust"] = python
    return [*there, Peer("Locust", "closed", _locust, _locust_claim, _asked("-m", "locust", "--version"))]
