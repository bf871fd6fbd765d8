#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Clicks through the console in a real browser:  scripts/console-test.py PROBE [--shots FOLDER]

PROBE is the program ServerProbe, a server over a fake service; `make console-test` builds it and installs what this needs:
chromium, chromium-driver and selenium. With --shots, pictures of every section at 1280 and 390 pixels, light and dark.
"""
import argparse
import contextlib
import pathlib
import shutil
import subprocess
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

SECTIONS = ["overview", "people", "items", "search", "models", "ab-tests", "traffic"]


@contextlib.contextmanager
def server(program, *words):
    """Runs the probe on a free port; yields its address, its tokens by role, and its process."""
    process = subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        tokens = {}
        for line in process.stdout:
            kind, *rest = line.split()
            if kind == "token":
                tokens[rest[0]] = rest[1]
            if kind == "listening":
                yield f"http://127.0.0.1:{rest[1]}", tokens, process
                break
        else:
            sys.exit("console-test: the server did not start")
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def browser(width, height, dark=False):
    options = webdriver.ChromeOptions()
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-GB"]:
        options.add_argument(word)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Named here, or selenium looks for one on the network.
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        yield driver
    finally:
        driver.quit()


def wait(driver, what, condition):
    try:
        return WebDriverWait(driver, 20).until(lambda _: condition())
    except Exception as error:
        notice = driver.find_element(By.ID, "notice").text
        raise AssertionError(f"waited for {what}; the page says: {notice!r}") from error


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def texts(driver, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)"
    return driver.execute_script(script, selector)


def press(driver, selector):
    driver.execute_script("document.querySelector(arguments[0]).click()", selector)


def check_whole(driver, place):
    """Nothing is wider than the window, no element lacks a name, the console of the browser holds no complaint."""
    wide = driver.execute_script(
        "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not wide, f"{place}: the page is wider than the window"
    nameless = driver.execute_script(
        """return [...document.querySelectorAll('button, a, input, summary')].filter((node) =>
             !(node.textContent.trim() || node.getAttribute('aria-label') || (node.labels && node.labels.length))
           ).map((node) => node.outerHTML)"""
    )
    assert not nameless, f"{place}: without a name: {nameless}"
    # What the browser says of an answer that is an error is expected where a test asks for one.
    complaints = [entry["message"] for entry in driver.get_log("browser") if "Failed to load resource" not in entry["message"]]
    assert not complaints, f"{place}: {complaints}"


def open_section(driver, name):
    press(driver, f"nav a[href='#{name}']")
    wait(driver, name, lambda: one(driver, f"#{name}").is_displayed())
    ready = {
        "overview": lambda: texts(driver, "#facts h3"),
        "people": lambda: texts(driver, "#users button"),
        "items": lambda: texts(driver, "#item-list .title"),
        "search": lambda: True,
        "models": lambda: texts(driver, "#slots h3"),
        "ab-tests": lambda: texts(driver, "#reports h3"),
        "traffic": lambda: texts(driver, "#charts figcaption"),
    }
    wait(driver, f"the content of {name}", ready[name])


def open_user(driver, user):
    press(driver, "nav a[href='#people']")
    wait(driver, "people", lambda: one(driver, "#people").is_displayed())
    field = one(driver, "#prefix")
    field.clear()
    field.send_keys(user, Keys.ENTER)
    wait(driver, "the page", lambda: texts(driver, "#page .title") and user in texts(driver, ".who"))
    wait(driver, "the explanation", lambda: texts(driver, "#explain .stages > li"))


def test_people(driver):
    open_section(driver, "people")
    one(driver, "#prefix").send_keys("1")
    wait(driver, "users that begin with 1", lambda: all(u.startswith("1") for u in texts(driver, "#users button")))
    open_user(driver, "17")
    # Typing searches for people too, and says so when that is done.
    wait(driver, "the search for 17", lambda: all(u.startswith("17") for u in texts(driver, "#users button")))
    before = texts(driver, "#page .title")
    assert len(before) == 10, before
    history = texts(driver, "#history li")
    assert history and not any(row.startswith("item ") for row in history), "the history shows ids, not titles"
    assert len(texts(driver, "#explain .stages > li")) == 5
    press(driver, "#explain details summary")
    assert one(driver, "#explain details ol li").is_displayed()

    clicked = before[2]
    assert "writes a real click" in one(driver, "#page-card").text
    press(driver, "#page .items li:nth-child(3) button")
    wait(driver, "the click in the history", lambda: texts(driver, "#history li")[0].startswith(clicked))
    wait(driver, "the next page", lambda: clicked not in texts(driver, "#page .title"))
    wait(driver, "what is new, marked", lambda: texts(driver, "#page .chip.new"))
    wait(driver, "words for a screen reader", lambda: "stored" in texts(driver, "#said")[0])

    press(driver, "#page .items li:first-child button:last-child")
    wait(driver, "similar items", lambda: len(texts(driver, "#similar .title")) == 10)
    press(driver, "#similar-close")
    assert not one(driver, "#similar-card").is_displayed()
    open_user(driver, "somebody <b>new</b> & 50%/?#")
    assert "No events of this user." in texts(driver, "#history li")
    assert len(texts(driver, "#page .title")) == 10
    assert not one(driver, "#erase").is_displayed()
    assert len(texts(driver, "#page .title > bdi")) == 10, "titles do not isolate their direction"


def test_erase(driver):
    # Each width has a user of its own to erase.
    user = "23" if driver.execute_script("return innerWidth") > 600 else "24"
    open_user(driver, user)
    wait(driver, "the history", lambda: one(driver, "#erase").is_displayed())
    press(driver, "#erase")
    assert not one(driver, "#confirm-yes").is_enabled(), "an erasure must be typed"
    one(driver, "#confirm-text").send_keys("2")
    assert not one(driver, "#confirm-yes").is_enabled()
    one(driver, "#confirm-form button[value=no]").click()
    wait(driver, "the question to go", lambda: not one(driver, "#confirm").is_displayed())
    assert "No events of this user." not in texts(driver, "#history li")
    press(driver, "#erase")
    one(driver, "#confirm-text").send_keys(user)
    one(driver, "#confirm-yes").click()
    wait(driver, "the erasure", lambda: "No events of this user." in texts(driver, "#history li"))
    wait(driver, "words for a screen reader", lambda: "is erased" in texts(driver, "#said")[0])


def test_items(driver):
    open_section(driver, "items")
    assert len(texts(driver, "#item-list .title > bdi")) == 20
    press(driver, "#item-more")
    wait(driver, "the next items", lambda: len(texts(driver, "#item-list .title")) == 40)
    one(driver, "#item-prefix").send_keys("17")
    wait(driver, "items that begin with 17", lambda: all(i.startswith("17") for i in texts(driver, "#item-list code")))
    press(driver, "#item-list li:first-child button")
    wait(driver, "similar items", lambda: len(texts(driver, "#similar .title")) == 10)


def test_overview(driver):
    open_section(driver, "overview")
    wait(driver, "the state", lambda: "uptime" in texts(driver, "#facts th"))
    assert "empty" in texts(driver, "#facts td .warn"), "an empty slot is not shown"
    wait(driver, "a chart", lambda: len(texts(driver, "#overview-charts .tick")) >= 14)


def test_search(driver):
    open_user(driver, "3")
    open_section(driver, "search")
    one(driver, "#query").send_keys("the", Keys.ENTER)
    wait(driver, "results", lambda: texts(driver, "#results .title"))
    assert all("the" in title.lower() for title in texts(driver, "#results .title"))
    one(driver, "#query").clear()
    one(driver, "#query").send_keys("qqqq", Keys.ENTER)
    wait(driver, "nothing", lambda: texts(driver, "#results .quiet") == ["No items found."])
    one(driver, "#query").clear()
    press(driver, "#search-form button")
    wait(driver, "a word of advice", lambda: "Type at least one word" in one(driver, "#notice").text)


def test_operation(driver):
    open_section(driver, "models")
    assert len(texts(driver, "#slots h3")) == 4
    assert any("recall@20" in text for text in texts(driver, "#slots th"))
    assert "Nothing is loaded; the stage is skipped." in texts(driver, "#slots .quiet")
    decisions = " ".join(texts(driver, "#promotions td"))
    assert "refused t2diff-000bad" in decisions and "it is worse" in decisions and "rolled back to" in decisions
    assert "no service serves it yet" in texts(driver, "#promotions small")
    open_section(driver, "ab-tests")
    assert texts(driver, "#reports h3") == ["freshness", "diversity"]
    assert "the assignment is broken" in texts(driver, "#reports .warn")[0]
    # Two tests of two metrics: two arms and their difference each.
    assert len(driver.find_elements(By.CSS_SELECTOR, "#reports svg.interval-bar")) == 12
    assert "boosted − plain" in " ".join(texts(driver, "#reports th")) and "higher" in texts(driver, "#reports .verdict")
    open_section(driver, "traffic")
    wait(driver, "a line in a chart", lambda: one(driver, "#charts polyline").get_attribute("points").count(",") > 1)
    assert texts(driver, "#charts .tick").count("now") == 5 and "ms" in texts(driver, "#charts .tick")
    assert len(texts(driver, "#charts .legend li")) == 7
    assert one(driver, "#ready").text.startswith("ready")


def test_roll_back(driver):
    open_section(driver, "models")
    before = texts(driver, "#slots article:last-child code")[0]
    press(driver, "#slots article:last-child button")
    assert before in one(driver, "#confirm-words").text
    one(driver, "#confirm-yes").click()
    wait(driver, "the version before", lambda: texts(driver, "#slots article:last-child code")[0] != before)
    assert before in texts(driver, "#slots article:last-child code")


def test_keyboard(driver):
    driver.get(driver.current_url.split("#")[0])
    one(driver, "body").send_keys(Keys.TAB)
    assert driver.switch_to.active_element.text == "Skip to the content"
    outline = driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", f"focus cannot be seen: outline {outline}"
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.get_attribute("id") == "main"


def test_tokens(driver, address, tokens):
    driver.get(address)
    wait(driver, "the demand for a token", lambda: "needs an access token" in one(driver, "#notice").text)
    press(driver, "nav a[href='#people']")
    wait(driver, "the same of people", lambda: one(driver, "#people").is_displayed())
    wait(driver, "the demand for a token", lambda: "needs an access token" in one(driver, "#notice").text)
    assert one(driver, "#token").is_displayed()
    one(driver, "#token").send_keys("wrong", Keys.ENTER)
    wait(driver, "the same again", lambda: one(driver, "#token").is_displayed())
    one(driver, "#token").send_keys(tokens["admin"], Keys.ENTER)
    wait(driver, "users", lambda: texts(driver, "#users button"))
    assert not one(driver, "#notice").is_displayed()
    stored = driver.execute_script("return [localStorage.length, document.cookie, sessionStorage.length]")
    assert stored == [0, "", 1], stored
    press(driver, "#token-box summary")
    press(driver, "#token-forget")
    wait(driver, "the demand for a token", lambda: "needs an access token" in one(driver, "#notice").text)
    assert driver.execute_script("return sessionStorage.length") == 0
    one(driver, "#token").send_keys(tokens["read"], Keys.ENTER)
    wait(driver, "what is missing", lambda: "needs 'admin'" in one(driver, "#notice").text)


def test_stopped(driver, process):
    process.terminate()
    process.wait(timeout=30)
    press(driver, "#again")
    wait(driver, "the bad news", lambda: "cannot be reached" in one(driver, "#notice").text)
    wait(driver, "the banner", lambda: "No response from the server since" in one(driver, "#gone").text)
    assert driver.execute_script("return document.body.classList.contains('stale')")


def take_shots(address, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in [(1280, 900), (390, 844), (360, 740)]:
        for dark in [False, True]:
            with browser(width, height, dark) as driver:
                driver.get(address)
                for name in SECTIONS:
                    open_section(driver, name)
                    if name == "people":
                        open_user(driver, "17")
                        press(driver, "#page .items li:nth-child(3) button")
                        wait(driver, "what is new", lambda: texts(driver, "#page .chip.new"))
                        press(driver, "#explain details summary")
                    if name == "search":
                        one(driver, "#query").send_keys("the", Keys.ENTER)
                        wait(driver, "results", lambda: texts(driver, "#results .title"))
                    if name in ("overview", "traffic"):
                        time.sleep(9)
                    place = f"{name}-{width}-{'dark' if dark else 'light'}"
                    check_whole(driver, place)
                    whole = driver.execute_script("return document.documentElement.scrollHeight")
                    size = {"width": width, "height": whole, "deviceScaleFactor": 1, "mobile": width < 600}
                    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                    driver.save_screenshot(str(folder / f"{place}.png"))
                    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": height})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("probe")
    parser.add_argument("--shots", type=pathlib.Path)
    parser.add_argument("--address", help="of a server that runs already, for pictures")
    choices = parser.parse_args()
    if choices.address:
        take_shots(choices.address, choices.shots)
        return
    with server(choices.probe, "--quiet") as (address, _, _):
        for width, height in [(1280, 900), (360, 740)]:
            with browser(width, height) as driver:
                driver.get(address)
                tests = [test_overview, test_people, test_items, test_search, test_operation, test_roll_back, test_erase]
                for test in [*tests, test_keyboard]:
                    test(driver)
                    check_whole(driver, f"{test.__name__} at {width}")
                    print(f"console-test: {test.__name__} at {width} pixels: good", flush=True)
        if choices.shots:
            take_shots(address, choices.shots)
    words = [word for role in ("read", "admin") for word in ("--token-role", role)]
    with server(choices.probe, "--quiet", *words) as (address, tokens, _), browser(1280, 900) as driver:
        test_tokens(driver, address, tokens)
        print("console-test: test_tokens: good")
    with server(choices.probe, "--quiet") as (address, _, process), browser(1280, 900) as driver:
        driver.get(address)
        open_user(driver, "17")
        test_stopped(driver, process)
        print("console-test: test_stopped: good")


if __name__ == "__main__":
    main()
