"""The report in a real browser: its script runs, and nothing sticks out of the window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from camruntime.evaluation import Summary, report_html
from summaries import INSPECTED, SUMMARY, gallery, mistakes

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for found in map(shutil.which, NAMES) if found), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"needs one of {', '.join(NAMES)}")

# Put into a copy of the page: the page itself carries nothing for tests.
WATCH = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation", (event) => errors.push(event.blockedURI));
</script>"""
ASK = """<script>
ACTION
const cell = (row) => row.cells[0].textContent;
document.documentElement.dataset.found = JSON.stringify({
  errors,
  width: innerWidth,
  room: document.documentElement.clientWidth,
  needed: document.documentElement.scrollWidth,
  order: [...document.querySelectorAll("table.results tbody tr")].map(cell),
  sorted: [...document.querySelectorAll("[aria-sort]")].map((head) => head.ariaSort),
  hash: location.hash,
  left: [...document.querySelectorAll(".scroll")].map((box) => {
    const cell = box.querySelector("tbody:not(.group) th");
    return cell ? cell.getBoundingClientRect().left - box.getBoundingClientRect().left : 0;
  }),
  scrolled: [...document.querySelectorAll(".scroll")].map((box) => box.scrollLeft),
  cut: [...document.querySelectorAll(".scroll")]
    .filter((box) => box.scrollWidth > box.clientWidth).length,
  hidden: [...document.querySelectorAll("details > :not(summary), nav")]
    .filter((part) => !part.checkVisibility()).length,
  broken: [...document.images].filter((image) => image.complete && !image.naturalWidth).length,
});
</script>"""


def _open(
    folder: Path,
    link: str = "",
    *,
    width: int = 1280,
    action: str = "",
    summary: Summary = SUMMARY,
    printed: bool = False,
) -> dict[str, object]:
    """What the page says of itself when opened with `link`, after the script `action`."""
    text = report_html(summary, gallery(), mistakes())
    if printed:  # what the style sheet says for paper, on a screen that can be asked
        text = text.replace("@media print", "@media all")
    text = text.replace("<head>", f"<head>{WATCH}", 1)
    text = text.replace("</body>", ASK.replace("ACTION", action) + "</body>", 1)
    page = folder / "page.html"
    page.write_text(text, "utf-8")
    command = [
        *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--virtual-time-budget=2000", f"--window-size={width},900"),
        *(f"--user-data-dir={folder / 'profile'}", page.as_uri() + link),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    said = re.search('data-found="([^"]*)"', done.stdout)
    assert said, done.stdout[:2000]
    found: dict[str, object] = json.loads(unescape(said[1]))
    assert found["errors"] == []
    assert found["broken"] == 0
    return found


@pytest.mark.parametrize("width", [1280, 800, 520])
def test_page_fits_its_window(tmp_path: Path, width: int) -> None:
    more = {f"Unbreakable{n}": SUMMARY.metrics["drop"] for n in range(20)}
    wide = replace(SUMMARY, metrics={**SUMMARY.metrics, **more}, layer="layer" * 60)
    found = _open(tmp_path, width=width, summary=wide)
    assert found["width"] == width
    assert found["needed"] == found["room"], "the table scrolls in its own box"
    assert found["order"] == ["cam", "score-cam:<b>=1", "Baselines", "centre"]
    assert found["sorted"] == []


WIDE = replace(
    INSPECTED,
    methods=tuple(
        replace(INSPECTED.methods[0], method=f"{name}-{number}")
        for number in range(9)
        for name in ("integrated-grad-cam", "score-cam")
    ),
    metrics={**INSPECTED.metrics, **{f"M{n}": INSPECTED.metrics["drop"] for n in range(12)}},
)


@pytest.mark.parametrize("width", [1280, 520])
def test_wide_tables_scroll_and_keep_their_first_column(tmp_path: Path, width: int) -> None:
    action = 'for (const box of document.querySelectorAll(".scroll")) box.scrollLeft = 100;'
    found = _open(tmp_path, width=width, action=action, summary=WIDE)
    assert found["needed"] == found["room"]
    scrolled, left = found["scrolled"], found["left"]
    assert isinstance(scrolled, list)
    assert isinstance(left, list)
    assert scrolled[0] == scrolled[1] == 100, "results, and classes by method"
    assert max(map(abs, left)) < 1


def test_on_paper_everything_is_open_and_nothing_scrolls(tmp_path: Path) -> None:
    """Of A4 on its side, 273 of 297 mm are written on: 1032 pixels."""
    screen = _open(tmp_path, width=1032, summary=WIDE)
    assert screen["hidden"] != 0, "folded"
    assert screen["cut"] != 0, "scrolls"
    found = _open(tmp_path, width=1032, summary=WIDE, printed=True)
    assert found["needed"] == found["room"]
    assert found["hidden"] == 1, "the links alone"
    assert found["cut"] == 0


def test_printing_opens_what_is_folded(tmp_path: Path) -> None:
    action = 'dispatchEvent(new Event("beforeprint"));'
    assert _open(tmp_path, action=action, summary=INSPECTED)["hidden"] == 0


def test_a_section_begins_a_page(tmp_path: Path) -> None:
    """Four short ones, which else share pages, and the head before them."""
    drop = {"drop": SUMMARY.metrics["drop"]}
    (method,) = (replace(one, curves={}) for one in SUMMARY.methods[:1])
    short = replace(INSPECTED, metrics=drop, methods=(method,), leading=("drop",), detections=())
    text = report_html(replace(short, notes=(), choices=(), good_parts=0), [])
    assert len(re.findall("<section id=", text)) == 4, "costs have a page, too"
    pdf = _printed(tmp_path, text)
    assert _pages(pdf) == 1 + 4
    assert _pages(_printed(tmp_path, text.replace("break-before: page", ""))) < 1 + 4
    assert b"/MediaBox [0 0 841" in pdf, "on its side"


def _pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def _printed(folder: Path, text: str) -> bytes:
    page = folder / "page.html"
    page.write_text(text, "utf-8")
    command = [
        *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"),
        *(f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={folder / 'page.pdf'}"),
    ]
    subprocess.run([*command, page.as_uri()], capture_output=True, timeout=60, check=True)
    return (folder / "page.pdf").read_bytes()


@pytest.mark.parametrize(
    ("link", "first"),
    [
        ("#sort=0", "cam"),
        ("#sort=0-descending", "score-cam:<b>=1"),
        ("#sort=1", "cam"),
        ("#sort=2", "score-cam:<b>=1"),
        ("#sort=2-descending", "cam"),
        ("#sort=4-descending", "score-cam:<b>=1"),
        ("#sort=99", "cam"),
    ],
)
def test_a_link_sorts_the_table(tmp_path: Path, link: str, first: str) -> None:
    order = _open(tmp_path, link)["order"]
    assert isinstance(order, list)
    assert order[0] == first
    assert order[2:] == ["Baselines", "centre"], "baselines stay below"


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_missing_values_go_last(tmp_path: Path, direction: str) -> None:
    order = _open(tmp_path, f"#sort=3-{direction}")["order"]
    assert isinstance(order, list)
    assert order[:2] == ["cam", "score-cam:<b>=1"]


def test_clicks_sort_and_then_turn_the_order(tmp_path: Path) -> None:
    click = 'document.querySelectorAll("thead button")[4].click();'
    once = _open(tmp_path, action=click)
    assert (once["sorted"], once["hash"]) == (["ascending"], "#sort=4-ascending")
    twice = _open(tmp_path, action=click * 2)
    assert (twice["sorted"], twice["hash"]) == (["descending"], "#sort=4-descending")
    assert isinstance(twice["order"], list)
    assert twice["order"][0] == "score-cam:<b>=1"
