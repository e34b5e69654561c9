"""Limits, folders and switches, each overridable by an environment variable `FEATCORE_<NAME>`."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything a person who runs Tessera may want to change without touching code."""

    model_config = SettingsConfigDict(env_prefix="FEATCORE_", frozen=True)

    assets: Path = Field(ROOT / "assets", description="folder of models, samples and finished runs")

    data: Path = Field(ROOT.parent / "shared" / "data", description="folder of the data sets that training reads")
    runs: Path = Field(ROOT / "runs", description="folder of what this server makes: kept encoders")

    max_upload_bytes: int = Field(200_000_000, description="bytes of one file")
    max_characters: int = Field(100_000, description="characters of one text")
    max_pixels: int = Field(50_000_000, description="pixels of one picture, or of one frame of a clip")
    max_side_px: int = Field(1024, description="longest side kept of a decoded picture or frame, in pixels")
    max_seconds: float = Field(120.0, description="seconds of one clip that are decoded")
    max_frames: int = Field(4_000, description="frames of one clip that are decoded")

    max_examples: int = Field(5_000, description="examples of a person's own data that an encoder may learn from")
    max_training_s: float = Field(1800.0, description="seconds after which a run started from a page makes way")

    device: str = Field("auto", description="auto, cpu, cuda or mps")
    dtype: str = Field("float32", description="number format of the weights while they compute")
    max_encoders: int = Field(4, ge=1, description="encoders kept in memory at once")
    max_encoder_bytes: int = Field(4_000_000_000, description="bytes of all encoders kept in memory at once")

    warm_up: bool = Field(True, description="import the model libraries once the first page is drawn?")

    allow_hub: bool = Field(True, description="may a model be named by its hub id?")
    allow_folders: bool = Field(True, description="may a page load a folder under the roots?")
    roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (ROOT / "runs" / "models",), description="folders whose checkpoints a page may load, as PATH lists them"
    )
    max_download_bytes: int = Field(5_000_000_000, description="bytes of one file of weights from the hub")
    public_demo: bool = Field(False, description="strangers use this server: no hub names, no folders, no training")

    @field_validator("roots", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(Path(part) for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @property
    def hub_allowed(self) -> bool:
        return self.allow_hub and not self.public_demo

    @property
    def folders_allowed(self) -> bool:
        return self.allow_folders and not self.public_demo


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
