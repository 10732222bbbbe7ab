"""Uploads, file ids, albums and downloads through a real python-telegram-bot client."""

import io
import json
import random
from pathlib import Path

import pytest
from PIL import Image
from telegram import Bot, InputFile, InputMediaPhoto, InputMediaVideo
from telegram.error import BadRequest, NetworkError

from ratcam.simulator.simulator import Simulator
from tests.simulator.client import new_bot, talk


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, "PNG")
    return out.getvalue()


def test_a_photo_comes_in_sizes_and_is_sent_again_by_its_id(simulator: Simulator, jpeg: bytes) -> None:
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")

    async def conversation(bot: Bot) -> None:
        message = await bot.send_photo(first, jpeg, caption="motion")
        assert [(size.width, size.height) for size in message.photo] == [(90, 68), (320, 240), (640, 480)]
        largest = message.photo[-1]
        assert largest.file_size == len(jpeg)
        again = await bot.send_photo(second, largest.file_id, caption="motion")
        assert again.photo == message.photo

    talk(simulator, conversation)
    one, two = simulator.messages(first)[0].media, simulator.messages(second)[0].media
    assert one is not None
    assert two is not None
    assert (one.is_uploaded, two.is_uploaded) == (True, False)
    assert one.file_id == two.file_id
    assert simulator.calls()[-1].uploaded_bytes == {}
    assert simulator.problems == ()


def test_a_video_keeps_what_the_sender_says_of_it_and_is_streamed_from_an_open_file(
    simulator: Simulator, thumbnail: bytes, mp4: Path
) -> None:
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")

    async def conversation(bot: Bot) -> None:
        with mp4.open("rb") as handle:
            message = await bot.send_video(
                first,
                InputFile(handle, filename="clip.mp4", read_file_handle=False),
                width=320,
                height=240,
                duration=3,
                supports_streaming=True,
                thumbnail=thumbnail,
            )
        video = message.video
        assert video is not None
        assert (video.width, video.height, video.file_size) == (320, 240, mp4.stat().st_size)
        assert (video.mime_type, video.file_name) == ("video/mp4", "clip.mp4")
        small = video.thumbnail
        assert small is not None
        assert (small.width, small.height, small.file_size) == (320, 200, len(thumbnail))
        assert bytes(await (await small.get_file()).download_as_bytearray()) == thumbnail
        again = await bot.send_video(second, video.file_id)
        assert again.video == video

    talk(simulator, conversation)
    sent = next(call for call in simulator.calls() if call.method == "sendVideo")
    assert sent.uploaded_bytes["video"] == mp4.stat().st_size
    assert simulator.problems == ()


def test_what_is_downloaded_is_what_was_uploaded(simulator: Simulator, jpeg: bytes, mp4: Path) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        photo = (await bot.send_photo(chat, jpeg)).photo[-1]
        assert bytes(await (await photo.get_file()).download_as_bytearray()) == jpeg
        document = (await bot.send_document(chat, mp4)).document
        assert document is not None
        assert bytes(await (await document.get_file()).download_as_bytearray()) == mp4.read_bytes()
        animation = (await bot.send_animation(chat, mp4, width=320, height=240, duration=3)).animation
        assert animation is not None
        with pytest.raises(BadRequest, match="Invalid file_id"):
            await bot.get_file("nonsense")

    talk(simulator, conversation)


def test_a_file_id_cannot_change_its_kind_or_its_bot(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")
    other = Simulator(token="7000000002:AAanotherTokenOfNoValueWhatsoever000")
    other.start()
    stranger = other.add_private_chat("Bob")

    async def conversation(bot: Bot) -> None:
        photo = (await bot.send_photo(chat, jpeg)).photo[-1].file_id
        with pytest.raises(BadRequest, match="Can't use file of type photo as video"):
            await bot.send_video(chat, photo)
        async with new_bot(other, "7000000002:AAanotherTokenOfNoValueWhatsoever000") as second:
            with pytest.raises(BadRequest, match=r"(?i)Wrong file identifier/HTTP URL specified"):
                await second.send_photo(stranger, photo)

    try:
        talk(simulator, conversation)
    finally:
        other.stop()


def test_an_album_mixes_uploads_and_file_ids(simulator: Simulator, jpeg: bytes, mp4: Path) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        photo = (await bot.send_photo(chat, jpeg)).photo[-1].file_id
        album = await bot.send_media_group(
            chat,
            [
                InputMediaPhoto(photo, caption="one"),
                InputMediaVideo(mp4.read_bytes(), width=320, height=240, duration=3),
            ],
        )
        assert album[0].media_group_id == album[1].media_group_id is not None
        assert album[0].photo[-1].file_id == photo
        assert album[1].video is not None
        with pytest.raises(BadRequest, match="between 2 and 10"):
            await bot.send_media_group(chat, [InputMediaPhoto(photo)])

    talk(simulator, conversation)
    assert len(simulator.messages(chat)) == 3
    assert simulator.problems == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"this is no picture", "IMAGE_PROCESS_FAILED"),
        (b"", "File must be non-empty"),
        (picture(9000, 1001), "PHOTO_INVALID_DIMENSIONS"),
        (picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (b"x" * ((10 << 20) + 1), "File of size 10485761 bytes is too big for a photo"),
    ],
    ids=["garbage", "empty", "too large", "too narrow", "too many bytes"],
)
def test_a_bad_photo_is_refused(simulator: Simulator, data: bytes, reason: str) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(BadRequest, match=f"(?i){reason}"):
            await bot.send_photo(chat, data)

    talk(simulator, conversation)
    assert simulator.messages(chat) == ()


def test_a_truncated_jpeg_is_refused(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(BadRequest, match=r"(?i)IMAGE_PROCESS_FAILED"):
            await bot.send_photo(chat, jpeg[: len(jpeg) // 2])

    talk(simulator, conversation)


def test_a_picture_at_the_limits_is_taken(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        await bot.send_photo(chat, picture(9000, 1000))
        await bot.send_photo(chat, picture(2000, 100))

    talk(simulator, conversation)
    assert len(simulator.messages(chat)) == 2


def test_an_upload_over_50_mb_is_refused_with_413_and_one_of_50_mb_is_taken(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(NetworkError, match="Request Entity Too Large"):
            await bot.send_document(chat, bytes((50 << 20) + 1), filename="large.bin")
        document = (await bot.send_document(chat, bytes(50 << 20), filename="large.bin")).document
        assert document is not None
        with pytest.raises(BadRequest, match="File is too big"):
            await bot.get_file(document.file_id)

    talk(simulator, conversation)
    assert [call.status for call in simulator.calls()] == [200, 413, 200, 400]
    assert len(simulator.messages(chat)) == 1


def coded(image: Image.Image, kind: str = "JPEG", *, quality: int = 80) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return out.getvalue()


NOISE = Image.frombytes("RGB", (320, 320), random.Random(1).randbytes(320 * 320 * 3))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (coded(Image.new("RGB", (321, 100))), "321x100 is more than 320 pixels a side"),
        (coded(Image.new("RGB", (100, 321))), "100x321 is more than 320 pixels a side"),
        (picture(100, 100), "no JPEG"),
        (b"no picture", "no JPEG"),
        (coded(Image.new("RGB", (100, 100)))[:400], "no JPEG"),
        (coded(NOISE, quality=100), "bytes, not less than 200000"),
    ],
    ids=["wide", "high", "png", "garbage", "cut", "many bytes"],
)
def test_a_bad_thumbnail_is_left_out_and_the_video_sent_without(
    simulator: Simulator, mp4: Path, data: bytes, reason: str
) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        video = (await bot.send_video(chat, mp4, thumbnail=data)).video
        assert video is not None
        assert video.thumbnail is None

    talk(simulator, conversation)
    (problem,) = simulator.problems
    assert reason in problem


def test_a_thumbnail_at_the_limits_is_taken_and_stays_with_the_file_id(
    simulator: Simulator, mp4: Path, tmp_path: Path
) -> None:
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")
    data = coded(Image.linear_gradient("L").resize((320, 320)), quality=95)

    async def conversation(bot: Bot) -> None:
        video = (await bot.send_video(first, mp4, thumbnail=data)).video
        assert video is not None
        assert video.thumbnail is not None
        assert (await bot.send_video(second, video.file_id)).video == video

    talk(simulator, conversation)
    assert simulator.problems == ()
    simulator.save(tmp_path)
    for chat in json.loads((tmp_path / "transcript.json").read_text())["chats"]:
        (message,) = chat["messages"]
        assert (tmp_path / message["media"]["thumbnail"]).read_bytes() == data
