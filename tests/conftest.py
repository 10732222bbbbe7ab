"""What holds for all tests."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Examples are found by chance on purpose; a slow machine is no failure.
settings.register_profile("ratcam", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ratcam")

_TOOL_REASON = "needs "
"""How the reason of every skip begins that is for want of a tool from outside Python."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were skipped for want of a tool."""
    for reason in _missing_tools(terminalreporter):
        terminalreporter.write_line(f"skipped: {reason}", yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every tool is installed (RATCAM_TESTS_NEED_TOOLS=1) such a skip fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    is_strict = bool(os.environ.get("RATCAM_TESTS_NEED_TOOLS"))
    if is_strict and isinstance(reporter, pytest.TerminalReporter) and _missing_tools(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing_tools(reporter: pytest.TerminalReporter) -> list[str]:
    reasons: list[str] = []
    for report in reporter.stats.get("skipped", []):
        if isinstance(report, pytest.TestReport | pytest.CollectReport) and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if reason.startswith(_TOOL_REASON):
                reasons.append(f"{report.nodeid}: {reason}")
    return reasons
