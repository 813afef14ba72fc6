"""scripts/verify_mvp.py says why a platform does not work; other tests run it on platforms that do."""

import subprocess
import sys

from flask import Flask

from adapters.settings import PROJECT_ROOT
from tests.services.live_web import served


def verified(url: str) -> "subprocess.CompletedProcess[str]":
    # -S: without installed packages, as a machine has it that is no checkout's own
    command = [sys.executable, "-S", "scripts/verify_mvp.py", url, "--wait-s", "0"]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_a_page_in_the_place_of_an_answer_is_named() -> None:
    proxy = Flask(__name__)
    proxy.add_url_rule("/health", "health", lambda: "<h1>Welcome</h1>")

    with served(proxy) as url:
        ended = verified(url)

    assert ended.returncode == 1
    assert ended.stderr == "FAILED: /health answers with b'<h1>Welcome</h1>', not with JSON\n"


def test_an_address_that_is_none_is_named() -> None:
    ended = verified("nowhere")

    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "FAILED: url 'nowhere' does not begin with http:// or https://"
    )
