"""A disk in memory that forgets what was not synced, and fails when it is told to.

One SQLite VFS serves all simulations of this process.  Each disk of a simulation has files under a
prefix of its own; every write since the last sync is logged, so that a power loss can keep any part
of it.  There is no shared memory, hence `locking_mode=EXCLUSIVE`: one process has the database.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import apsw

SECTOR = 512
"""What the disk writes whole or not at all."""
VFS_NAME = "simulated"


@dataclass
class FileImage:
    """One file: what the process sees, what is safe, and what lies between."""

    data: bytearray = field(default_factory=bytearray)
    safe: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Since the last sync: (offset, bytes written) or (length, None) for a truncation."""

    def after_power_loss(self, rng: random.Random, how: str) -> FileImage:
        """What is found afterwards: what was safe, and some of what was pending."""
        kept = list(self.pending)
        if how == "prefix":
            kept = kept[: rng.randint(0, len(kept))]
        elif how == "subset":
            kept = [each for each in kept if rng.random() < 0.5]
        else:
            kept = []
        data = bytearray(self.safe)
        for at, content in kept:
            if content is not None and how == "subset":
                _write_some(data, at, content, rng)
            else:
                _change(data, at, content)
        return FileImage(data, bytearray(data))

    def sync(self) -> None:
        """All that is pending is safe."""
        for at, content in self.pending:
            _change(self.safe, at, content)
        self.pending.clear()


def _change(data: bytearray, at: int, content: bytes | None) -> None:
    if content is None:
        del data[at:]
    else:
        _write(data, at, content)


def _write(data: bytearray, at: int, content: bytes) -> None:
    if len(data) < at:
        data.extend(bytes(at - len(data)))
    data[at : at + len(content)] = content


def _write_some(data: bytearray, at: int, content: bytes, rng: random.Random) -> None:
    """Sectors of the content, each with even chance."""
    for start in range(0, len(content), SECTOR):
        if rng.random() < 0.5:
            _write(data, at + start, content[start : start + SECTOR])


@dataclass
class Failure:
    """The call that fails next: after `left` more of that operation, `count` times in a row."""

    kind: str
    left: int
    count: int = 1


OPERATIONS = {
    "full": ("write",),
    "eio": ("write", "read", "sync"),
    "fsync": ("sync",),
    "short_read": ("read",),
}


class SimDisk:
    """The files of one process, across its lives."""

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.prefix = f"/{next(self._numbers)}/"
        self.files: dict[str, FileImage] = {}
        self.calls = 0
        """Writes, syncs, truncations and deletions: the places at which one can be killed."""
        self.before_call: Callable[[int], bool] | None = None
        """Asked before each; False kills the process there."""
        self.failed: dict[str, int] = {}
        self.life = 0
        self._failures: list[Failure] = []
        self._connections: list[apsw.Connection] = []
        DISKS[self.prefix] = self

    def open(self, name: str) -> apsw.Connection:
        """A connection to a database of this disk."""
        connection = apsw.Connection(self.prefix + name, vfs=VFS_NAME)
        self._connections.append(connection)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def cut(self, rng: random.Random, how: str) -> bool:
        """The process is gone and its connections with it.  Did files lose something?

        `how` is `all` when only the process died, or what a power loss keeps of the writes that
        were not synced: a `prefix`, a `subset`, or `none`.
        """
        lost = False
        self.life += 1
        for name, image in list(self.files.items()):
            if how == "all":
                found = FileImage(bytearray(image.data), bytearray(image.safe), list(image.pending))
            else:
                found = image.after_power_loss(rng, how)
            lost |= found.data != image.data
            self.files[name] = found
        return lost

    def copy(self) -> SimDisk:
        """Another disk with the same content, for whoever looks from outside."""
        other = SimDisk()
        for name, image in self.files.items():
            other.files[name] = FileImage(bytearray(image.data), bytearray(image.data))
        return other

    def remove(self) -> None:
        """Nobody needs it any more."""
        self.life += 1
        for connection in self._connections:
            with contextlib.suppress(apsw.Error):
                connection.close(True)
        DISKS.pop(self.prefix, None)

    def fail(self, kind: str, after: int, count: int = 1) -> None:
        """After so many fitting calls, `count` fail."""
        self._failures.append(Failure(kind, after, count))

    def meets(self, operation: str, life: int) -> str:
        """What an operation meets: a kind of failure, `dead` once its process is, or nothing."""
        if life != self.life:
            return "dead"
        if operation != "read":
            self.calls += 1
            if self.before_call is not None and not self.before_call(self.calls):
                return "dead"
        for failure in self._failures:
            if operation not in OPERATIONS[failure.kind] or failure.count == 0:
                continue
            if failure.left > 0:
                failure.left -= 1
                continue
            failure.count -= 1
            self.failed[failure.kind] = self.failed.get(failure.kind, 0) + 1
            return failure.kind
        return ""


class SimFile:
    """An open file, as SQLite uses it.  Once its process is dead it changes nothing."""

    def __init__(self, disk: SimDisk, image: FileImage) -> None:
        self._disk, self._image, self._life = disk, image, disk.life

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        met = self._disk.meets("read", self._life)
        if met == "eio":
            raise apsw.IOError("simulated")
        found = bytes(self._image.data[offset : offset + amount])
        return found[: len(found) // 2] if met == "short_read" else found

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        met = self._disk.meets("write", self._life)
        if met == "dead":
            return
        if met == "full":
            raise apsw.FullError("simulated")
        if met == "eio":
            raise apsw.IOError("simulated")
        _write(self._image.data, offset, data)
        self._image.pending.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        if self._disk.meets("truncate", self._life) != "dead":
            del self._image.data[newsize:]
            self._image.pending.append((newsize, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        del flags
        met = self._disk.meets("sync", self._life)
        if met == "dead":
            return
        if met:
            raise apsw.IOError("simulated")
        self._image.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._image.data)

    def xClose(self) -> None:  # noqa: N802
        """Nothing to give back."""

    def xLock(self, level: int) -> None:  # noqa: N802
        """There is one process."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """There is one process."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0


class SimVfs(apsw.VFS):
    """Finds the disk by the prefix of a name."""

    def __init__(self) -> None:
        super().__init__(VFS_NAME, "")
        self._rng = random.Random(0)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> SimFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk, own = _located(path)
        return SimFile(disk, disk.files.setdefault(own, FileImage()))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        disk, own = _located(filename)
        if disk.meets("delete", disk.life) != "dead":
            disk.files.pop(own, None)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        disk, own = _located(pathname)
        return own in disk.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        return self._rng.randbytes(numbytes)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        return microseconds

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        return 0


def _located(path: str) -> tuple[SimDisk, str]:
    prefix = path[: path.index("/", 1) + 1]
    return DISKS[prefix], path[len(prefix) :]


DISKS: dict[str, SimDisk] = {}
VFS = SimVfs()
