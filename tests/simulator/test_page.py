"""The chat page in a real browser."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from ratcam.simulator.simulator import Simulator
from tests.simulator.browser import WAIT_S, Browser, missing_tools
from tests.simulator.client import TOKEN, talk


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if missing := missing_tools():
        pytest.skip(f"needs {' and '.join(missing)}")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def test_a_typed_line_reaches_the_bot_and_its_answer_the_page(browser: Browser, simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)
    browser.wait("document.querySelector('.chat .name')?.textContent === 'Ada'")
    browser.find("#line")[0].send_keys("/start", Keys.ENTER)

    async def conversation(bot: Bot) -> None:
        (update,) = await bot.get_updates(timeout=10)
        assert update.message is not None
        assert (update.message.text, update.message.chat.id) == ("/start", chat)
        await bot.send_message(chat, "<b>welcome</b> <img src=x onerror=alert(1)>")

    talk(simulator, conversation)
    browser.wait("document.querySelectorAll('.message').length === 2")
    words = browser.find(".message:not(.is-mine) .words")[0]
    assert words.text == "<b>welcome</b> <img src=x onerror=alert(1)>"
    assert browser.find(".is-mine .words")[0].text == "/start"
    assert browser.find("#line")[0].get_attribute("value") == ""
    assert browser.errors() == []


def test_a_photo_is_shown_and_a_video_plays_and_can_be_sought(
    browser: Browser, simulator: Simulator, jpeg: bytes, thumbnail: bytes, mp4: Path
) -> None:
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")
    browser.open(simulator.page_url)

    async def conversation(bot: Bot) -> None:
        photo = (await bot.send_photo(first, jpeg, caption="motion")).photo[-1]
        with mp4.open("rb") as handle:
            message = await bot.send_video(
                first, handle, width=320, height=240, duration=3, disable_notification=True, thumbnail=thumbnail
            )
        assert message.video is not None
        await bot.send_photo(second, photo.file_id)
        await bot.send_video(second, message.video.file_id)

    talk(simulator, conversation)
    browser.wait("document.querySelector('.message img')?.naturalWidth === 640")
    browser.wait("document.querySelector('.message video')?.readyState >= 1")
    assert browser.run("return Math.round(document.querySelector('video').duration)") == 3
    browser.run("const i = new Image(); i.src = document.querySelector('video').poster; window.poster = i")
    browser.wait("window.poster.naturalWidth === 320 && window.poster.naturalHeight === 200")
    assert str(browser.run("return document.querySelector('video').poster")).endswith(".jpg")
    assert browser.find(".badge") == []
    assert len(browser.find(".foot .silent")) == 1
    browser.run("const v = document.querySelector('video'); v.currentTime = 2; v.play()")
    browser.wait("document.querySelector('video').currentTime > 2.2")
    browser.find(".chat")[1].click()
    browser.wait("document.querySelector('.message img')?.naturalWidth === 640")
    badges = [badge.text for badge in browser.find(".badge")]
    assert badges == ["sent again by file id"] * 2
    assert browser.errors() == []


def test_a_playing_video_is_left_alone_by_what_comes_after(browser: Browser, simulator: Simulator, mp4: Path) -> None:
    chat = simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)

    async def conversation(bot: Bot) -> None:
        with mp4.open("rb") as handle:
            await bot.send_video(chat, handle, width=320, height=240, duration=3)
        browser.wait("document.querySelector('video')?.readyState >= 1")
        browser.run("window.kept = document.querySelector('video')")
        await bot.send_message(chat, "all quiet")

    talk(simulator, conversation)
    browser.wait("document.querySelectorAll('.message').length === 2")
    assert browser.run("return document.querySelector('video') === window.kept")


def test_a_pressed_button_is_a_callback_query_and_its_answer_is_shown(browser: Browser, simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)

    async def conversation(bot: Bot) -> None:
        markup = InlineKeyboardMarkup(
            [[InlineKeyboardButton("Arm", callback_data="arm"), InlineKeyboardButton("Photo", callback_data="photo")]]
        )
        panel = await bot.send_message(chat, "panel", reply_markup=markup)
        browser.wait("document.querySelectorAll('.key').length === 2")
        browser.find(".key")[0].click()
        (update,) = await bot.get_updates(timeout=10)
        assert update.callback_query is not None
        assert update.callback_query.data == "arm"
        await bot.answer_callback_query(update.callback_query.id, "Armed.")
        await panel.edit_text("armed")

    talk(simulator, conversation)
    browser.wait("document.querySelector('.words')?.textContent === 'armed'")
    browser.wait("document.querySelector('.toast.is-shown')?.textContent === 'Armed.'")
    assert browser.find(".edited")[0].text == "edited"
    assert browser.find(".key") == []


def test_what_the_bot_is_doing_is_shown_until_it_is_done(browser: Browser, simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)

    async def conversation(bot: Bot) -> None:
        await bot.send_chat_action(chat, "record_video")
        browser.wait("document.getElementById('status').textContent === 'Ratcam is recording a video'")
        await bot.send_message(chat, "done")

    talk(simulator, conversation)
    browser.wait("document.getElementById('status').textContent === 'chats with Ratcam'")


def test_the_commands_of_the_bot_are_offered_while_one_is_typed(browser: Browser, simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        await bot.set_my_commands([("photo", "take a picture"), ("video", "record"), ("arm", "watch")])

    talk(simulator, conversation)
    browser.open(simulator.page_url)
    browser.wait("document.querySelector('.chat')")
    browser.find("#line")[0].send_keys("/v")
    browser.wait("document.querySelectorAll('.commands button').length === 1")
    browser.find(".commands button")[0].click()
    assert simulator.wait_for(lambda message: message.chat_id == chat, WAIT_S).text == "/video"


def test_nothing_is_wider_than_a_phone(browser: Browser, simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.say(chat, "x" * 300)

    async def conversation(bot: Bot) -> None:
        await bot.send_photo(chat, jpeg, caption="motion")

    talk(simulator, conversation)
    browser.pretend_size(360, 740)
    try:
        browser.open(simulator.page_url)
        browser.wait("document.querySelector('img')?.naturalWidth > 0")
        width, needed, right = browser.run(
            "return [innerWidth, document.documentElement.scrollWidth,"
            " Math.max(...[...document.querySelectorAll('.bubble')].map((b) => b.getBoundingClientRect().right))]"
        )
        assert (width, needed <= 360, right <= 360) == (360, True, True)
    finally:
        browser.real_size()


def test_the_page_comes_back_by_itself_after_the_simulator_was_away(browser: Browser, simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)
    browser.wait("document.querySelector('#link.is-live')")
    simulator.stop()
    browser.wait("!document.querySelector('#link.is-live')")
    simulator.start()
    simulator.say(chat, "hello again")
    browser.wait("document.querySelector('#link.is-live')")
    browser.wait("document.querySelector('.words')?.textContent === 'hello again'")


def test_a_call_that_telegram_lacks_is_shown(browser: Browser, simulator: Simulator) -> None:
    simulator.add_private_chat("Ada")
    browser.open(simulator.page_url)
    browser.wait("document.querySelector('.chat') && document.getElementById('problems').hidden")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{simulator.base_url}/bot{TOKEN}/sendDice", timeout=10)
    caught.value.close()
    browser.wait("!document.getElementById('problems').hidden")


def test_another_sites_page_cannot_speak_for_the_person(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    body = json.dumps({"chat": chat, "text": "forged"}).encode()
    request = urllib.request.Request(f"{simulator.page_url}page/say", data=body, headers={"Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    caught.value.close()
    assert caught.value.code == 415
    assert simulator.messages(chat) == ()


def test_media_are_served_in_ranges(simulator: Simulator, mp4: Path) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        with mp4.open("rb") as handle:
            await bot.send_video(chat, handle)

    talk(simulator, conversation)
    with urllib.request.urlopen(f"{simulator.page_url}page/state", timeout=10) as response:
        url = json.loads(response.read())["chats"][0]["messages"][0]["media"]["url"]
    request = urllib.request.Request(simulator.base_url + url, headers={"Range": "bytes=100-199"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert (response.status, response.headers["Content-Type"]) == (206, "video/mp4")
        assert response.read() == mp4.read_bytes()[100:200]


def test_the_newest_message_stays_in_view_when_the_window_changes_and_when_one_writes(
    browser: Browser, simulator: Simulator
) -> None:
    chat = simulator.add_private_chat("Ada")
    for number in range(60):
        simulator.say(chat, f"line {number}")
    at_end = (
        "(s => s.scrollHeight > s.clientHeight && s.scrollHeight - s.scrollTop - s.clientHeight < 3)"
        "(document.querySelector('#stream'))"
    )
    browser.open(simulator.page_url)
    browser.wait("document.querySelectorAll('.message').length === 60")
    browser.wait(at_end)
    try:
        browser.pretend_size(390, 844)
        browser.wait("innerWidth === 390")
        browser.wait(at_end)
        simulator.say(chat, "one more")
        browser.wait("document.querySelectorAll('.message').length === 61")
        browser.wait(at_end)
        browser.run(
            "const s = document.querySelector('#stream'); s.scrollTop = 0;"
            "s.dispatchEvent(new WheelEvent('wheel', {bubbles: true}));"
        )
        browser.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        simulator.say(chat, "while reading above")
        browser.wait("document.querySelectorAll('.message').length === 62")
        assert browser.run("return document.querySelector('#stream').scrollTop") == 0, "who reads above is left there"
        browser.find("#line")[0].send_keys("my own", Keys.ENTER)
        browser.wait("document.querySelectorAll('.message').length === 63")
        browser.wait(at_end)
    finally:
        browser.real_size()
