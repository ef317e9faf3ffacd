"""What the operator's page costs, in the browser and behind it: `make bench NAME=pages`.

First on a system without viewers: what one open page asks of it in a minute, in requests and in
statements by pg_stat_statements, less what the system does by itself. Then with the rows of a show
with 150,000 viewers (`bench/pages/full.sql`): the first paint, and how long each tab keeps the main
thread of Chromium busy until it is filled, by its tracing's thread time, which other programs do
not lengthen. Exit code 1 when the first paint takes more than a second, a tab more than 300 ms, or
a table has more than 200 rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
from playwright.async_api import async_playwright

from bench.support.figures import Figures, add_write_option
from bench.support.interrupts import interrupt_on_signals
from bench.support.systems import whole_system
from postgres import Postgres

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession, Page, Request

ROOT = Path(__file__).resolve().parents[1]
FULL = ROOT / "bench" / "pages" / "full.sql"
PICTURE = ROOT / "docs" / "images" / "operator.png"
TABS = (
    *("live", "bonuses", "news", "questions", "campaigns"),
    *("users", "reports", "webhooks", "audit"),
)
MAX_PAINT_MS, MAX_TAB_MS, MAX_ROWS = 1_000, 300, 200
LOADS = 5
# A tab is filled long before; more than one turn of its polls.
SETTLE_SECONDS = 5
HOUR = 3_600
CALLS = "select sum(calls)::bigint from pg_stat_statements where toplevel and query !~ $1"
OURS = "pg_stat_statements"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
FIGURES = "() => document.getElementById('people').textContent !== '\u2013' && performance.now()"
ROWS = "Math.max(...[...document.querySelectorAll('tbody')].map((one) => one.rows.length))"
HIDE = """() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def main() -> int:
    """1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each count takes")
    add_write_option(parser)
    given = parser.parse_args()
    interrupt_on_signals()
    pages = ("--pages", f"/={ROOT / 'pages'}", "--pages", f"/client={ROOT / 'client'}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Postgres(Path(folder) / "postgres") as dsn,
        whole_system(dsn, Path(folder) / "log.txt", *pages) as (running, _, token),
    ):
        story = Story(f"http://127.0.0.1:{running.port}", dsn, given.seconds)
        story.picture = PICTURE if given.write else None
        is_met = asyncio.run(story.play(token))
    if given.write:
        story.figures.write()
    return 0 if is_met else 1


class Story:
    """A quiet system, and then a full one."""

    def __init__(self, url: str, dsn: str, seconds: int) -> None:
        self._url, self._dsn, self._seconds = url, dsn, seconds
        self.figures = Figures("pages", picture=PICTURE.name)
        self.picture: Path | None = None

    async def play(self, token: str) -> bool:
        key = await asyncio.to_thread(_make_key, self._url, token)
        self._address = f"{self._url}/operator.html#token={key}"
        self._db = await asyncpg.connect(self._dsn)
        await self._db.execute("create extension if not exists pg_stat_statements")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            await self._quiet(browser)
            await self._fill()
            is_met = await self._full(browser)
            await browser.close()
        await self._db.close()
        return is_met

    async def _quiet(self, browser: Browser) -> None:
        page = await self._open(browser)
        await page.close()
        _, alone = await self._count(None)
        self._say("a quiet system by itself", f"{alone:,} statements an hour")
        page = await self._open(browser)
        for tab in TABS:
            await page.get_by_test_id(f"tab-{tab}").click()
            await asyncio.sleep(SETTLE_SECONDS)
            requests, statements = await self._count(page)
            more = max(0, statements - alone)
            self._say(
                f"{tab}, in sight", f"{requests:,} requests, {more:,} more statements an hour"
            )
        await page.evaluate(HIDE)
        await asyncio.sleep(SETTLE_SECONDS)
        requests, _ = await self._count(page)
        self._say("any tab, hidden", f"{requests:,} requests an hour")
        await page.close()

    async def _count(self, page: Page | None) -> tuple[int, int]:
        """Requests of a page and statements of the database, as many as there are in an hour."""
        asked: list[str] = []

        def record(request: Request) -> None:
            asked.append(request.url)

        if page:
            page.on("request", record)
        before = await self._db.fetchval(CALLS, OURS)
        await asyncio.sleep(self._seconds)
        statements = await self._db.fetchval(CALLS, OURS) - before
        if page:
            page.remove_listener("request", record)
        times = HOUR / self._seconds
        return round(len(asked) * times), round(statements * times)

    async def _fill(self) -> None:
        await self._db.execute("set statement_timeout = 0")
        await self._db.execute(FULL.read_text("utf-8"))
        while (await self._db.fetchrow("select * from roll_up($1)", 1_000))["is_behind"]:
            pass
        await self._db.execute("vacuum analyze")

    async def _full(self, browser: Browser) -> bool:
        paints, figures = [], []
        for _ in range(LOADS):
            page = await self._open(browser)
            figures.append(await (await page.wait_for_function(FIGURES)).json_value())
            paints.append(await page.evaluate(PAINT))
            await page.close()
        paint = statistics.median(paints)
        self._say("first paint", f"{paint:.0f} ms (bar: {MAX_PAINT_MS:,})")
        self._say("first figures", f"{statistics.median(figures):.0f} ms")
        page = await self._open(browser)
        await asyncio.sleep(SETTLE_SECONDS)
        busiest, most = 0.0, 0
        for tab in (*TABS[1:], TABS[0]):
            busy = await _busy(page, tab)
            rows = await page.evaluate(ROWS)
            self._say(
                f"{tab}, until it is filled",
                f"{busy:.0f} ms of the main thread (bar: {MAX_TAB_MS}), {rows} rows at most",
            )
            busiest, most = max(busiest, busy), max(most, rows)
        if self.picture:
            await page.get_by_label("24 h").check()
            await asyncio.sleep(SETTLE_SECONDS)
            await page.screenshot(path=self.picture)
        await page.close()
        return paint <= MAX_PAINT_MS and busiest <= MAX_TAB_MS and most <= MAX_ROWS

    async def _open(self, browser: Browser) -> Page:
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(120_000)
        page = await context.new_page()
        await page.goto(self._address)
        await page.get_by_test_id("board").wait_for()
        return page

    def _say(self, what: str, measured: str) -> None:
        print(f"   {what:32}{measured}", flush=True)
        self.figures.add(what, measured)


async def _busy(page: Page, tab: str) -> float:
    """How long the main thread is busy from the click on a tab on, in milliseconds."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = await _task_seconds(devtools)
    await page.get_by_test_id(f"tab-{tab}").click()
    await _fill_in(page, tab)
    await asyncio.sleep(SETTLE_SECONDS)
    after = await _task_seconds(devtools)
    await devtools.detach()
    return 1_000 * (after - before)


async def _fill_in(page: Page, tab: str) -> None:
    """Ask for what a tab shows only when it is asked."""
    if tab == "users":
        await page.get_by_test_id("find-prefix").fill("viewer-1")
        await page.get_by_test_id("find-submit").click()
        await page.get_by_test_id("found-user").first.click()
    elif tab == "reports":
        await page.get_by_test_id("report-kind").select_option("users")
        await page.get_by_test_id("report-submit").click()
    elif tab == "bonuses":
        await page.get_by_test_id("details-open").first.click()


async def _task_seconds(devtools: CDPSession) -> float:
    answer = await devtools.send("Performance.getMetrics")
    found: float = next(one["value"] for one in answer["metrics"] if one["name"] == "TaskDuration")
    return found


def _chromium() -> str:
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        raise SystemExit("No Chromium on PATH: `apt install chromium-headless-shell` brings one.")
    return executable


def _make_key(url: str, token: str) -> str:
    order = json.dumps({"name": "bench", "scopes": ["read", "order", "kick", "pay"]}).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/keys", order, headers)  # noqa: S310  # this machine
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return str(json.load(answer)["token"])


if __name__ == "__main__":
    sys.exit(main())
