"""Print the Secret with random values, ready for the cluster: `python scripts/fill_secret.py | kubectl apply -f -`.

Fills the template k8s/secret/secret.example.yaml, so that its keys are listed in one place. Run it once: a second
Secret does not change the passwords that MySQL was initialised with. The first admin's token is printed on stderr; the
Secret has its digest only.
"""

import hashlib
import re
import secrets
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent / "k8s/secret/secret.example.yaml"
OF_ADMIN = "api-tokens"  # the key whose value is a digest in place of a random value
_PLACEHOLDER = re.compile(r"^( *[\w-]+): change-me", re.MULTILINE)  # comments stay comments


def fill(template: str, admin_token: str) -> str:
    """Fill each placeholder of the template with a random value of 192 bits."""
    digest = hashlib.sha256(admin_token.encode()).hexdigest()
    filled = template.replace(f"{OF_ADMIN}: change-me", f'{OF_ADMIN}: "admin:sha256:{digest}"')
    return _PLACEHOLDER.sub(lambda key: f'{key[1]}: "{secrets.token_hex(24)}"', filled)


if __name__ == "__main__":
    token = secrets.token_urlsafe(32)
    sys.stdout.write(fill(TEMPLATE.read_text("utf-8"), token))
    sys.stderr.write(f"the admin's token, shown this once: {token}\n")
