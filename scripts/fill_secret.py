"""The Secret with random values, ready for the cluster: `python scripts/fill_secret.py | kubectl apply -f -`.

Takes the template k8s/secret/secret.example.yaml, so that its keys are listed in one place. Run it once: a second
Secret does not change the passwords that MySQL was initialised with.
"""

import secrets
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent / "k8s/secret/secret.example.yaml"
PLACEHOLDER = ": change-me"


def fill(template: str) -> str:
    """The template with a random value of 192 bits at each placeholder; comments stay comments."""
    lines = template.splitlines()
    return "\n".join(line if line.lstrip().startswith("#") else _fill_line(line) for line in lines) + "\n"


def _fill_line(line: str) -> str:
    return line.replace(PLACEHOLDER, f': "{secrets.token_hex(24)}"')


if __name__ == "__main__":
    sys.stdout.write(fill(TEMPLATE.read_text(encoding="utf-8")))
