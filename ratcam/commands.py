"""The commands and their arguments. Imported when needed: for the plainest one, `ratcam mux IN OUT`, it is not."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ratcam import __version__
from ratcam.config import Config, explain, load, sample, show
from ratcam.console import Stoppable, frame_rate, leave, positive_number, say, shown
from ratcam.errors import BadInputError, ExitStatus
from ratcam.media.progressive import Rate
from ratcam.messages import ChatId
from ratcam.motion.zones import NOTHING_WATCHED, watches_nothing

_DESCRIPTION = "A camera as a contact in Telegram."
_CONFIG_HELP = "the configuration (default: ratcam.ini in this folder, if there is one)"


def parsed(argv: Sequence[str]) -> Callable[[], int]:
    """What a command line asks for, ready to be done.

    Raises:
        SystemExit: it is malformed, or asks for help; that has been said.
    """
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], ExitStatus] = arguments.run
    return lambda: run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ratcam", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"ratcam {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the daemon in the foreground")
    run.add_argument("--config", type=Path, metavar="INI", help=_CONFIG_HELP)
    run.add_argument("-v", "--verbose", action="store_true", help="log everything, whatever [daemon] log_level says")
    run.set_defaults(run=_run)

    demo = commands.add_parser("demo", help="the main job on an embedded camera and an embedded chat")
    demo.add_argument("--seconds", type=_positive, metavar="N", help="end after so long (default: at Ctrl-C)")
    demo.add_argument("--source", default="demo", help="demo, or file:PATH to use a video as the camera")
    demo.add_argument("--out", type=Path, metavar="DIR", help="keep transcript.json, the media and the log here")
    demo.add_argument(
        "--port", type=_port, default=0, metavar="N", help="where the chat page listens (default: any free port)"
    )
    demo.set_defaults(run=_demo)

    chats = commands.add_parser("chats", help="list the enrolled chats, or revoke one; also while the daemon runs")
    chats.add_argument("--config", type=Path, metavar="INI", help=_CONFIG_HELP)
    what = chats.add_subparsers(metavar="ACTION")
    chats.set_defaults(run=_chats_list)
    every = what.add_parser("list", help="list the enrolled chats")
    every.set_defaults(run=_chats_list)
    revoke = what.add_parser("revoke", help="take a chat's authorisation away")
    revoke.add_argument("chat", type=int, metavar="ID", help="the chat's number, as `ratcam chats` shows it")
    revoke.set_defaults(run=_chats_revoke)
    for action in (every, revoke):  # also behind the action; what stands before it must not be overwritten
        action.add_argument("--config", type=Path, metavar="INI", default=argparse.SUPPRESS, help=_CONFIG_HELP)

    mux = commands.add_parser(
        "mux",
        help="put a raw H.264 stream into an MP4 without encoding it again",
        description="Put a raw H.264 stream (Annex B, a file or a pipe) into an MP4 file, without encoding it again. "
        "OUT.mp4 appears, or is replaced, when it is whole; if it is a link, the link is replaced and not what it "
        "names. Exit status 2 if IN.h264 cannot be muxed or OUT.mp4 cannot be written.",
    )
    mux.add_argument("source", metavar="IN.h264")
    mux.add_argument("target", metavar="OUT.mp4")
    mux.add_argument(
        "--fps",
        type=_frame_rate,
        metavar="N",
        help="pictures a second, from 0.01 to 1000, also as a fraction such as 30000/1001 (default: what the stream "
        "says, or 25)",
    )
    mux.set_defaults(run=_mux)

    recover = commands.add_parser(
        "recover",
        help="make interrupted recordings playable",
        description="Make interrupted recordings (.spool, .broken, unfinished or cut-off .mp4) playable MP4 files with "
        "the index in front. In place, and NAME.spool and NAME.broken become NAME.mp4 (x.mp4.spool: x.mp4); a finished "
        "file is left alone, and not copied by --to either. No file is "
        "overwritten, and none of a running ratcam is changed. Exit status 2 if a file could not be recovered.",
    )
    recover.add_argument("files", nargs="+", type=Path, metavar="FILE")
    recover.add_argument("--to", type=Path, metavar="DIR", help="put the results here and leave the files as they are")
    recover.set_defaults(run=_recover)

    analyze = commands.add_parser("analyze", help="run the motion detector over a video")
    analyze.add_argument("video", type=Path, metavar="VIDEO")
    analyze.add_argument("--config", type=Path, metavar="INI", help=_CONFIG_HELP)
    analyze.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="try another [motion] key; may be repeated"
    )
    analyze.add_argument(
        "--vectors", type=Path, metavar="FILE", help="a raw file of picamera's motion_output, instead of decoding"
    )
    analyze.add_argument("--json", action="store_true", help="JSON lines: stream, frames, events, summary")
    analyze.add_argument(
        "--heatmap", type=Path, metavar="PNG", help="write the heat map of the strongest event, or picture"
    )
    analyze.set_defaults(run=_analyze)

    _add_tune(commands.add_parser)

    config = commands.add_parser("config", help="show, check or explain the configuration")
    actions = config.add_subparsers(required=True, metavar="ACTION")
    for name, function, text in (
        ("show", _config_show, "print what is in force and where it comes from; secrets are masked"),
        ("check", _config_check, "report every error; exit status 78 if there is one"),
        ("explain", _config_explain, "tell what a key means, its limits, what is in force and where that comes from"),
        ("sample", _config_sample, "print a ratcam.ini with every key, explained, at its default"),
    ):
        action = actions.add_parser(name, help=text)
        if function is _config_explain:
            action.add_argument(
                "key", metavar="KEY", help="SECTION.KEY, such as zone.polygon, or a key or section alone"
            )
        action.add_argument("--config", type=Path, metavar="INI", help=_CONFIG_HELP)
        action.set_defaults(run=function)
    return parser


def _add_tune(add_parser: Callable[..., argparse.ArgumentParser]) -> None:
    tune = add_parser(
        "tune",
        help="see what the motion detector makes of recordings, and what to change",
        description="Run the motion detector over videos, or over the motion fields that the daemon kept ([motion] "
        "keep_vectors_mb), and write a report: score and events over time, heat maps, doubtful events, other "
        "sensitivities, and the lines for ratcam.ini. With --against or --against-set, two configurations at once.",
    )
    tune.add_argument(
        "places", nargs="*", type=Path, metavar="CLIP|DIR", help="videos, folders of videos, or kept motion fields"
    )
    tune.add_argument("--config", type=Path, metavar="INI", help=_CONFIG_HELP)
    tune.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="try another [motion] key; may be repeated"
    )
    tune.add_argument("--against", type=Path, metavar="INI", help="a second configuration to compare with")
    tune.add_argument(
        "--against-set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="keys of the second configuration; without --against the others are those of the first",
    )
    tune.add_argument(
        "--report", type=Path, metavar="FILE", help=".html or .png (default: ratcam-tune.html; none with --json)"
    )
    tune.add_argument("--json", action="store_true", help="tell the findings as JSON")
    tune.add_argument(
        "--false-alarms-per-week",
        type=_positive,
        metavar="N",
        help="how many you want at most (default: 1)",
    )
    tune.add_argument(
        "--motion",
        action="append",
        default=[],
        metavar="FROM-TO,...",
        help="when something truly moved, in seconds, such as 12-15.5,40-44, or none; once for each recording",
    )
    tune.add_argument("--zones", type=Path, metavar="STILL", help="draw a grid over a picture to choose zones from")
    tune.add_argument("--out", type=Path, metavar="PNG", help="where --zones draws it (default: zones.png)")
    tune.set_defaults(run=_tune)


def _positive(text: str) -> float:
    value = positive_number(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _frame_rate(text: str) -> float | Rate:
    rate = frame_rate(text)
    if rate is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a frame rate: give pictures a second, from 0.01 to 1000, as 25, 29.97 or 30000/1001"
        )
    return rate


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return int(text)


def _load(arguments: argparse.Namespace) -> Config:
    return load(arguments.config, os.environ)


def _run(arguments: argparse.Namespace) -> ExitStatus:
    # Imported when needed: the other commands must start fast and need none of what the daemon is made of.
    from ratcam.app import run_daemon  # noqa: PLC0415

    config = _load(arguments)
    if arguments.verbose:
        config = replace(config, daemon=replace(config.daemon, log_level="debug"))
    leave(run_daemon(config))


def _demo(arguments: argparse.Namespace) -> ExitStatus:
    try:
        from ratcam.demo import run_demo  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise BadInputError(f"the demo needs {exc.name}; install it with: pip install 'ratcam[demo]'") from exc
    return run_demo(seconds=arguments.seconds, source=arguments.source, out=arguments.out, port=arguments.port)


def _chats_list(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.store.auth import TinyAuthStore  # noqa: PLC0415

    state_dir = Path(_load(arguments).daemon.state_dir)
    chats = TinyAuthStore(state_dir=state_dir).chats()
    if not chats:
        print(f"No chat is enrolled in {state_dir}. Send /start to your bot while `ratcam run` runs.")
    for chat in chats:
        since = datetime.fromtimestamp(chat.since_unix_s).strftime("%Y-%m-%d %H:%M")
        print(f"{chat.chat:>16}  since {since}  {chat.name if chat.name.isprintable() else repr(chat.name)}")
    return ExitStatus.OK


def _chats_revoke(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.store.auth import TinyAuthStore  # noqa: PLC0415

    store = TinyAuthStore(state_dir=Path(_load(arguments).daemon.state_dir))
    if not store.revoke(ChatId(arguments.chat)):
        raise BadInputError(f"chat {arguments.chat} is not enrolled; `ratcam chats` lists those that are")
    print(f"Chat {arguments.chat} is revoked. A running daemon notices within a second.")
    return ExitStatus.OK


def _mux(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.muxing import mux  # noqa: PLC0415

    with Stoppable():
        mux(arguments.source, arguments.target, fps=arguments.fps)
    return ExitStatus.OK


def _recover(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.recovering import recover_files  # noqa: PLC0415

    with Stoppable():
        return recover_files(
            arguments.files,
            to=arguments.to,
            say=lambda line: say(shown(line)),
            complain=lambda line: print(shown(line), file=sys.stderr),
        )


def _analyze(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.analyze import analyze  # noqa: PLC0415
    from ratcam.tune.choices import with_settings  # noqa: PLC0415

    config = with_settings(_load(arguments), arguments.set)
    analyze(
        arguments.video,
        motion=config.motion,
        zones=config.zones,
        hold_s=config.recording.post_roll_s,
        vectors=arguments.vectors,
        as_json=arguments.json,
        heat_map=arguments.heatmap,
        out=sys.stdout,
    )
    return ExitStatus.OK


def _tune(arguments: argparse.Namespace) -> ExitStatus:
    if arguments.zones is not None:
        return _tune_zones(arguments)
    if arguments.out is not None:
        raise BadInputError("--out belongs to --zones. Name the report with --report.")
    if not arguments.places:
        raise BadInputError("Name a video, a folder of videos, or kept motion fields (STATE_DIR/vectors) to replay.")
    from ratcam.tune.choices import choose  # noqa: PLC0415
    from ratcam.tune.command import DEFAULT_REPORT, Wish, tune  # noqa: PLC0415

    first = choose(arguments.config, arguments.set, environ=os.environ)
    choices = (first,)
    if arguments.against is not None or arguments.against_set:
        sets: list[str] = arguments.against_set
        if arguments.against is None:
            sets = [*arguments.set, *sets]
        ini = arguments.against or arguments.config
        choices = (first, choose(ini, sets, environ=os.environ, name="B"))
    wish = Wish(
        places=tuple(arguments.places),
        choices=choices,
        report=arguments.report or (None if arguments.json else DEFAULT_REPORT),
        as_json=arguments.json,
        per_week=1.0 if arguments.false_alarms_per_week is None else arguments.false_alarms_per_week,
        motion=tuple(arguments.motion),
    )
    tune(wish, sys.stdout, progress=sys.stderr if sys.stderr.isatty() else None)
    return ExitStatus.OK


def _tune_zones(arguments: argparse.Namespace) -> ExitStatus:
    from ratcam.zone_picture import zone_picture  # noqa: PLC0415

    given = {
        "CLIP or DIR": arguments.places,
        "--set": arguments.set,
        "--against": arguments.against,
        "--against-set": arguments.against_set,
        "--report": arguments.report,
        "--json": arguments.json,
        "--false-alarms-per-week": arguments.false_alarms_per_week,
        "--motion": arguments.motion,
    }
    if unused := ", ".join(name for name, value in given.items() if value):
        raise BadInputError(f"--zones only draws the grid, and has no use for {unused}. Leave that out, or --zones.")
    out_path = arguments.out or Path("zones.png")
    zone_picture(arguments.zones, zones=_load(arguments).zones, out_path=out_path, out=sys.stdout)
    return ExitStatus.OK


def _config_show(arguments: argparse.Namespace) -> ExitStatus:
    print(show(_load(arguments)), end="")
    return ExitStatus.OK


def _config_check(arguments: argparse.Namespace) -> ExitStatus:
    config = _load(arguments)
    print(f"{shown(str(config.path or 'the defaults'))}: no errors")
    if watches_nothing(config.zones):
        print(NOTHING_WATCHED)
    if not config.telegram.token:
        print("There is no bot token yet: `ratcam run` needs one and says how to get it.")
    return ExitStatus.OK


def _config_explain(arguments: argparse.Namespace) -> ExitStatus:
    print(explain(_load(arguments), arguments.key), end="")
    return ExitStatus.OK


def _config_sample(arguments: argparse.Namespace) -> ExitStatus:
    print(sample(), end="")
    return ExitStatus.OK
