"""The folder of saved videos: nothing in it is overwritten, whatever appears there at the worst moment."""

import json
from pathlib import Path

import pytest

from gmi_video.videos.store import Found, VideoStore

ID = "3F2A9c1e-d8f1-4adf-91b7-584a2265b1f5"


def saved(folder: Path, request_id: str, *, meanwhile: dict[str, bytes] | None = None) -> Path:
    """Save a video; `meanwhile`: files that another copy makes after the look at the folder and before the move."""
    store = VideoStore(folder)
    claim = store.claim(request_id)
    assert claim is not None
    claim.path.write_bytes(request_id.encode())

    def sidecar(name: str) -> bytes:
        for other, content in (meanwhile or {}).items():
            (folder / other).write_bytes(content)
        return json.dumps({"request_id": request_id, "file": name, "bytes": len(request_id)}).encode()

    path = store.put(claim, request_id, "2026-11-24 a-fox", "mp4", sidecar)
    claim.drop()
    return path


def test_a_video_that_another_copy_saves_under_the_same_name_at_the_same_moment_is_not_overwritten(
    tmp_path: Path,
) -> None:
    name = "2026-11-24 a-fox 3F2A.mp4"
    path = saved(tmp_path, ID, meanwhile={name: b"the other one's"})
    assert (path.name, path.read_bytes()) == ("2026-11-24 a-fox 3F2A9.mp4", ID.encode())
    assert (tmp_path / name).read_bytes() == b"the other one's"
    assert VideoStore(tmp_path).find(ID) == Found(path, is_there=True)
    assert len(list(tmp_path.iterdir())) == 3


def test_ids_that_differ_in_the_case_of_their_letters_only_have_names_that_differ_in_more(tmp_path: Path) -> None:
    paths = [saved(tmp_path, request_id) for request_id in (ID, ID.lower(), ID.upper())]
    assert len({path.name.casefold() for path in paths}) == 3
    for path, request_id in zip(paths, (ID, ID.lower(), ID.upper()), strict=True):
        assert VideoStore(tmp_path).find(request_id) == Found(path, is_there=True)


@pytest.mark.parametrize("request_id", ["a", "a-b", "-" * 128, "x" * 128])
def test_an_id_of_any_form_has_a_name(tmp_path: Path, request_id: str) -> None:
    path = saved(tmp_path, request_id)
    assert path.is_file()
    assert VideoStore(tmp_path).find(request_id) == Found(path, is_there=True)
    assert VideoStore(tmp_path).find(request_id + "-") is None


def test_an_unfinished_file_has_one_holder_until_it_is_dropped_and_a_late_holder_gets_none(tmp_path: Path) -> None:
    store = VideoStore(tmp_path)
    first = store.claim(ID)
    assert first is not None
    assert store.claim(ID) is None
    first.drop()
    assert list(tmp_path.iterdir()) == []
    second = store.claim(ID)
    assert second is not None
    first.drop()
    assert second.path.exists(), "what was dropped once is another's now"
    second.release()


def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    (tmp_path / f".{ID}.part").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        VideoStore(tmp_path).claim(ID)
    assert target.read_bytes() == b"precious"
