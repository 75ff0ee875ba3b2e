"""The directory of a demo: taken by one demo at a time, and emptied of what a demo put there, and of nothing else."""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sandbox.errors import SandboxError

LOCK = "demo.lock"
ENTRIES = ("endpoints.json", "control.json", "cachewatch.yaml", "build", "run", "secrets")
"""What a demo makes in its directory, beside the lock."""


@contextmanager
def taken(directory: Path) -> Iterator[None]:
    """Hold the directory for one demo; remove at the end what was made in it, and itself when it was not there before.

    `SandboxError` when a demo runs in it, when it holds files of somebody else under a demo's names, or when it cannot
    be written. What a dead demo has left is removed first: the kernel has released its lock.
    """
    with ExitStack() as undo:
        with _usable(directory):
            _refuse_foreign(directory)
            made = _make(directory)
            undo.callback(_remove, made)
            lock = _lock(directory)
            undo.callback(os.close, lock)
            undo.callback(_unlock, directory)
            if _take_over(directory, lock, bool(made)) and not made:
                made.append(directory)
        undo.callback(_clean, directory)
        yield


@contextmanager
def _usable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SandboxError(f"{directory} cannot be used: {error.strerror}. Choose another with --dir.") from error


def _refuse_foreign(directory: Path) -> None:
    """Refuse files of somebody else, before there is a lock: beside one, even one without content, all is a demo's."""
    foreign = _entries(directory)
    if foreign and not os.path.lexists(directory / LOCK):
        raise SandboxError(
            f"{directory} holds {', '.join(foreign)}, not made by a demo: there is no {LOCK} beside. "
            "Move away what is yours, remove what is not, or choose another directory with --dir."
        )


def _entries(directory: Path) -> list[str]:
    """Which names of a demo are there."""
    return [name for name in ENTRIES if os.path.lexists(directory / name)]


def _make(directory: Path) -> list[Path]:
    """Make the directory if it is not there; what was made for it, the innermost first."""
    parents = [folder for folder in directory.absolute().parents if not folder.exists()]
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        if not directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(directory)) from None
        return []
    return [directory, *parents]


def _remove(made: Iterable[Path]) -> None:
    with suppress(OSError):  # somebody else has put a file into it: then it stays
        for folder in made:
            folder.rmdir()


def _unlock(directory: Path) -> None:
    """Take the lock's file away, unless files are left that only it tells from somebody else's."""
    if not _entries(directory):
        (directory / LOCK).unlink(missing_ok=True)


def _lock(directory: Path) -> int:
    path = directory / LOCK
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(lock)
            os.close(lock)
            raise SandboxError(
                f"a demo runs in {directory} already (pid {owner.get('pid', 'unknown')}): "
                "end it, or choose another directory with --dir"
            ) from None
        with suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == path.stat().st_ino:
                return lock
        os.close(lock)  # its owner removed the file between our open and our lock


def is_taken(directory: Path) -> bool:
    """Whether a demo holds the directory now."""
    with suppress(FileNotFoundError, PermissionError, NotADirectoryError):
        lock = os.open(directory / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
    return False


def _take_over(directory: Path, lock: int, made: bool) -> bool:
    """Clear what a dead demo has left, note us as the owner, and return whether the directory is a demo's own."""
    made = made or bool(_owner(lock).get("made"))
    _clean(directory)
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "made": made}).encode(), 0)
    return made


def _owner(lock: int) -> dict[str, object]:
    """Return what the lock's owner wrote; nothing from a demo that was killed, or whose disk was full, before it had."""
    try:
        owner = json.loads(os.pread(lock, 1000, 0))
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _clean(directory: Path) -> None:
    for name in ENTRIES:
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        for half in directory.glob(f".{name}.*"):  # a write that was cut off
            half.unlink()
