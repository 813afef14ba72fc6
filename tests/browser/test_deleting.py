"""Runs that people delete on their pages, after a confirmation that counts what goes, and the notes on them."""

from playwright.sync_api import Dialog, expect

from tests.browser.conftest import Visit
from tests.browser.steps import new_run


def test_a_run_is_deleted_on_its_page_and_several_from_the_list(visit: Visit) -> None:
    page, messages = visit.page, list[str]()

    def answer(dialog: Dialog) -> None:
        messages.append(dialog.message)
        if len(messages) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    page.on("dialog", answer)
    first, second, third = (
        new_run(visit, ticker="IBM", label="to delete", fee_rate=fee)
        for fee in ("0.001", "0.002", "0.003")
    )
    page.goto(first)
    button = page.get_by_role("button", name="Delete", exact=True)

    more = page.get_by_text("More", exact=True)
    more.click()
    page.get_by_role("button", name="Pin").click()
    expect(page.get_by_text("Unpin", exact=True)).to_have_count(1)
    more.click()  # the page was renewed
    button.click()
    expect(page.get_by_role("alert").first).to_contain_text("is pinned; unpin it first")
    page.get_by_role("button", name="Unpin").click()
    expect(page.get_by_text("Unpin", exact=True)).to_have_count(0)
    more.click()
    expect(page.get_by_role("button", name="Pin", exact=True)).to_be_visible()
    button.click()
    expect(button).to_be_enabled()
    assert page.url == first
    button.click()
    page.wait_for_url("**/runs")
    assert [
        each.startswith("Delete this run for good? These go: 1 attempt, 3 events")
        for each in messages
    ] == [
        True,
        True,
    ]

    visit.open("/runs?label=to+delete")
    rows = page.locator("#runs-list tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Select all runs on this page").check()
    page.get_by_role("button", name="Delete 2").click()
    expect(page.locator("#selection-status")).to_have_text("2 runs deleted.")
    expect(rows).to_have_count(0)
    assert messages[2].startswith("Delete 2 runs for good? These go: 2 attempts, 6 events")
    for address in (first, second, third):
        assert page.request.get(address).status == 404


def test_a_note_is_written_below_the_heading(visit: Visit) -> None:
    page = visit.page
    new_run(visit, ticker="IBM", fee_rate="0.004")

    page.get_by_text("Add a note").click()
    page.get_by_label("Note").fill("first line\nsecond line")
    page.locator("#heading").get_by_role("button", name="Save").last.click()

    expect(page.locator("#heading .note")).to_contain_text("first line\nsecond line")
    expect(page.get_by_text("Edit the note")).to_be_focused()
    expect(page.get_by_label("Note")).to_be_hidden()
