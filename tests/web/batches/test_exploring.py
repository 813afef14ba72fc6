"""The runs of a batch among each other, and a choice of them by their parameters and metrics."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from adapters.plans.combinations import Surface
from tests.web.conftest import RunMaker


@pytest.fixture
def grid(make_run: RunMaker) -> dict[tuple[int, int], str]:
    """Six completed runs of a batch called grid, by their parameters."""
    return {
        (fast, slow): make_run(
            batch_id="grid", rule_type="MA_CROSS", params={"fast": fast, "slow": slow}
        )
        for fast in (5, 10, 20)
        for slow in (50, 100)
    }


def ranked(page: str) -> list[str]:
    table = page[
        page.index('id="best-runs"') : page.index("</table>", page.index('id="best-runs"'))
    ]
    return re.findall(r'/result/([0-9a-f-]{36})">', table)


def test_points_are_columns_in_the_order_of_submission(
    browser_client: FlaskClient, grid: dict[tuple[int, int], str]
) -> None:
    points = browser_client.get("/api/batches/grid/points").json

    schemas = browser_client.get("/api/openapi.json").json["components"]
    Draft202012Validator({"$ref": "#/components/schemas/Points", "components": schemas}).validate(
        points
    )
    assert [*zip(points["params"]["fast"], points["params"]["slow"], strict=True)] == [*grid]
    assert (points["runs"], points["chosen"]) == (6, 6)
    assert points["run_ids"] == [*grid.values()]
    for place, run_id in enumerate(grid.values()):
        metrics = browser_client.get(f"/api/runs/{run_id}").json["metrics"]
        assert {name: column[place] for name, column in points["metrics"].items()} == {
            name: metrics[name] for name in points["metrics"]
        }


def test_a_choice_ranks_the_chosen_runs_alone(
    browser_client: FlaskClient, grid: dict[tuple[int, int], str]
) -> None:
    query = {"where": "fast >= 10 and slow < 100 and num_trades > 0"}
    chosen = {grid[10, 50], grid[20, 50]}

    page = browser_client.get("/batches/grid", query_string=query).text

    assert set(ranked(page)) == chosen
    assert "2 of 6 runs where" in page
    assert browser_client.get("/api/batches/grid/points", query_string=query).json["chosen"] == 2
    assert set(ranked(browser_client.get("/batches/grid").text)) == {*grid.values()}


def test_the_pictures_are_of_the_runs_that_the_page_ranks(
    browser_client: FlaskClient, grid: dict[tuple[int, int], str]
) -> None:
    query = {"constraint": "num_trades >= 8", "ticker": "", "goal": "min", "where": "fast >= 10"}

    page = browser_client.get("/batches/grid", query_string=query).text
    (address,) = re.findall('data-points="([^"]+)"', page)
    points = browser_client.get(html.unescape(address)).json

    assert 0 < points["runs"] < 6
    assert f"of {points['runs']} runs where" in page
    assert 'href="/batches/grid?goal=min&amp;constraint=num_trades+%3E%3D+8">Show all' in page


@pytest.mark.parametrize("where", ["height > 3", "fast", "fast >", "__import__('os')"])
def test_a_choice_that_is_invalid_is_refused_by_field(
    browser_client: FlaskClient, grid: dict[tuple[int, int], str], where: str
) -> None:
    for path in ("/batches/grid", "/api/batches/grid/points"):
        answer = browser_client.get(
            path, query_string={"where": where}, headers={"Accept": "application/json"}
        )

        assert (answer.status_code, [*answer.json["errors"]]) == (400, ["where"])


def test_runs_are_chosen_by_a_metric_before_any_has_completed(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    make_run("pending", batch_id="grid")

    for path in ("/batches/grid", "/api/batches/grid/points"):
        assert browser_client.get(f"{path}?where=num_trades > 3").status_code == 200


def test_points_of_no_batch_are_not_found(browser_client: FlaskClient) -> None:
    assert browser_client.get("/api/batches/none/points").status_code == 404


def test_a_parameter_explains_what_lies_between_its_values() -> None:
    params = {"all": [1, 1, 2, 2], "none": [1, 2, 1, 2], "half": [1, 2, 2, 2]}
    surface = Surface([1.0, 1.0, 3.0, 3.0], ["a", "b", "c", "d"], params)

    assert surface.importance("all") == 1.0
    assert surface.importance("none") == 0.0
    # the means 1 and 7/3, of variance 1 around 2
    assert surface.importance("half") == pytest.approx(1 / 3)
    assert Surface([1.0, 1.0], ["a", "b"], {"all": [1, 2]}).importance("all") is None
