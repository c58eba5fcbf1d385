"""A person who does not exist, scanned as often as one likes, with the truth beside every scan."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.geometry import Vector3
from inference.labels import InfectionLabel, LungLabel
from inference.phantom import anatomy
from inference.phantom.anatomy import Build
from inference.phantom.lesions import Lesion, Patches, patches_of
from inference.phantom.space import Space
from inference.phantom.tree import Tube, coverage, grow
from inference.volume import Mask, Volume

PARENCHYMA_HU = -868.0
#: Lung at the back carries more blood: HU per mm from front to back.
GRAVITY_HU_PER_MM = 0.55
VESSEL_HU, BRONCHIAL_WALL_HU = 35.0, -150.0
GROUND_GLASS_HU, CONSOLIDATION_HU, EFFUSION_HU = -540.0, 15.0, 8.0
#: Ground-glass is uneven: standard deviations of its fine and its coarse texture, and their grains.
FINE_HU, FINE_MM, COARSE_HU, COARSE_MM = 75.0, 1.3, 95.0, 4.5
#: Over how many patch radii a border fades.
SOFTNESS = 0.10
TRACHEA_MM = 8.5
#: Grain of healthy lung, and blur and grain of the scanner: of the reconstruction, whatever the pixel size.
PARENCHYMA_SPREAD_HU, PARENCHYMA_GRAIN_MM = 12.7, 2.4
BLUR_MM, NOISE_GRAIN_MM = 0.71, 0.83


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How one scan is taken. `infected_ml` is reached exactly up to a voxel's rounding."""

    infected_ml: float = 0.0
    effusion_ml: float = 0.0
    size: int = 512
    slices: int = 100
    field_mm: float = 380.0
    height_mm: float = 300.0
    inspiration: float = 1.0
    noise_hu: float = 18.0
    noise_seed: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """Exact label maps of a synthetic scan."""

    lung: Mask
    lobes: Mask
    infection: Mask

    @property
    def lung_ml(self) -> float:
        """Both lungs, infected parts included."""
        return self.lung.volume_ml(*LungLabel)

    @property
    def infected_ml(self) -> float:
        """Ground-glass and consolidation."""
        return self.infection.volume_ml(InfectionLabel.GROUND_GLASS, InfectionLabel.CONSOLIDATION)


@dataclass(frozen=True, slots=True)
class SyntheticScan:
    """One scan and its truth."""

    volume: Volume
    truth: Truth


@dataclass(frozen=True, slots=True)
class PhantomPatient:
    """One anatomy, fixed by its seed, that keeps its vessels and the places of its lesions from day to day."""

    seed: int

    def scan(self, acquisition: Acquisition) -> SyntheticScan:
        """Take one scan."""
        space = Space.of(
            size=acquisition.size,
            slices=acquisition.slices,
            field_mm=acquisition.field_mm,
            height_mm=acquisition.height_mm,
        )
        build = self._build(acquisition)
        hu, lung, lobes = _chest(space, build)
        effusion = _effusion(space, lung, acquisition.effusion_ml)
        lung[effusion] = 0
        lobes[effusion] = 0
        vessels, bronchi = self._trees(space)
        _fill_lungs(hu, space, lung, vessels, bronchi)
        del vessels
        airway = _lumen(hu, space, bronchi, lung)
        lung[airway] = 0
        lobes[airway] = 0
        infection = _infect(hu, space, lung, patches_of(space, self._lesions(), self.seed), acquisition.infected_ml)
        infection[effusion] = InfectionLabel.EFFUSION
        hu[effusion] = EFFUSION_HU
        _add_noise(hu, space, acquisition)
        volume = Volume(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), space.geometry)
        masks = (Mask(labels, space.geometry) for labels in (lung, lobes, infection))
        return SyntheticScan(volume, Truth(*masks))

    def _build(self, acquisition: Acquisition) -> Build:
        rng = np.random.default_rng(self.seed)
        return Build(rng.uniform(0.93, 1.05), rng.uniform(0.94, 1.06), acquisition.inspiration)

    def _trees(self, space: Space) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        """Coverage by vessels and by bronchi."""
        rng = np.random.default_rng(self.seed + 1)
        vessels: list[Tube] = []
        top, carina = np.array([0.0, 18.0, 400.0]), np.array([0.0, 14.0, anatomy.CARINA_MM])
        bronchi = [Tube(top, carina, TRACHEA_MM)]
        for sign in (-1.0, 1.0):
            hilum = carina + np.array([sign * 34, 4, -22])
            bronchi.append(Tube(carina, hilum, 6.0))
            for target in ((1.0, -0.4, 1.1), (1.1, 0.2, 0.25), (0.9, -0.7, -0.7), (0.8, 0.9, -0.9)):
                heading = np.array([sign * target[0], target[1], target[2]])
                vessels += grow(rng, hilum + rng.normal(0, 3, 3), heading, rng.uniform(4.2, 5.4))
                bronchi += grow(rng, hilum, heading, 3.2, limit=14)
        return coverage(space, vessels), coverage(space, bronchi)

    def _lesions(self) -> tuple[Lesion, ...]:
        """Patches mostly at the back and at the surface, low rather than high, as in viral pneumonia."""
        rng = np.random.default_rng(self.seed + 2)
        lesions = []
        for number in range(7):
            sign = -1.0 if number % 2 else 1.0
            height = anatomy.LUNG_BASE_MM + rng.uniform(0.22, 0.7) * anatomy.LUNG_HEIGHT_MM
            centre: Vector3 = (sign * rng.uniform(75, 118), rng.uniform(10, 66), height)
            radius = rng.uniform(9, 17)
            radii: Vector3 = (
                radius * rng.uniform(0.8, 1.2),
                radius * rng.uniform(0.8, 1.3),
                radius * rng.uniform(1, 1.5),
            )
            lesions.append(Lesion(centre, radii, dense_core=0.45 if number in (0, 3) else 0.0))
        return tuple(lesions)


def _chest(space: Space, build: Build) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    shape = space.geometry.shape_zyx
    hu = np.empty(shape, np.float32)
    lung = np.zeros(shape, np.uint8)
    lobes = np.zeros(shape, np.uint8)
    x, y = space.x_mm, space.y_mm
    for index, z in space.planes():
        hu[index] = anatomy.body_plane(x, y, z, build)
        for side in LungLabel:
            inside = anatomy.lung_plane(side, x, y, z, build)
            lung[index][inside] = side
            lobes[index] += anatomy.lobe_plane(side, inside, y, z, build)
            line = inside & (anatomy.fissure_plane(side, y, z, build) < 0.5)
            hu[index] = np.where(inside, PARENCHYMA_HU + GRAVITY_HU_PER_MM * (y + 20), hu[index])
            hu[index][line] += 70
    return hu, lung, lobes


def _fill_lungs(
    hu: NDArray[np.float32],
    space: Space,
    lung: NDArray[np.uint8],
    vessels: NDArray[np.float16],
    bronchi: NDArray[np.float16],
) -> None:
    """Texture, vessels and bronchial walls; the outline of the lung is as soft as a voxel."""
    rng = np.random.default_rng(11)
    for index, _ in space.planes():
        inside = lung[index] > 0
        texture = _grain(rng, space, PARENCHYMA_SPREAD_HU, PARENCHYMA_GRAIN_MM)
        hu[index][inside] += texture[inside]
        share = vessels[index].astype(np.float32) * inside
        hu[index] += share * (VESSEL_HU - hu[index])
        wall = np.clip(ndimage.grey_dilation(bronchi[index].astype(np.float32), size=(3, 3)), 0, 1) * inside
        hu[index] += wall * (BRONCHIAL_WALL_HU - hu[index])


def _lumen(
    hu: NDArray[np.float32], space: Space, bronchi: NDArray[np.float16], lung: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Air in trachea and bronchi; returns the lumen of trachea and main bronchi, which is no lung."""
    central = np.zeros(lung.shape, bool)
    for index, z in space.planes():
        share = bronchi[index].astype(np.float32)
        hu[index] += share * (anatomy.AIR_HU - hu[index])
        near_middle = np.abs(space.x_mm) < 42
        central[index] = (share > 0.5) & near_middle & (z > anatomy.CARINA_MM - 30)
    return central


def _effusion(space: Space, lung: NDArray[np.uint8], effusion_ml: float) -> NDArray[np.bool_]:
    """Fluid where it collects: the lowest and hindmost part of the right pleural space."""
    effusion = np.zeros(lung.shape, bool)
    voxels = round(effusion_ml * 1000 / space.geometry.voxel_mm3)
    if voxels <= 0:
        return effusion
    z, y, _ = np.nonzero(lung == LungLabel.RIGHT)
    rows_mm, steps_mm = space.geometry.spacing_zyx_mm[1], space.geometry.spacing_zyx_mm[0]
    depth = y * rows_mm - 0.45 * z * steps_mm
    deepest = np.argpartition(-depth, voxels)[:voxels]
    places = np.flatnonzero((lung == LungLabel.RIGHT).ravel())[deepest]
    effusion.ravel()[places] = True
    return effusion


def _infect(
    hu: NDArray[np.float32], space: Space, lung: NDArray[np.uint8], patches: Patches, infected_ml: float
) -> NDArray[np.uint8]:
    """Draw the patches at the growth that gives `infected_ml`; returns the infection labels."""
    infection = np.zeros(lung.shape, np.uint8)
    inside = lung > 0
    dial = patches.dial_for(inside, round(infected_ml * 1000 / space.geometry.voxel_mm3))
    if dial <= 0:
        return infection
    rng = np.random.default_rng(13)
    for index, _ in space.planes():
        depth = 1 - patches.distance[index] / dial
        share = np.clip(depth / SOFTNESS + 0.5, 0, 1) * inside[index]
        texture = _texture(rng, space)
        # Vessels stay visible through ground-glass: it adds to thin lung and leaves dense tissue as it is.
        glass = np.maximum(GROUND_GLASS_HU + texture, hu[index])
        hu[index] += share * (glass - hu[index])
        core = patches.dense_core[index]
        dense = np.clip((depth - (1 - core)) / SOFTNESS + 0.5, 0, 1) * (core > 0) * inside[index]
        hu[index] += dense * (np.maximum(CONSOLIDATION_HU + 0.4 * texture, hu[index]) - hu[index])
        infected = (patches.distance[index] < dial) & inside[index]
        infection[index][infected] = InfectionLabel.GROUND_GLASS
        infection[index][infected & (dense > 0.5)] = InfectionLabel.CONSOLIDATION
    return infection


def _texture(rng: np.random.Generator, space: Space) -> NDArray[np.float32]:
    """One plane of uneven density around 0."""
    return _grain(rng, space, FINE_HU, FINE_MM) + _grain(rng, space, COARSE_HU, COARSE_MM)


def _grain(rng: np.random.Generator, space: Space, spread_hu: float, grain_mm: float) -> NDArray[np.float32]:
    """One plane of smooth noise around 0 with this standard deviation and grain."""
    _, rows, columns = space.geometry.shape_zyx
    noise = rng.standard_normal((rows, columns), np.float32)
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(noise, grain_mm / space.geometry.spacing_zyx_mm[2])
    return smooth * np.float32(spread_hu / smooth.std())


def _add_noise(hu: NDArray[np.float32], space: Space, acquisition: Acquisition) -> None:
    """Blur of the scanner, and noise with the grain of a medium kernel."""
    rng = np.random.default_rng(acquisition.noise_seed)
    for plane in hu:
        plane[:] = ndimage.gaussian_filter(plane, BLUR_MM / space.geometry.spacing_zyx_mm[2])
        plane += _grain(rng, space, acquisition.noise_hu, NOISE_GRAIN_MM)
