"""Recipes: everything that makes a training run, as data."""

import tomllib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from colorgan.config import (
    RENAMED_RENDER_KEYS,
    AugmentConfig,
    BelowOne,
    Checked,
    Count,
    DiscriminatorConfig,
    Fraction,
    Length,
    LossConfig,
    ModelConfig,
    NotNegative,
    Pixels,
    Positive,
    Range,
    RenderConfig,
    config_from_mapping,
    config_to_mapping,
    shorten,
)
from colorgan.data.bytes import read_part
from colorgan.errors import ConfigError, DataError, ImageReadError
from colorgan.losses import Need, needs

__all__ = [
    "RENAMED_KEYS",
    "OptimizerConfig",
    "OptimizerName",
    "Recipe",
    "RenamedKeyWarning",
    "RunConfig",
    "Schedule",
    "change_recipe",
    "load_recipe",
    "recipe_names",
    "recipe_to_toml",
    "rename_keys",
]


RENAMED_KEYS = {
    ("optimizer", "encoder_factor"): "encoder_lr_scale",
    ("optimizer", "clip_norm"): "max_grad_norm",
    ("optimizer", "final_share"): "min_lr_ratio",
    ("run", "journal_steps"): "log_interval",
    ("run", "validation_steps"): "eval_interval",
    **{("render", old): new for old, new in RENAMED_RENDER_KEYS.items()},
}
"""What keys of recipes were called in version 0.1, by table, and what they are called now."""


class RenamedKeyWarning(FutureWarning):
    """A recipe has a key by its name of an earlier version."""


_LONGEST_FILE, _LONGEST_LINE = 65_536, 2_000  # bytes, characters


class OptimizerName(StrEnum):
    """The optimisers, from torch."""

    ADAM = "adam"
    ADAMW = "adamw"


class Schedule(StrEnum):
    """How the learning rate goes on behind the warm-up."""

    CONSTANT = "constant"
    COSINE = "cosine"  # to `min_lr_ratio` of itself at the end of the run


_Betas = Annotated[tuple[BelowOne, ...], Length(2, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig(Checked):
    """How both networks are optimised."""

    name: OptimizerName = OptimizerName.ADAMW
    learning_rate: Positive = 1.5e-3  # of the generator's new parts
    encoder_lr_scale: NotNegative = 0.25  # the encoder's learning rate, as a factor of that
    discriminator_learning_rate: NotNegative = 2e-4
    betas: _Betas = (0.9, 0.99)
    discriminator_betas: _Betas = (0.5, 0.999)
    weight_decay: NotNegative = 0.01
    max_grad_norm: NotNegative = 5.0  # the largest norm of the generator's gradient; 0 does not clip
    warmup_steps: Annotated[int, Range(0)] = 200
    """Over which the learning rate rises from 0; at most a tenth of the run."""
    schedule: Schedule = Schedule.COSINE
    min_lr_ratio: Fraction = 0.01
    drop_path: BelowOne = 0.0  # share of the encoder's residual branches left out, rising to this at the last block
    freeze_to_stride: Annotated[int, Range(0, 32)] = 0
    """Encoder stages up to this stride stay as they are; 0 freezes none."""
    adversarial_from: Fraction = 0.0  # the share of the run after which the discriminator joins


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Checked):
    """The size and the rhythm of a run."""

    batch_size: Annotated[int, Range(1, 65536)] = 32  # of one process
    size: Pixels = 128  # side of the training pictures, pixels
    epochs: Annotated[float, Range(0, 1e9, above=True)] = 10.0  # where neither --epochs, --steps nor --minutes is given
    sync_batch_norm: bool = True  # with several processes: statistics of all batches together, not of each one's own
    ema_decay: BelowOne = 0.999  # of the averaged generator, which is the one that is kept; 0 keeps the last
    log_interval: Count = 20  # steps between lines of the journal
    eval_interval: Count = 500  # steps between validations
    validation_count: Count = 200  # photographs validated on, at most
    validation_size: Pixels = 256  # to which they are squashed
    checkpoint_minutes: NotNegative = 5.0  # between checkpoints
    checkpoints_kept: Count = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A training run as data. `discriminator` is only built where the loss has an adversarial term."""

    description: str = ""
    pretrained_encoder: bool = True
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)
    render: RenderConfig = field(default_factory=RenderConfig)

    @property
    def adversarial(self) -> bool:
        """Whether a discriminator takes part."""
        return needs(self.loss, Need.DISCRIMINATOR)


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with colorgan."""
    folder = resources.files("colorgan.training") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: A recipe that comes with colorgan (`recipe_names`), or a TOML file.
        overrides: Changes such as "loss.adversarial=0.02"; the value is read as TOML, else as text.

    Raises:
        ConfigError: There is no such recipe, or it holds an unknown key or a value that is not valid.
    """
    mapping = rename_keys(_parse(_read(str(name)), f"recipe {name}"), f"recipe {name}")
    for override in overrides:
        _apply(mapping, override)
    return config_from_mapping(Recipe, mapping, where=f"recipe {name}")


def change_recipe(recipe: Recipe, overrides: Iterable[str]) -> Recipe:
    """Return a recipe with some values changed, as `load_recipe` does."""
    mapping = config_to_mapping(recipe)
    for override in overrides:
        _apply(mapping, override)
    return config_from_mapping(Recipe, mapping, where="the changed recipe")


def rename_keys(mapping: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a recipe's values with the names that their keys have now, and warn of those that had others.

    Raises:
        ConfigError: A value is there by both names.
    """
    renamed: dict[str, Any] = dict(mapping)
    for (table, old), new in RENAMED_KEYS.items():
        values = renamed.get(table)
        if not isinstance(values, Mapping) or old not in values:
            continue
        if new in values:
            raise ConfigError(
                f"{where}: {table}.{old} is now called {table}.{new}, and both are given; leave out the first"
            )
        _warn_of(table, old, where)
        renamed[table] = {new if key == old else key: value for key, value in values.items()}
    return renamed


def _warn_of(table: str, old: str, where: str) -> None:
    new = RENAMED_KEYS[table, old]
    warnings.warn(
        f"{where}: {table}.{old} is now called {table}.{new}; use the new name, the old one will go",
        RenamedKeyWarning,
        stacklevel=3,
    )


def _read(name: str) -> str:
    if not name.endswith(".toml"):
        if name not in recipe_names():
            raise ConfigError(f"there is no recipe {name!r}; use {', '.join(recipe_names())}, or a file FILE.toml")
        return (resources.files("colorgan.training") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    try:
        data = read_part(Path(name), 0, _LONGEST_FILE + 1, name=f"the recipe {name}")
        if len(data) <= _LONGEST_FILE:
            return data.decode("utf-8")
    except (ImageReadError, DataError) as error:
        raise ConfigError(str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the recipe {name} cannot be read: {error}") from error
    raise ConfigError(f"{name} is no recipe: it is longer than {_LONGEST_FILE:,} bytes")


def _parse(text: str, where: str) -> dict[str, Any]:
    if max(map(len, text.splitlines()), default=0) > _LONGEST_LINE:  # keys with thousands of dots take hours to read
        raise ConfigError(f"{where} has a line of more than {_LONGEST_LINE:,} characters; no recipe needs one")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits are plain ValueErrors
        raise ConfigError(f"{where} is not valid TOML: {error}") from error


def _apply(mapping: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"--set needs KEY=VALUE, such as loss.adversarial=0.02, got {shorten(override)}")
    if len(override) > _LONGEST_LINE:
        raise ConfigError(f"--set {shorten(override)} is longer than {_LONGEST_LINE:,} characters; no value needs that")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text.strip()
    *tables, name = key.strip().split(".")
    if len(tables) == 1 and (tables[0], name) in RENAMED_KEYS:
        _warn_of(tables[0], name, "--set")
        name = RENAMED_KEYS[tables[0], name]
    for table in tables:
        mapping = mapping.setdefault(table, {})
        if not isinstance(mapping, dict):
            raise ConfigError(f"--set {shorten(override)}: {shorten(table)} is no table of a recipe")
    mapping[name] = value


def recipe_to_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML with every value, such as `load_recipe` reads."""
    mapping = config_to_mapping(recipe)
    plain = {key: value for key, value in mapping.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in mapping.items() if isinstance(value, dict)}
    parts = [_lines(plain), *(f"[{name}]\n{_lines(table)}" for name, table in tables.items())]
    return "\n".join(parts)


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_to_toml(value)}\n" for key, value in table.items())


def _to_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_to_toml, value))}]"
    return repr(value)
