"""Checks pages in a headless Chromium, as people see and use them.

    check.py URL ...                 what is wrong with a page goes to standard error, and the status is 1
    check.py --picture FILE URL      takes a picture of what a screen shows of the page instead, light or dark (--colours)

CHROMIUM names the browser, where it is not `chromium` on the path.
"""

import argparse
import os
import shutil
import sys
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}

# Colours, size, and whether scripts run.
LOOKS = [
    ("light", DESKTOP, True),
    ("light", PHONE, True),
    ("dark", DESKTOP, True),
    ("dark", PHONE, True),
    ("light", DESKTOP, False),
]

# What the page's policy has to keep from acting, were it ever in the page: each leaves a mark if it does.
INTRUDERS = """expected => new Promise(resolve => {
    const refused = new Set();
    const end = () => resolve({
        ran: window.intruded || null,
        base: document.baseURI === location.href,
        heading: getComputedStyle(document.querySelector('h1')).fontSize,
        refused: [...refused].sort(),
    });
    document.addEventListener('securitypolicyviolation', event => {
        refused.add(event.effectiveDirective);
        if (refused.size === expected.length) end();
    });
    const add = (name, fill) => {
        const element = document.createElement(name);
        fill(element);
        document.body.append(element);
        return element;
    };
    add('script', it => it.textContent = 'window.intruded = "script"');
    add('script', it => it.src = 'intruder.js');
    add('style', it => it.textContent = 'h1 { font-size: 1px !important }');
    add('p', it => it.setAttribute('style', 'font-size: 1px'));
    add('img', it => it.src = 'intruder.png');
    add('iframe', it => it.src = 'intruder.html');
    add('p', it => it.setAttribute('onclick', 'window.intruded = "handler"')).click();
    const form = add('form', it => it.action = 'intruder');
    form.submit();
    add('base', it => it.href = 'https://intruder.invalid/');
    setTimeout(end, 10000);
})"""

REFUSED = [
    "base-uri", "form-action", "frame-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr",
    "style-src-elem",
]


class Visit:
    """One look at a page, and whatever it does that it should not."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.wrong: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda it: self.wrong.append(f"the console says: {it.text}"))
        self.page.on("pageerror", lambda it: self.wrong.append(f"a script failed: {it}"))
        self.page.on("dialog", lambda it: (self.wrong.append(f"a dialog: {it.message}"), it.dismiss()))
        self.page.on("request", lambda it: self._asks(it.url, url))
        response = self.page.goto(url, wait_until="load")
        if response is None or response.status != 200:
            self.wrong.append(f"the answer is {response and response.status}, not 200")

    def _asks(self, asked: str, url: str) -> None:
        if asked != url:
            self.wrong.append(f"it asks for {asked}")


def accessible(visit: Visit) -> list[str]:
    """What axe-core finds; what it can't decide counts as well, where it is about colours."""
    found = Axe().run(visit.page).response
    unsure = [it for it in found["incomplete"] if it["id"] == "color-contrast"]
    return [
        f"axe-core: {it['id']} ({it['impact']}): {it['help']}: {node['html']}"
        for it in found["violations"] + unsure
        for node in it["nodes"]
    ]


def fits(visit: Visit) -> list[str]:
    """Nothing is wider than the screen."""
    width, shown = visit.page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return [] if width <= shown else [f"it is {width} px wide on a screen of {shown} px"]


def by_keyboard(visit: Visit) -> list[str]:
    """Tab reaches each link, in the order of the page, and shows where it is."""
    links = visit.page.eval_on_selector_all("a", "all => all.map(it => it.textContent)")
    reached, wrong = [], []
    for _ in links:
        visit.page.keyboard.press("Tab")
        text, outline = visit.page.evaluate(
            "() => [document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(text)
        if outline == "none":
            wrong.append(f"the focus on {text!r} is not seen")
    if reached != links or not links:
        wrong.append(f"Tab reaches {reached}, and the links are {links}")
    return wrong


def inert(visit: Visit) -> list[str]:
    """No text has become an element, and nothing that would act is there."""
    names = visit.page.eval_on_selector_all("*", "all => [...new Set(all.map(it => it.localName))]")
    acting = {"script", "img", "iframe", "object", "embed", "form", "base", "link", "input", "button"}
    handlers = visit.page.eval_on_selector_all(
        "*", "all => all.flatMap(it => it.getAttributeNames()).filter(it => it.startsWith('on') || it === 'style')"
    )
    return [f"it has <{name}>" for name in names if name in acting] + [f"it has {name}=" for name in handlers]


def guarded(visit: Visit) -> list[str]:
    """What gets into the page all the same does nothing. The last look: it leaves traces."""
    before = visit.page.evaluate("() => getComputedStyle(document.querySelector('h1')).fontSize")
    # Those that it refuses are told on the console.
    told = len(visit.wrong)
    seen = visit.page.evaluate(INTRUDERS, REFUSED)
    del visit.wrong[told:]
    wrong = []
    if seen["ran"]:
        wrong.append(f"an injected {seen['ran']} has run")
    if seen["heading"] != before or not seen["base"]:
        wrong.append("an injected style or base was taken")
    if seen["refused"] != REFUSED:
        wrong.append(f"the policy refuses {seen['refused']}, not {REFUSED}")
    return wrong


def check(browser: Browser, url: str) -> list[str]:
    wrong = []
    texts = set()
    for colours, size, script in LOOKS:
        context = browser.new_context(
            color_scheme=colours, viewport=size, java_script_enabled=script, reduced_motion="reduce"
        )
        visit = Visit(context, url)
        # A later look at a page that is made anew finds other ages.
        is_anew = urlsplit(url).path == "/"
        texts.add(str(visit.page.locator("h2").all_inner_texts()) if is_anew else visit.page.inner_text("body"))
        found = inert(visit)
        if script:
            found += accessible(visit) + fits(visit) + by_keyboard(visit) + guarded(visit)
        where = f"{url}, {colours}, {size['width']} px, script {'on' if script else 'off'}"
        wrong += [f"{where}: {it}" for it in visit.wrong + found]
        context.close()
    if len(texts) != 1:
        wrong.append(f"{url}: its text depends on the screen, the colours or scripts")
    return wrong


def picture(browser: Browser, url: str, file: str, colours: str) -> None:
    context = browser.new_context(color_scheme=colours, viewport={"width": 1120, "height": 840})
    visit = Visit(context, url)
    visit.page.screenshot(path=file)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Checks pages in a headless Chromium.")
    arguments.add_argument("--picture", metavar="FILE")
    arguments.add_argument("--colours", choices=["light", "dark"], default="light")
    arguments.add_argument("urls", nargs="+", metavar="URL")
    given = arguments.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("there is no chromium on the path; install it, or set CHROMIUM", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        if given.picture:
            picture(browser, given.urls[0], given.picture, given.colours)
            return 0
        wrong = [it for url in given.urls for it in check(browser, url)]
    for it in wrong:
        print(it, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
