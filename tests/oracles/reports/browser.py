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

    def shot(self, file, whole=False, clip=None):
        extra = {"clip": {"x": 0, "y": 0, "scale": 1, **clip}, "captureBeyondViewport": True} if clip else {}
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole or bool(clip), **({} if clip else {}), **({k: v for k, v in extra.items() if k == "clip"}))
        file.write_bytes(base64.b64decode(data["data"]))

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


def shots(browser, samples, out):
    out.mkdir(parents=True, exist_ok=True)
    for name in ["demo", "few", "many", "creep"]:
        file = samples / name / "report.html"
        for (label, size) in [("desktop", DESKTOP), ("phone", PHONE)]:
            for dark in [False, True]:
                page = Page(browser, file, size=size, dark=dark)
                page.shot(out / f"{name}-{label}-{'dark' if dark else 'light'}.png")
                page.close()


if __name__ == "__main__":
    samples = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(folder)
        try:
            if len(sys.argv) > 2:
                shots(browser, samples, pathlib.Path(sys.argv[2]))
        finally:
            browser.close()
