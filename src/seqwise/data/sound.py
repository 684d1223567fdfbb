"""Sound files, as one channel of numbers."""

import dataclasses
import io
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from seqwise.core.errors import UserError, first_line

SOUND_FILES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")


@dataclasses.dataclass(frozen=True)
class Clip:
    """One recording.

    Args:
        name: as its manifest or folder calls it.
        samples: (n,), float32 in -1 to 1, the mean of the channels.
        rate: samples per second.
        channels: of the file.
    """

    name: str
    samples: np.ndarray
    rate: int
    channels: int = 1

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def at(self, rate: int) -> np.ndarray:
        """The samples at another rate, by a polyphase filter."""
        return resampled(self.samples, self.rate, rate)


def is_sound(name: str) -> bool:
    return name.lower().endswith(SOUND_FILES)


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(n,) at ``rate`` to float32 at the ``wanted`` one."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return resample_poly(samples, wanted // common, rate // common).astype(np.float32)


def decode_sound(data: bytes, name: str, source: str) -> Clip:
    """The recording in the bytes of a file. Raises :class:`UserError` where it is damaged, empty or holds what is no number."""
    import soundfile

    where = f"{source}: {name}" if source != name else name
    if not data:
        raise UserError(f"{where} is an empty file", expected="a recording", fix="leave it out, or copy it again")
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"{where} cannot be read as sound ({first_line(error).rpartition('>: ')[2]})",
            expected="a whole wav or flac file",
            fix="copy or convert it again",
        ) from error
    if not len(samples):
        raise UserError(f"{where} holds no sound: it has no samples", expected="a recording", fix="leave it out")
    if not np.isfinite(samples).all():
        raise UserError(f"{where} holds samples that are no numbers", expected="numbers in -1 to 1", fix="convert it again")
    return Clip(name, np.ascontiguousarray(samples.mean(axis=1)), int(rate), samples.shape[1])


class Recordings:
    """Finds the files that a manifest names: beside it, or in zip files beside it.

    Args:
        folder: of the manifest.
        source: the manifest, for messages.
    """

    def __init__(self, folder: Path, source: str):
        self.folder, self.source = folder, source
        self._members: dict[str, list[tuple[zipfile.ZipFile, str]]] | None = None

    def read(self, name: str, row: int) -> bytes:
        """Raises :class:`UserError` naming the row where there is no such file, or more than one."""
        path = self.folder / name
        if path.is_file():
            return _bytes(path)
        found = [(archive, member) for archive, member in self._zipped().get(Path(name).name, []) if _same(name, member)]
        found = [pair for pair in found if pair[1] == name] or found
        if len(found) != 1:
            raise self._not_one(name, row, found)
        archive, member = found[0]
        try:
            return archive.read(member)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError) as error:
            what = f"{archive.filename}: {member} cannot be unpacked ({first_line(error)})"
            raise UserError(what, fix="copy the zip file again") from error

    def _not_one(self, name: str, row: int, found: list[tuple[zipfile.ZipFile, str]]) -> UserError:
        if found:
            listed = ", ".join(f"{member} in {Path(str(archive.filename)).name}" for archive, member in found[:3])
            return UserError(
                f"{self.source}, data row {row}: {name} may be {listed}", expected="one file of that name", fix="write its folder too"
            )
        archives = ", ".join(path.name for path in self._archives())
        return UserError(
            f"{self.source}, data row {row}: there is no sound file {name}",
            expected=f"a file in {self.folder.resolve()}" + (f", or in {archives}" if archives else ", or in a zip file there"),
            fix="check the name, or take the row out",
        )

    def _archives(self) -> list[Path]:
        return sorted(self.folder.glob("*.zip"))

    def _zipped(self) -> dict[str, list[tuple[zipfile.ZipFile, str]]]:
        """Every sound in the zip files beside the manifest, by the last part of its name."""
        if self._members is None:
            self._members = {}
            for archive in map(_open_zip, self._archives()):
                for member in filter(is_sound, archive.namelist()):
                    self._members.setdefault(Path(member).name, []).append((archive, member))
        return self._members


def _same(name: str, member: str) -> bool:
    """Whether one path is the end of the other, as where a zip file holds a folder or the content of one."""
    return f"/{member}".endswith(f"/{name}") or f"/{name}".endswith(f"/{member}")


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path} cannot be read as a zip file ({first_line(error)})", fix="copy or download it again") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror})", fix="check its permissions") from error


def read_sound(path: Path) -> Clip:
    """One sound file. Raises :class:`UserError` as :func:`decode_sound` does, and where there is none."""
    if not path.is_file():
        raise UserError(f"there is no file {path}", expected="a sound file", fix="check the path")
    return decode_sound(_bytes(path), str(path), str(path))
