"""Write generated files so that a reader sees the old ones or the new ones, never half of one.

All files of a build are first written beside their places, under names that nobody reads, and renamed only when the last
one is on the disk: a full disk or a folder in the way leaves the earlier build as it was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

MANIFEST = ".cachewatch-build.json"
LOCK = ".cachewatch-build.lock"
LOCK_PATIENCE_SECONDS = 30.0

Parts = Mapping[str, Mapping[str, str]]
"""The files of each part of a build: part -> relative path -> text."""


class CannotWrite(Exception):
    """Files could not be written; the text names the place, the reason, and what the state is now."""


def create(path: Path, text: str) -> None:
    """Write a file that must not be there yet, not even as a link to nowhere. FileExistsError when it is."""
    _make_folder(path.parent)
    path.open("x").close()  # the name is ours from here on
    try:
        _stage(path, text).replace(path)
    except BaseException:
        path.unlink()
        raise


def replace(path: Path, text: str) -> None:
    """Write a file in place of what stood there, whole or not at all. CannotWrite when it cannot be done."""
    try:
        _stage(path, text).replace(path)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {reason(error)}; nothing was changed") from error


def require_place(path: Path) -> None:
    """See that a file can be written there, before the work that fills it. CannotWrite when it cannot; nothing is left."""
    try:
        _stage(path, "").unlink()
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {reason(error)}; nothing was changed") from error


def write_tree(root: Path, parts: Parts) -> None:
    """Write the files of all parts below `root`, and take away what an earlier build of these parts wrote beyond them.

    Prometheus loads every file in rules/: a leftover of an older policy would go on paging. Other files, and other
    parts, stay as they are; so does a file whose text is right already. A link in place of a file is replaced by the
    file, a link in place of a folder is followed. CannotWrite when it cannot be done.
    """
    try:
        _make_folder(root)
        with _alone(root):
            _write_alone(root, parts)
    except OSError as error:
        raise CannotWrite(f"cannot write below {root}: {reason(error)}; nothing was changed") from error


def reason(error: OSError) -> str:
    """What the system says, and of which file."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def _write_alone(root: Path, parts: Parts) -> None:
    before = _read_manifest(root)
    new = {part: sorted(files) for part, files in parts.items()}
    either = {part: sorted({*names, *before.get(part, ())}) for part, names in new.items()}
    texts = {root / name: text for files in parts.values() for name, text in files.items()}
    with _staged(_changed(texts)) as staged:
        # Noted before the first of them is there: when we are killed now, the next build knows what to take away.
        _write_manifest(root, {**before, **either})
        try:
            for path, waiting in staged.items():
                waiting.replace(path)
            _take_away(root, _names(before) - _names({**before, **new}))
            _write_manifest(root, {**before, **new})
        except OSError as error:
            cure = "some files are of this build, some of the one before; mend it and build again"
            raise CannotWrite(f"cannot write below {root}: {reason(error)}; {cure}") from error


def _take_away(root: Path, names: Iterable[str]) -> None:
    for name in names:
        if not (root / name).is_dir():
            (root / name).unlink(missing_ok=True)


def _write_manifest(root: Path, names: Mapping[str, Iterable[str]]) -> None:
    text = json.dumps(names, indent=1, sort_keys=True) + "\n"
    with _staged(_changed({root / MANIFEST: text})) as staged:
        for path, waiting in staged.items():
            waiting.replace(path)


def _changed(texts: Mapping[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in texts.items() if path.is_symlink() or not _says(path, text)}


def _says(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


@contextlib.contextmanager
def _staged(texts: Mapping[Path, str]) -> Iterator[dict[Path, Path]]:
    """The files under their passing names, by the path they are meant for; gone at the end unless they were renamed."""
    staged: dict[Path, Path] = {}
    try:
        for path, text in texts.items():
            staged[path] = _stage(path, text)
        yield staged
    finally:
        for new in staged.values():
            new.unlink(missing_ok=True)


def _stage(path: Path, text: str) -> Path:
    """Write the text beside `path` and return where. OSError, naming `path`, when it could not be renamed to it later."""
    _make_folder(path.parent)
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, "is a folder, and a file must stand there", str(path))
    if path.exists() and not path.is_file():  # the rename would take away /dev/null
        raise OSError(errno.EINVAL, "is a device or a pipe, and a file must stand there", str(path))
    new = path.with_name(f".{path.name}.cachewatch-new")  # no suffix that Prometheus or Grafana would load
    new.unlink(missing_ok=True)  # of a build that was killed
    try:
        with new.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    return new


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "is a file, and a folder must stand there", str(path)) from None


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the folder's lock: of two builds at the same time one waits, or files of both would stand beside each other."""
    with (root / LOCK).open("a") as lock:
        _take(lock)
        yield


def _take(lock: IO[str]) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(errno.EAGAIN, "another build writes here and does not end", lock.name) from None
        time.sleep(0.05)


def _names(manifest: Mapping[str, Iterable[str]]) -> set[str]:
    return {name for names in manifest.values() for name in names}


def _read_manifest(root: Path) -> dict[str, list[str]]:
    """What the earlier builds wrote, by part; a name that leads out of the folder is not ours and is left out."""
    try:
        found = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        return {str(part): [name for name in names if _inside(name)] for part, names in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError):
        cure = "is not a list of files; remove it, and look for leftovers by hand"
        raise OSError(errno.EINVAL, cure, str(root / MANIFEST)) from None


def _inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts
