"""Photographs on disk, and what training makes of them."""

from colorgan.data.batch import Batch
from colorgan.data.dataset import (
    PositionSampler,
    TrainingPhotos,
    draw_batches,
    make_loader,
    worker_deaths_explained,
)
from colorgan.data.device_dataset import DeviceDataset
from colorgan.data.folder import (
    PhotoFile,
    PhotoSets,
    find_photos,
    find_sets,
    find_validation_folder,
    open_photo,
    read_photo,
    split_by_name,
)
from colorgan.data.random_source import derive_seed

__all__ = [
    "Batch",
    "DeviceDataset",
    "PhotoFile",
    "PhotoSets",
    "PositionSampler",
    "TrainingPhotos",
    "derive_seed",
    "draw_batches",
    "find_photos",
    "find_sets",
    "find_validation_folder",
    "make_loader",
    "open_photo",
    "read_photo",
    "split_by_name",
    "worker_deaths_explained",
]
