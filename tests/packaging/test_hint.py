"""A command whose package is missing says how to install it."""

import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from gmi_video import __main__ as command_line


class Noted:
    """An installed distribution, as far as it is asked: what pip has noted of where it came from."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._text


def not_installed(name: str) -> Noted:
    raise PackageNotFoundError(name)


def hint(monkeypatch: pytest.MonkeyPatch, noted: str | None) -> str:
    """What `demo` says without rich, where pip has noted this."""
    monkeypatch.setattr("importlib.metadata.distribution", lambda _name: Noted(noted))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - a stand-in
    return said(monkeypatch)


def said(monkeypatch: pytest.MonkeyPatch) -> str:
    for name in [name for name in sys.modules if name.startswith("gmi_video.demo")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(SystemExit) as ended:
        command_line.main(["demo"])
    return str(ended.value)


def test_from_a_clone_it_names_the_clone_and_what_to_run_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noted = f'{{"dir_info": {{}}, "url": "{(tmp_path / "a clone").as_uri()}"}}'
    assert hint(monkeypatch, noted) == (
        f"This command needs rich, which is not installed. In {tmp_path / 'a clone'}, run\n"
        f'    {sys.executable} -m pip install ".[demo]"'
    )


def test_an_editable_installation_stays_editable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noted = f'{{"dir_info": {{"editable": true}}, "url": "{tmp_path.as_uri()}"}}'
    assert hint(monkeypatch, noted).endswith('-m pip install -e ".[demo]"')


@pytest.mark.parametrize("noted", [None, '{"archive_info": {}, "url": "file:///downloads/gmi_video_mcp.whl"}'])
def test_elsewhere_it_speaks_of_the_clone_without_a_name(monkeypatch: pytest.MonkeyPatch, noted: str | None) -> None:
    assert "In the folder of your clone, run\n" in hint(monkeypatch, noted)


def test_uninstalled_source_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", not_installed)
    assert "In the folder of your clone, run\n" in said(monkeypatch)


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_no_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmi_video.simulator.serve", None)
    monkeypatch.delattr("gmi_video.simulator.serve", raising=False)
    with pytest.raises(ModuleNotFoundError, match="gmi_video"):
        command_line.main(["simulate"])
