"""A motion and a seed become a clip: five motions and their reversals, drawn so that no single frame tells which."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from featcore.errors import InputError
from featcore.inputs.photographs import Part, piece

MOTIONS: tuple[str, ...] = (
    "moves right",
    "moves left",
    "moves down",
    "moves up",
    "grows",
    "shrinks",
    "turns clockwise",
    "turns counter-clockwise",
    "appears",
    "fades",
)

WAVES = 6
CONTRAST = 0.6
"""What is left of a photograph's contrast, so that the shape can be seen before it."""
DRAWS = 40 + 7 * WAVES

Scalars = Float[np.ndarray, " b"]
Tracks = Float[np.ndarray, "b t 1 1"]


class Pose(NamedTuple):
    """Where the shape is at each frame: centre in half frames, radius in half frames, angle in radians, opacity."""

    x: Tracks
    y: Tracks
    radius: Tracks
    angle: Tracks
    opacity: Tracks


def render(motion: str, seed: int, frames: int = 8, size_px: int = 32) -> UInt8[np.ndarray, "t y x 3"]:
    """One RGB clip of one shape over a plain, graded or mottled background.

    The seed fixes the scene, and the motion only the order of time: a clip played backwards is exactly the clip of
    the opposite motion with the same seed.

    Raises:
        InputError: the motion is unknown, or there are no frames or pixels to draw.
    """
    _check(motion, frames, size_px)
    return render_many(np.array([MOTIONS.index(motion)]), np.array([seed]), frames, size_px)[0]


def render_many(
    motions: Int[np.ndarray, " b"],
    seeds: Int[np.ndarray, " b"],
    frames: int = 8,
    size_px: int = 32,
    photographs: Part | None = None,
) -> UInt8[np.ndarray, "b t y x 3"]:
    """Many clips at once; clip i equals `render(MOTIONS[motions[i]], seeds[i])`.

    With `photographs`, the clips of every other ten seeds have a piece of a photograph of that part behind the shape.
    """
    scene = _scene(motions, seeds, frames, size_px)
    if photographs is not None:
        _hang(scene.background, seeds, photographs)
    background, cover = scene.background[:, None], (scene.inside * scene.opacity)[..., None]
    picture = background + cover * (scene.paint[:, None, None, None] - background)
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def covered(motion: str, seed: int, frames: int = 8, size_px: int = 32) -> Float[np.ndarray, "t y x"]:
    """The share of each pixel that lies inside the shape of the clip `render` draws, however faint the shape is."""
    _check(motion, frames, size_px)
    return _scene(np.array([MOTIONS.index(motion)]), np.array([seed]), frames, size_px).inside[0]


def _check(motion: str, frames: int, size_px: int) -> None:
    if motion not in MOTIONS:
        raise InputError(f"No motion is called '{motion}'. Known: {', '.join(MOTIONS)}.")
    if frames < 1 or size_px < 1:
        raise InputError(f"A clip of {frames} frames and {size_px} pixels cannot be drawn; both must be at least 1.")


class _Scene(NamedTuple):
    """What a clip is painted from: background, colour of the shape, pixels inside it, and how opaque it is."""

    background: Float[np.ndarray, "b y x 3"]
    paint: Float[np.ndarray, "b 3"]
    inside: Float[np.ndarray, "b t y x"]
    opacity: Tracks


def _scene(motions: Int[np.ndarray, " b"], seeds: Int[np.ndarray, " b"], frames: int, size_px: int) -> _Scene:
    draws = _Draws(seeds)
    shade = draws.between(0.15, 0.85)
    pose = _pose(draws, motions, frames)
    y, x = np.meshgrid(*2 * [(np.arange(size_px, dtype=np.float32) + 0.5) / size_px * 2 - 1], indexing="ij")
    paint = _paint(draws, shade)
    background = _background(draws, shade, x, y)
    return _Scene(background, paint, _cover(draws.pick(4), pose, x, y, size_px), pose.opacity)


def photographed(seeds: Int[np.ndarray, " b"]) -> Bool[np.ndarray, " b"]:
    """Which seeds get a photograph behind the shape, where there are any: every other ten of them.

    Motions are dealt out in turns of ten, so tens of seeds, not single ones, keep photograph and motion independent.
    """
    return seeds // len(MOTIONS) % 2 == 1


def _hang(backgrounds: Float[np.ndarray, "b y x 3"], seeds: Int[np.ndarray, " b"], part: Part) -> None:
    """Replace the relief of half of the backgrounds by a photograph, around the colour they had on average."""
    for row in np.flatnonzero(photographed(seeds)):
        picture = piece(part, seeds[row], backgrounds.shape[1])
        mean = backgrounds[row].mean(axis=(0, 1))
        backgrounds[row] = mean + CONTRAST * (picture - picture.mean(axis=(0, 1)))


class _Draws:
    """One row of uniform numbers a seed, used up from the left: a clip does not depend on its neighbours."""

    def __init__(self, seeds: Int[np.ndarray, " b"]) -> None:
        rows = [np.random.default_rng(int(seed)).random(DRAWS, dtype=np.float32) for seed in seeds]
        self._columns = iter(np.stack(rows).T)

    def between(self, low: float, high: float) -> Scalars:
        return low + (high - low) * next(self._columns)

    def pick(self, k: int) -> Int[np.ndarray, " b"]:
        return (next(self._columns) * k).astype(int)

    def colour(self, strength: float) -> Float[np.ndarray, "b 3"]:
        """A tint around zero, grey for three in ten clips."""
        tint = np.stack([self.between(-strength, strength) for _ in range(3)], axis=1)
        return tint * (self.between(0, 1) > 0.3)[:, None]


def _pose(draws: _Draws, motions: Int[np.ndarray, " b"], frames: int) -> Pose:
    """Each property runs over its span if it is the moving one, else rests at one random point of the same span.

    So over all frames every property is distributed alike in every motion, and one frame picked at random carries
    no class information.
    """
    clock = ((np.arange(frames, dtype=np.float32) + 0.5) / frames * 2 - 1)[None]
    backwards = (motions % 2 == 1)[:, None]

    def track(pair: int) -> Tracks:
        time = np.where(backwards, -clock, clock)
        rest = draws.between(-1, 1)[:, None]
        return np.where((motions // 2 == pair)[:, None], time, rest)[..., None, None]

    def apart(values: Scalars) -> Float[np.ndarray, "b 1 1 1"]:
        return values[:, None, None, None]

    return Pose(
        x=apart(draws.between(-0.25, 0.25)) + track(0) * apart(draws.between(0.3, 0.55)),
        y=apart(draws.between(-0.25, 0.25)) + track(1) * apart(draws.between(0.3, 0.55)),
        radius=apart(draws.between(0.36, 0.5)) * np.exp(track(2) * apart(draws.between(0.3, 0.5))),
        angle=apart(draws.between(-np.pi, np.pi)) + track(3) * apart(draws.between(0.7, 1.4)),
        opacity=0.6 + 0.4 * track(4) * apart(draws.between(0.6, 1)),
    )


def _paint(draws: _Draws, shade: Scalars) -> Float[np.ndarray, "b 3"]:
    """The shape's colour: lighter on dark, darker on light, so that it can always be seen."""
    away = draws.between(0.35, 0.65) * np.where(shade > 0.5, np.float32(-1), np.float32(1))
    return (shade + away)[:, None] + draws.colour(0.3)


def _background(
    draws: _Draws, shade: Scalars, x: Float[np.ndarray, "y x"], y: Float[np.ndarray, "y x"]
) -> Float[np.ndarray, "b y x 3"]:
    """Plain, graded, or mottled by a few slow waves whose strength falls with frequency, as in photographs."""
    kind = draws.pick(3)
    base = shade[:, None] + draws.colour(0.25)
    turn = draws.between(-np.pi, np.pi)[:, None, None]
    slope = (draws.between(0.1, 0.25) * (kind > 0))[:, None, None]
    relief = [(slope * (np.cos(turn) * x + np.sin(turn) * y))[..., None] * np.ones(3, np.float32)]
    for wave in range(WAVES):
        turn, phase = (draws.between(-np.pi, np.pi)[:, None, None] for _ in range(2))
        cycles = draws.between(0.5, 1.5)[:, None, None] * (1 + wave / 2)
        height = np.float32(0.1 / (1 + wave / 2)) * (kind == 2)
        tint = height[:, None] * (1 + draws.colour(1.0))
        ripple = np.sin(np.pi * cycles * (np.cos(turn) * x + np.sin(turn) * y) + phase)
        relief.append(ripple[..., None] * tint[:, None, None])
    return base[:, None, None] + sum(relief)


def _cover(
    shapes: Int[np.ndarray, " b"], pose: Pose, x: Float[np.ndarray, "y x"], y: Float[np.ndarray, "y x"], size_px: int
) -> Float[np.ndarray, "b t y x"]:
    """The share of each pixel that the shape covers, from its signed distance, soft over one pixel."""
    frames = max(track.shape[1] for track in pose)
    whole = (len(shapes), frames, *x.shape)
    along, across = x - pose.x, y - pose.y
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    # Rows grow downwards, so a growing angle turns clockwise on the screen.
    u = np.broadcast_to((cos * along + sin * across) / pose.radius, whole)
    v = np.broadcast_to((cos * across - sin * along) / pose.radius, whole)
    inside = np.empty(whole, np.float32)
    for kind, distance in enumerate((_wedge, _ell, _dart, _dome)):
        rows = shapes == kind
        inside[rows] = distance(u[rows], v[rows])
    return (0.5 + inside * pose.radius * (size_px / 2)).clip(0, 1)


def _wedge(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A disc with a mouth of a quarter turn."""
    mouth = (u - np.abs(v)) / np.sqrt(2)
    return np.minimum(1 - np.hypot(u, v), -mouth)


def _ell(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Two bars that meet in a corner."""
    upright = np.minimum(0.28 - np.abs(u + 0.5), 0.95 - np.abs(v))
    foot = np.minimum(0.75 - np.abs(u), 0.28 - np.abs(v - 0.67))
    return np.maximum(upright, foot)


def _dart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A long triangle that points along u."""
    return np.minimum(u + 0.75, (1 - u) * 0.37 - np.abs(v) * 0.93)


def _dome(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Half a disc, its flat side against u."""
    return np.minimum(1 - np.hypot(u + 0.35, v), u + 0.35)
