"""Frames -> matplotlib Figures.

A plot shows what is in the frames (`studies.frames`) and computes nothing but where to put it; numbers that take
thought have modules of their own (`studies.importance`, `studies.generalization`, `studies.summary`). Dark is better,
whatever the direction; rounds and states differ in shape as well as in colour, so that a figure survives a grey
printer. Values far worse than most are drawn at the edge, and the legend says how many: one hopeless trial must not
press all others into a line. Nothing here uses pyplot: a Figure belongs to whoever asked for it.
"""

from __future__ import annotations

from studies.plots.bars import finalists, importance
from studies.plots.clock import timeline
from studies.plots.coordinates import parallel
from studies.plots.failures import divergence
from studies.plots.funnels import ranges
from studies.plots.gaps import gap
from studies.plots.learning import curves, has_curves
from studies.plots.look import MARKERS, STYLE, sentence
from studies.plots.progress import history
from studies.plots.ranks import agreement
from studies.plots.settings import scatter, single

__all__ = [
    "MARKERS",
    "STYLE",
    "agreement",
    "curves",
    "divergence",
    "finalists",
    "gap",
    "has_curves",
    "history",
    "importance",
    "parallel",
    "ranges",
    "scatter",
    "sentence",
    "single",
    "timeline",
]
