"""Counting what a page lists of a queue: other forms than the stand-in's, and what must not be taken for empty."""

import pytest

from vmmigrate.appliance.web import counting
from vmmigrate.appliance.web.reading import read_page

TABLE = "<table><tr><th>Id</th><th>From</th></tr>{}</table>"
ROW = "<tr><td>MAIL1</td><td>a@example.net</td></tr>"
UNKNOWN = None


def counted(below: str, heading: str = "<h2>MPA error</h2>") -> int | None:
    """Of the error queue, on a page whose body is that."""
    page = read_page(
        f"<html><title>Gateway</title><body><h1>MPA queue</h1>{heading}{below}</body></html>", "https://x/"
    )
    found = [section for section in counting.sections(page) if section.queue == "error"]
    assert len(found) == 1
    return found[0].count


@pytest.mark.parametrize(
    ("below", "number"),
    [
        (TABLE.format(""), 0),
        (TABLE.format(ROW * 2), 2),
        (TABLE.format("<tr><td colspan=2>Nothing to display</td></tr>"), 0),
        ("<p>The queue is empty.</p>", 0),
        ("<p>No mail in queue</p>", 0),
        ("<p>There are currently no messages.</p>", 0),
        ("<ul></ul>", 0),
        ("<ul><li>MAIL1 from a@example.net</li><li>MAIL2 from b@example.net</li></ul>", 2),
        ("<p>Number of items: 0</p>", 0),
        ("<p>Total: 1,234</p>" + TABLE.format(ROW), 1234),
        ("<p>Items 1 - 2 of 17</p>" + TABLE.format(ROW * 2), 17),
        ("<p>Page 1 of 1</p>" + TABLE.format(""), 0),
        ("<p>12 messages found</p><div>MAIL1</div>", 12),
        # a message whose words sound like an empty list
        (TABLE.format("<tr><td>MAIL1</td><td>no messages</td></tr>"), 1),
        ("<p>No messages</p>" + TABLE.format(ROW), 1),
        # what says nothing of the number, or something else
        ("", UNKNOWN),
        ("<p>Loading…</p>" + TABLE.format(""), UNKNOWN),
        ("<p>Page 1 of 3</p>" + TABLE.format(""), UNKNOWN),
        ("<div>MAIL1 from a@example.net</div>", UNKNOWN),
        ("<p>25 items per page</p>", UNKNOWN),
        ("<p>No items selected</p>", UNKNOWN),
        ('<table><tr><td>Filter</td><td><input type="text" name="f"></td></tr></table>', UNKNOWN),
        ('<p style="display:none">No messages</p>', UNKNOWN),
        ('<ul class="error-messages"></ul>', UNKNOWN),
        ('<ul><li><a href="/a">Delete all</a></li></ul>', UNKNOWN),
        ("<h3>Other</h3><h2>System</h2><p>The queue is empty</p>", UNKNOWN),
    ],
)
def test_a_count(below: str, number: int | None) -> None:
    assert counted(below) == number


@pytest.mark.parametrize(
    ("heading", "number"), [("MPA error (0)", 0), ("MPA error (7)", 7), ("MPA error: 3 messages", 3)]
)
def test_a_number_in_the_heading(heading: str, number: int) -> None:
    assert counted("", f"<h2>{heading}</h2>") == number


@pytest.mark.parametrize(
    ("text", "queue"),
    [
        ("MPA outgoing", "outgoing"),
        ("Error queue", "error"),
        ("MPA respool (3)", "respool"),
        ("Mail processing agent: spool", "spool"),
        ("MTA queue", "mta"),
        ("Error", ""),  # alone it names an error
        ("Outgoing mail settings", ""),
        ("Requeue", ""),
        ("Error log", ""),
        ("MPA outgoing and error", ""),
    ],
)
def test_a_name(text: str, queue: str) -> None:
    assert counting.queue_in(text) == queue


def test_a_filter_hides_the_rest() -> None:
    form = '<form action="/f" method="get">Filter <input type="text" name="filter" value="{}"></form>'
    assert counting.is_filtered(read_page(form.format("bob"), "https://x/"))
    assert not counting.is_filtered(read_page(form.format(""), "https://x/"))
