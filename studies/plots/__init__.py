"""Frames -> matplotlib Figures.

Each figure has a module of its own with a function of the same name. It shows what is in the frames
(`studies.analysis.frames`) and computes only where to put it; the rest is computed in `studies.analysis`. Dark is
better, whatever the direction; rounds and states differ in shape as well as in colour, so that figures can be printed
in grey. Values far worse than most are drawn at the edge, and the legend says how many: otherwise one hopeless trial
would press all others into a line. Nothing here uses pyplot, so no figure is kept open.
"""

from __future__ import annotations

from studies.plots.agreement import agreement
from studies.plots.compared import OfStudy, compared
from studies.plots.curves import curves, has_curves
from studies.plots.divergence import divergence
from studies.plots.finalists import finalists
from studies.plots.gap import gap
from studies.plots.history import history
from studies.plots.importance import importance
from studies.plots.look import MARKERS, STYLE, png, sentence, svg
from studies.plots.parallel import parallel
from studies.plots.ranges import ranges
from studies.plots.scatter import scatter
from studies.plots.single import single
from studies.plots.timeline import timeline
from studies.plots.trial import trial

__all__ = [
    "MARKERS", "STYLE", "OfStudy", "agreement", "compared", "curves", "divergence", "finalists", "gap", "has_curves",
    "history", "importance", "parallel", "png", "ranges", "scatter", "sentence", "single", "svg", "timeline", "trial",
]  # fmt: skip
