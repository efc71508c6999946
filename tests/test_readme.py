"""README's commands work: each one is run, in its order, on a product that is small enough."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from marketfit.brief import load_brief
from marketfit.testing import commands
from marketfit.testing.encoders import small_minilm

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]
MARKETFIT = [shlex.split(line) for line in COMMANDS if line.startswith("marketfit ")]
SURVEY = [words for words in MARKETFIT if words[1] == "survey"]


def test_the_two_commands_exist_and_do_what_ci_does() -> None:
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS
    for target in ("demo", "test", "check", "bench"):
        plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert ".venv/bin/" in plan
    continuous = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "make check" in continuous
    assert "make test" in continuous


def test_every_command_is_shown() -> None:
    shown = {words[1] for words in MARKETFIT}
    wanted = "new check run report predict serve feedback improve promote rollback verify export survey"
    assert shown == set(wanted.split())
    assert {words[2] for words in SURVEY} == {"design", "serve", "read", "report", "simulate"}


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_brief_is_a_brief(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    home = ROOT / "examples" / "home-assistant"
    for name in (home / "survey", home / "market", home / "utterances.csv"):
        (tmp_path / name.name).symlink_to(name)
    (tmp_path / "brief.yaml").write_text(text, encoding="utf-8")
    assert load_brief(tmp_path / "brief.yaml").product == "home-assistant"
    assert yaml.safe_load(text)["require"]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `marketfit new my-product` writes, made quick; the folder that holds it."""
    folder = tmp_path_factory.mktemp("readme")
    marketfit(["marketfit", "new", "my-product"], folder)
    brief = folder / "my-product" / "brief.yaml"
    text = brief.read_text(encoding="utf-8")
    backbone = small_minilm(folder / "backbone")
    text = text.replace("[minilm] ", f"['{backbone}#static'] ").replace('">= 0.6"', '">= 0.3"')
    text = re.sub(r"budget: {.*?}", "budget: {trials: 2, minutes: 30}", text) + "compress: {trials: 0}\n"
    brief.write_text(text, encoding="utf-8")
    (folder / "messages.csv").write_text("text\nwhere is my parcel\n", encoding="utf-8")
    (folder / "corrections.csv").write_text("text,label\nthe courier lost my box,delivery\n", encoding="utf-8")
    return folder


def marketfit(words: list[str], folder: Path) -> str:
    done = commands.begin(words[1:], cwd=folder).finish(timeout=280)
    assert done.returncode == 0 or (words[1] == "rollback" and "no champion before" in done.stderr), done.stderr
    return done.stdout


def bundle_in(folder: Path) -> str:
    return str(next((folder / "my-product" / "marketfit-workspace" / "bundles").iterdir()))


@pytest.mark.timeout(600)
def test_the_commands_run_in_their_order(product: Path) -> None:
    for words in MARKETFIT:
        if words[1] in ("new", "survey"):
            continue  # the fixture has run it; surveys have a test of their own
        if words[1] == "serve":
            serve([*words[:-1], "0"], product)
            continue
        filled = [bundle_in(product) if word == "BUNDLE" or word.endswith("/NAME") else word for word in words]
        assert marketfit(filled, product).strip() or words[1] == "rollback"


@pytest.mark.timeout(600)
def test_the_survey_commands_run_in_their_order(tmp_path: Path) -> None:
    example = tmp_path / "examples" / "home-assistant"
    shutil.copytree(ROOT / "examples" / "home-assistant", example, ignore=shutil.ignore_patterns("marketfit-workspace"))
    brief = example / "brief.yaml"  # hierarchical Bayes, which judges the respondents too, has tests of its own
    quicker = "  model: logit\n  drop_careless: false\n  goal: profit"
    brief.write_text(brief.read_text("utf-8").replace("  goal: profit", quicker), "utf-8")
    for words in SURVEY:
        if words[2] in ("serve", "read"):
            continue  # tests/serve serves a survey, fills it in and reads its answers
        said = marketfit([*words, *(["--out", str(tmp_path / "design")] if words[2] == "design" else [])], tmp_path)
        assert said.strip()


def serve(words: list[str], folder: Path) -> None:
    """Start the server, see it answer, stop it as a terminal would."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words, "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = ""
        deadline = time.monotonic() + 60
        while "}" not in told and time.monotonic() < deadline:
            told += process.stdout.readline()
        found = re.search(r'"url": "(.*?)"', told)
        assert found, told
        with urllib.request.urlopen(f"{found[1]}/readyz", timeout=10) as response:
            assert response.status == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_the_python_lines_run(product: Path) -> None:
    (code,) = [block for block in blocks("python") if "import marketfit" in block]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=product, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stderr
