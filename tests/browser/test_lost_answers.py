"""An answer that gets lost on its way to the browser: clicking again makes no second run."""

from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.steps import new_run, wait_for_result


def lose_the_answer(route: Route) -> None:
    """Let the request reach the server, and its answer nobody."""
    route.fetch()
    route.abort()


def runs_labelled(visit: Visit, label: str) -> int:
    answer = visit.page.request.get(f"{visit.site.url}/api/runs", params={"label": label})
    return len(answer.json()["runs"])


def test_a_run_that_is_sent_again_after_a_lost_answer_is_one_run(visit: Visit) -> None:
    page = visit.page
    visit.open("/")
    page.locator('[name="label"]').fill("lost and sent again")
    page.route("**/run_backtest", lose_the_answer, times=1)

    page.get_by_role("button", name="Run backtest").click()
    expect(page.locator("#form-fault")).to_contain_text("does not answer")
    page.get_by_role("button", name="Run backtest").click()
    wait_for_result(page)

    assert runs_labelled(visit, "lost and sent again") == 1
    visit.expect_fault("ERR_FAILED")


def test_the_same_form_sent_twice_on_purpose_is_two_runs(visit: Visit) -> None:
    for _ in range(2):
        new_run(visit, label="twice on purpose")

    assert runs_labelled(visit, "twice on purpose") == 2


def test_a_reproduction_after_a_lost_answer_is_one_run(visit: Visit) -> None:
    page = visit.page
    new_run(visit, label="reproduced once")
    page.route("**/reproduce", lose_the_answer, times=1)

    page.get_by_role("button", name="Reproduce").click()
    expect(page.locator("#action-fault")).to_contain_text("does not answer")
    page.get_by_role("button", name="Reproduce").click()
    expect(page.locator("#reproduction")).to_be_visible()

    assert runs_labelled(visit, "reproduced once") == 2
    visit.expect_fault("ERR_FAILED")
