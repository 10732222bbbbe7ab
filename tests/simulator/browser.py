"""A headless Chromium, as far as the tests and the screenshots of the chat page need one."""

import base64
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1180,820"
)
WAIT_S = 60


def missing_tools() -> list[str]:
    """The programs that are needed and not installed."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


class Browser:
    """One browser with one page and a profile of its own."""

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = str(shutil.which("chromium"))
        for flag in FLAGS.split():
            options.add_argument(flag)
        options.add_argument(f"--user-data-dir={profile}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))

    def close(self) -> None:
        self._driver.quit()

    def open(self, url: str) -> None:
        self._driver.get(url)

    def find(self, selector: str) -> list[WebElement]:
        return self._driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script: str) -> Any:
        """Run the body of a JavaScript function and return what it returns."""
        return self._driver.execute(Command.W3C_EXECUTE_SCRIPT, {"script": script, "args": []})["value"]

    def wait(self, expression: str) -> None:
        """Until a JavaScript expression is true."""
        WebDriverWait(self._driver, WAIT_S, poll_frequency=0.05).until(
            lambda _: self.run(f"return Boolean({expression})"), f"never true: {expression}"
        )

    def errors(self) -> list[str]:
        """What the page complained of since the last time."""
        entries: list[dict[str, Any]] = self._driver.execute(Command.GET_LOG, {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]

    def pretend_size(self, width: int, height: int, *, scale: float = 1) -> None:
        """Show the page as on a screen of this size."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self._command("Emulation.setDeviceMetricsOverride", metrics)

    def real_size(self) -> None:
        self._command("Emulation.clearDeviceMetricsOverride", {})

    def screenshot(self, path: Path) -> None:
        answer = self._command("Page.captureScreenshot", {"format": "png"})
        path.write_bytes(base64.b64decode(answer["data"]))

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        return self._driver.execute("executeCdpCommand", {"cmd": name, "params": parameters})["value"]
