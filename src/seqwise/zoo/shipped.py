"""Where the pretrained models of the package lie. Nothing is fetched: they are files of the package."""

from pathlib import Path

from seqwise.core.errors import UserError, did_you_mean

MODELS = Path(__file__).parent / "models"


def shipped_names() -> list[str]:
    """The models that are there, in the order of their names."""
    return sorted(record.parent.name for record in MODELS.glob("*/record.json"))


def path(name: str) -> str:
    """The folder of a pretrained model of the package, for ``from_pretrained``.

    Raises :class:`UserError` for a name that none of them has.
    """
    if name not in shipped_names():
        raise _unknown(f"no pretrained model is called '{name}'", name)
    return str(MODELS / name)


def folder_or_shipped(source: str | Path) -> Path:
    """The folder ``source``; where there is none, that of the pretrained model of that name.

    Raises :class:`UserError` where there is neither.
    """
    if Path(source).is_dir():
        return Path(source)
    if str(source) not in shipped_names():
        raise _unknown(f"there is no folder {source}, and no pretrained model of that name", str(source))
    return MODELS / str(source)


def _unknown(message: str, name: str) -> UserError:
    known = shipped_names()
    fix = did_you_mean(name, known) if known else "this copy of seqwise comes without pretrained models"
    return UserError(message, expected="a run folder, a model folder, or the name of a pretrained model", fix=fix)
