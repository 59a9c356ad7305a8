"""Opens the sample reports in headless Chromium, as a reader would, and says what does not work.

    python browser.py FOLDER [SCREENSHOTS]

FOLDER is what samples.py wrote. With SCREENSHOTS, a folder, pictures of the pages are written there: desktop and phone,
light and dark, printed, without JavaScript.
"""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import websocket

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
DESKTOP, PHONE = (1280, 900), (390, 844)


class Browser:
    """A Chromium of its own, with a fresh profile, spoken to over the DevTools protocol on the loopback interface."""

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, BROWSERS)))
        profile = pathlib.Path(folder) / "profile"
        options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", "--remote-allow-origins=*",
            f"--user-data-dir={profile}", "about:blank",
        ]
        self.process = subprocess.Popen(
            [program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        told = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (told.exists() and told.read_text().count("\n")):
            assert time.monotonic() < deadline, "Chromium does not start"
            time.sleep(0.05)
        [port, path] = told.read_text().splitlines()
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=60)
        self.count = 0
        self.events = []

    def send(self, method, session=None, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        self.socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def wait(self, method, session):
        while True:
            for event in self.events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(json.loads(self.socket.recv()))

    def close(self):
        self.socket.close()
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


class Page:
    """A report in a tab of its own: opened, asked, typed at; remembers requests and complaints."""

    def __init__(self, browser, file, size=DESKTOP, dark=False, script=True, media=""):
        self.browser = browser
        target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"]:
            self.send(f"{domain}.enable")
        self.size(*size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self.url = file.as_uri()
        self.send("Page.navigate", url=self.url)
        browser.wait("Page.loadEventFired", self.session)

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def size(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def ask(self, expression):
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def key(self, key, text="", modifiers=0):
        code = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32}.get(key, 0)
        for kind in ["keyDown", "keyUp"]:
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **extra)

    def write(self, text):
        self.send("Input.insertText", text=text)
        self.ask("new Promise(done => setTimeout(done, 200))")

    def shot(self, file):
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def complaints(self):
        """Errors and warnings on the console, exceptions, and requests beside the page itself."""
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, params = event["method"], event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(f"exception: {params['exceptionDetails'].get('text')}")
            elif method == "Runtime.consoleAPICalled":
                found.append(f"console: {params['args']}")
            elif method == "Log.entryAdded":
                found.append(f"log: {params['entry']['text']}")
            elif method == "Network.requestWillBeSent" and params["request"]["url"].split("#")[0] != self.url:
                found.append(f"request: {params['request']['url'][:200]}")
        return found

    def close(self):
        self.browser.send("Target.closeTarget", targetId=self.target)


# How well texts stand out from what is behind them, by WCAG's formula: the worst of the page. An SVG text stands on the
# shape drawn before it.
CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const mixed = (...layers) => {
    for (const [colour, opacity] of layers) {
      canvas.globalAlpha = opacity; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    }
    return Array.from(canvas.getImageData(0, 0, 1, 1).data).slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const clear = (colour) => colour === "none" || colour === "transparent" || colour === "rgba(0, 0, 0, 0)";
  let worst = [99, ""];
  const seen = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("script, style, title")) continue;
    // Alike in all that a style sheet could tell apart: once is enough, since there can be a hundred thousand.
    const alike = [element, element.parentElement, element.parentElement.parentElement, element.closest("tr, article, details")]
      .map((one) => `${one?.localName}.${one?.getAttribute("class")}`).join(" ");
    if (seen.has(alike) || element.getClientRects().length === 0) continue;
    seen.add(alike);
    const style = getComputedStyle(element);
    let behind = ["white", 1];
    for (let up = element; up; up = up.parentElement) {
      const colour = getComputedStyle(up).backgroundColor;
      if (!clear(colour)) { behind = [colour, 1]; break; }
    }
    const layers = [behind];
    const shape = element.previousElementSibling;
    if (element.localName === "text" && shape?.localName === "rect") {
      const fill = getComputedStyle(shape);
      if (!clear(fill.fill)) layers.push([fill.fill, Number(fill.fillOpacity)]);
    }
    const colour = element.localName === "text" ? style.fill : style.color;
    const found = ratio(mixed(...layers), mixed(...layers, [colour, 1]));
    if (found < worst[0]) worst = [found, element.textContent.trim().slice(0, 60) + " " + element.className];
  }
  return worst;
})()"""

SHOWN = "Array.from(document.querySelectorAll('details.fn')).filter(one => !one.hidden).length"
ROWS = "Array.from(document.querySelectorAll('tr[data-verdict]')).filter(row => !row.hidden && !row.closest('[hidden]'))"


def every(browser, file, found):
    """What holds for every report, in every light and at every width."""
    for (size, dark) in [(DESKTOP, False), (PHONE, True)]:
        page = Page(browser, file, size=size, dark=dark)
        found(not page.complaints(), page.complaints()[:3])
        found(page.ask("document.title") == "rolefit: project", page.ask("document.title"))
        found(page.ask("document.scripts.length") == 1, "scripts")
        found(page.ask("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0, "elements")
        wide = page.ask("[document.documentElement.scrollWidth, innerWidth]")
        found(wide[0] <= wide[1], f"{wide[0]} units on a screen of {wide[1]}")
        page.ask("document.querySelectorAll('details').forEach(one => { one.open = document.querySelectorAll('tr').length < 3000 })")
        [ratio, where] = page.ask(CONTRAST)
        found(ratio >= 4.5, f"contrast {ratio:.2f} ({'dark' if dark else 'light'}): {where}")
        page.close()


def works(browser, file, functions, found):
    """Search, filters, sorting, links, all by keyboard."""
    page = Page(browser, file)
    found(page.ask(SHOWN) == functions, "functions at first")
    rows = page.ask(f"{ROWS}.length")
    page.key("/", "/")
    found(page.ask("document.activeElement.id") == "search", "the key / leads to the search")
    begun = time.monotonic()
    page.write("s3:GetObject")
    found(time.monotonic() - begun < 3, "the search is slow")
    few = page.ask(SHOWN)
    found(0 < few < functions, f"search leaves {few} of {functions}")
    found(page.ask("document.getElementById('shown').value") == f"{few} of {functions} functions", "says how many")
    fits = f"{ROWS}.every(row => (row.textContent + row.closest('details.fn').textContent).includes('s3:GetObject'))"
    found(page.ask(fits), "rows that do not fit")
    found(page.ask("document.querySelectorAll('.picture .off').length") > 0, "the picture follows")
    page.write(" nowhere-at-all")
    found(page.ask(SHOWN) == 0 and page.ask("!document.getElementById('empty').hidden"), "says that nothing fits")
    page.key("Escape")
    found(page.ask(SHOWN) == functions and page.ask(f"{ROWS}.length") == rows, "Escape shows everything again")
    for (box, test) in [("writes", "row.dataset.writes === 'true'"), ("changes", "row.dataset.verdict !== 'keep'")]:
        page.ask(f"document.getElementById('{box}').focus()")
        page.key(" ", " ")
        found(page.ask(f"{ROWS}.every(row => {test})"), f"filter {box}")
        found(0 < page.ask(f"{ROWS}.length") < rows, f"filter {box} hides some")
        page.key(" ", " ")
    column = "Array.from(document.querySelectorAll('#overview tbody tr'), row => Number(row.cells[5].dataset.key))"
    for order in ["ascending", "descending"]:
        page.ask("document.querySelectorAll('#overview th button')[5].focus()")
        page.key("Enter", "\r")
        found(page.ask("document.querySelectorAll('#overview th')[5].getAttribute('aria-sort')") == order, "says the order")
        keys = page.ask(column)
        found(keys == sorted(keys, reverse=order == "descending"), f"{order}: {keys[:9]}")
    last = functions - 1
    page.ask(f"document.getElementById('f{last}').open = false; document.querySelector('#overview a[href=\"#f{last}\"]').click()")
    page.ask("new Promise(done => setTimeout(done, 300))")
    found(page.ask(f"document.getElementById('f{last}').open"), "a link opens what it leads to")
    top = page.ask(f"document.getElementById('f{last}').getBoundingClientRect().top")
    found(-5 <= top < 900, f"and scrolls there: {top}")
    page.ask("dispatchEvent(new Event('beforeprint'))")
    found(page.ask("document.querySelectorAll('details:not([open])').length") == 0, "paper shows everything")
    page.ask("dispatchEvent(new Event('afterprint'))")
    found(page.ask("document.querySelectorAll('details:not([open])').length") > 0, "and the screen what it showed")
    found(not page.complaints(), page.complaints()[:3])
    page.close()


def guarded(browser, file, found):
    """The content policy holds: what a name might smuggle in neither runs nor loads. Also shows that complaints are seen."""
    page = Page(browser, file)
    page.ask("""document.body.insertAdjacentHTML("beforeend",
        "<img src='http://127.0.0.1:9/x.png' onerror='document.title = 1'><p style='color: red' onclick='document.title = 2'>x</p>");
        document.body.lastElementChild.click();
        const script = document.createElement("script"); script.textContent = "document.title = 3"; document.body.append(script)""")
    page.ask("new Promise(done => setTimeout(done, 300))")
    found(page.ask("document.title") == "rolefit: project", "something smuggled in has run")
    found(len(page.complaints()) >= 3, f"only {page.complaints()}")
    page.close()


def plain(browser, file, functions, found):
    """Without JavaScript the page reads the same, and shows no control that would do nothing."""
    page = Page(browser, file, script=False)
    found(page.ask("document.querySelector('.tools').hidden"), "tools that do nothing")
    found(page.ask("document.querySelectorAll('button.copy:not([hidden])').length") == 0, "a button that does nothing")
    found(page.ask(SHOWN) == functions, "functions")
    found(page.ask("document.querySelector('.finding').checkVisibility()"), "findings are seen")
    found(page.ask("document.querySelector('.picture .sign').checkVisibility()"), "the picture is seen")
    page.ask("document.querySelector('details.fn').open = true")
    found(page.ask("document.querySelector('tr[data-verdict]').checkVisibility()"), "rows are seen")
    page.close()


def printed(browser, file, found):
    page = Page(browser, file)
    pages = base64.b64decode(page.send("Page.printToPDF", printBackground=False)["data"]).count(b"/Type /Page\n")
    functions = page.ask(SHOWN)
    found(pages > functions, f"{pages} pages for {functions} functions")
    page.close()


def shots(browser, samples, out):
    out.mkdir(parents=True, exist_ok=True)
    for name in ["demo", "few", "many", "creep"]:
        file = samples / name / "report.html"
        for (label, size) in [("desktop", DESKTOP), ("phone", PHONE)]:
            for dark in [False, True]:
                page = Page(browser, file, size=size, dark=dark)
                for part in ["", "picture", "overview", "functions"]:
                    page.ask(f"document.getElementById('{part}')?.scrollIntoView()")
                    page.shot(out / f"{name}-{label}-{'dark' if dark else 'light'}-{part or 'top'}.png")
                page.close()


def main(samples, out):
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(folder)
        try:
            if out:
                shots(browser, samples, out)
                return 0

            def check(name, of, *args):
                told = lambda holds, words: holds or failed.append(f"{name}, {of.__name__}: {words}")
                of(browser, samples / name / "report.html", *args, told)

            names = sorted(file.parent.name for file in samples.glob("*/report.html"))
            for name in names:
                check(name, every)
            for (name, functions) in [("demo", 6), ("many", 300)]:
                check(name, works, functions)
                check(name, plain, functions)
            check("demo", guarded)
            check("demo", printed)
        finally:
            browser.close()
    for one in failed:
        print(one, file=sys.stderr)
    print(f"browser: {len(names)} pages, {len(failed)} complaints")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None))
