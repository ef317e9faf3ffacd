"""The README's picture: pages side by side, each in the frame of its window."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

WINDOW, PHONE = (620, 800), (390, 800)
STYLE = """
body { margin: 0; padding: 48px 44px; display: inline-flex; gap: 36px; align-items: end;
       background: linear-gradient(135deg, #0f766e, #1d2b64); font: 15px sans-serif; }
figure { margin: 0; border-radius: 14px; overflow: hidden; background: #dfe3e8; color: #151a21;
         box-shadow: 0 18px 50px rgb(0 0 0 / 45%); }
figure.dark { background: #27303b; color: #e9eef4; }
figure.phone { border: 12px solid #10141b; border-radius: 44px; }
figcaption { height: 42px; display: flex; align-items: center; gap: 8px; padding: 0 16px; }
figcaption i { width: 12px; height: 12px; border-radius: 50%; background: #8a94a1; }
figcaption span { margin-left: 12px; }
img { display: block; }
"""


@dataclass(frozen=True)
class Shot:
    """A page, as a window or a phone has it."""

    page: Page
    colours: Literal["light", "dark"] = "light"
    is_phone: bool = False

    async def frame(self) -> str:
        width, height = PHONE if self.is_phone else WINDOW
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.emulate_media(color_scheme=self.colours, reduced_motion="reduce")
        await self.page.evaluate("scrollTo(0, 0)")
        png = base64.b64encode(await self.page.screenshot()).decode()
        bar = f"<i></i><i></i><i></i><span>{await self.page.title()}</span>"
        caption = "" if self.is_phone else f"<figcaption>{bar}</figcaption>"
        kind = "phone" if self.is_phone else self.colours
        return f'<figure class="{kind}">{caption}<img src="data:image/png;base64,{png}"></figure>'


async def take(context: BrowserContext, shots: list[Shot], to: str | Path) -> None:
    frames = [await shot.frame() for shot in shots]
    page = await context.new_page()
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.set_content(f"<style>{STYLE}</style><body>{''.join(frames)}")
    await page.locator("body").screenshot(path=to)
    await page.close()
