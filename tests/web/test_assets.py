"""Style sheets, scripts and pages as browsers load them: small, and cached where they cannot change."""

import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

ZIPPED = {"Accept-Encoding": "br, gzip"}
SHEETS = Path(__file__).parents[2] / "web" / "static" / "css"


def addresses(client: FlaskClient) -> list[str]:
    return re.findall(
        r'(?:href|src)="(/static/[^"]+)"', client.get("/runs").get_data(as_text=True)
    )


def test_static_files_are_compressed_and_kept_forever(browser_client: FlaskClient) -> None:
    loaded = addresses(browser_client)

    assert {Path(each).suffix for each in loaded} == {".css", ".js", ".svg"}
    for address in loaded:
        plain, zipped = browser_client.get(address), browser_client.get(address, headers=ZIPPED)
        assert gzip.decompress(zipped.data) == plain.data, address
        assert zipped.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in zipped.headers["Vary"]


def test_a_file_of_another_version_is_not_kept_under_its_name(
    browser_client: FlaskClient,
) -> None:
    other = re.sub(r"/static/\w+/", "/static/0123456789abcdef/", addresses(browser_client)[-1])

    assert browser_client.get(other).headers["Cache-Control"] == "no-cache"
    assert browser_client.get("/static/0123456789abcdef/js/none.js").status_code == 404


@pytest.mark.parametrize("path", ["/runs", "/api/rules"])
def test_pages_and_json_are_compressed_for_those_who_ask(
    browser_client: FlaskClient, path: str
) -> None:
    plain, zipped = browser_client.get(path), browser_client.get(path, headers=ZIPPED)

    assert gzip.decompress(zipped.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert len(zipped.data) < len(plain.data) / 2


def test_a_compressed_answer_is_known_again_by_its_etag(browser_client: FlaskClient) -> None:
    first = browser_client.get("/api/rules", headers=ZIPPED)

    again = browser_client.get(
        "/api/rules", headers=ZIPPED | {"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.data) == (304, b"")


def test_the_palette_has_all_colours_each_light_and_dark() -> None:
    palette, *others = (
        (SHEETS / f"{name}.css").read_text("utf-8") for name in ("palette", "terminal", "charts")
    )

    meanings = re.findall(r"--[\w-]+: (.*);", palette)
    assert len(meanings) > 20
    assert all(
        re.fullmatch(r"light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\)", each) for each in meanings
    )
    assert [
        colour for sheet in others for colour in re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(", sheet)
    ] == []


def test_letters_have_one_of_five_sizes() -> None:
    sizes = {
        size
        for sheet in ("terminal.css", "charts.css")
        for size in re.findall(
            r"font-size: ([^;}]+)", (SHEETS / sheet).read_text(encoding="utf-8")
        )
        if not size.startswith("clamp(")  # the queue's wall display
    }

    assert {size.strip() for size in sizes} - {"19px"} == {
        f"var(--size-{number})" for number in range(1, 6)
    }
