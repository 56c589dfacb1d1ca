"""The segments of a load shape: stretches in which the rate is a straight line, as the schedule wants them."""

import math
from collections.abc import Iterable
from itertools import chain, repeat

from harness.load.profile import Segment
from harness.model.load_shape import Constant, Diurnal, LoadShape, Ramp, Replayed, Spike, Step

WAVE_PIECES = 48
"""Straight pieces of one wave: none is off the cosine by more than 0.11 % of the way from low to high."""

_Piece = tuple[float, float, float]
"""Length in seconds, rate at its beginning, rate at its end."""


def segments_of(shape: LoadShape, rate_rps: float, length_s: float) -> tuple[Segment, ...]:
    """The first `length_s` of a shape."""
    segments, left_s = [], length_s
    for duration_s, begin, end in _pieces(shape, rate_rps, length_s):
        if left_s <= 0:
            break
        if duration_s <= 0:
            continue
        used_s = min(duration_s, left_s)
        segments.append(Segment(used_s, begin, begin + (end - begin) * used_s / duration_s))
        left_s -= used_s
    return tuple(segments)


def _pieces(shape: LoadShape, rate_rps: float, length_s: float) -> Iterable[_Piece]:
    match shape:
        case Constant():
            return [(length_s, rate_rps, rate_rps)]
        case Step():
            levels = [(shape.each_s, level, level) for level in shape.levels_rps]
            return [*levels, (length_s, shape.levels_rps[-1], shape.levels_rps[-1])]
        case Ramp():
            before = (shape.after_s, rate_rps, rate_rps)
            return [before, (shape.over_s, rate_rps, shape.to_rps), (length_s, shape.to_rps, shape.to_rps)]
        case Spike():
            before, after = (shape.after_s, rate_rps, rate_rps), (length_s, rate_rps, rate_rps)
            return [before, (shape.for_s, shape.peak_rps, shape.peak_rps), after]
        case Diurnal():
            return chain.from_iterable(repeat(_wave(shape)))
        case Replayed():
            return [(length_s, shape.peak_rps, shape.peak_rps)]


def _wave(shape: Diurnal) -> list[_Piece]:
    def level(piece: int) -> float:
        return shape.low_rps + (shape.high_rps - shape.low_rps) * (1 - math.cos(2 * math.pi * piece / WAVE_PIECES)) / 2

    return [(shape.period_s / WAVE_PIECES, level(piece), level(piece + 1)) for piece in range(WAVE_PIECES)]
