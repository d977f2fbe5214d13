"""A linear mixed model of ratings, with listeners and sentences crossed."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MOST_WORK = 3 * 10**8  # of ratings times squared random effects; about half a minute
PARTS = {
    "listener": ("listener",),
    "sentence": ("sentence",),
    "listener_system": ("listener", "system"),
    "sentence_system": ("sentence", "system"),
}


@dataclass(frozen=True)
class Model:
    """A model that was fitted.

    Attributes:
        result: What statsmodels gives.
        systems: Names in the order of the fixed effects; the first is the intercept.
        variances: Variance by part: ``listener``, ``sentence``, their interactions with the
            system, and ``residual``.
        converged: Whether the optimizer came to an end.
    """

    result: Any
    systems: tuple[str, ...]
    variances: dict[str, float]
    converged: bool

    def contrast(self, system: str, versus: str) -> dict[str, float]:
        """Difference of two systems, with a Wald interval and p value."""
        row = np.zeros((1, len(self.systems)))
        for name, sign in ((system, 1.0), (versus, -1.0)):
            if name != self.systems[0]:
                row[0, self.systems.index(name)] += sign
        return self._wald(row)

    def estimate(self) -> dict[str, float]:
        """The intercept, with a Wald interval and p value."""
        return self._wald(np.eye(1, len(self.systems)))

    def _wald(self, row: Any) -> dict[str, float]:
        test = self.result.t_test(row)
        low, high = test.conf_int()[0]
        names = ("mixed_difference", "mixed_low", "mixed_high", "mixed_p")
        values = np.ravel(test.effect)[0], low, high, test.pvalue
        return {name: float(value) for name, value in zip(names, values, strict=True)}


def fit(rows: "pd.DataFrame", systems: Sequence[str], base: str) -> Model | None:
    """Fits value = system + listener + sentence + listener x system + sentence x system by REML.

    All but the system are random. The interactions let some listeners like a system more than
    others do, and it speak some sentences better than others; without them, the differences would
    look surer than they are.

    Args:
        rows: With ``listener``, ``sentence``, ``system`` and ``value``.
        systems: Which systems to take.
        base: The system that the others are measured from.

    Returns:
        None if there are too few listeners, sentences or systems, too many ratings to fit in
        reasonable time, or no solution.

    Source:
        Baayen, Davidson and Bates (2008), Mixed-effects modeling with crossed random effects for
        subjects and items, J. Mem. Lang. 59; Barr, Levy, Scheepers and Tily (2013), Random
        effects structure for confirmatory hypothesis testing: keep it maximal, J. Mem. Lang. 68.
    """
    import pandas as pd

    names = (base, *(name for name in systems if name != base))
    data = rows[rows["system"].isin(names)][["listener", "sentence", "system", "value"]].copy()
    levels = data.nunique()
    if len(names) < 2 or levels["listener"] < 2 or levels["sentence"] < 2:
        return None
    parts = {}
    for part, columns in PARTS.items():
        joined = data[list(columns)].astype(str).agg("\0".join, axis=1)
        if joined.nunique() < len(data):  # else it is the residual
            data[f"in_{part}"] = joined
            parts[part] = f"0 + C(in_{part})"
    n_effects = sum(data[f"in_{part}"].nunique() for part in parts)
    if len(data) * n_effects**2 > MOST_WORK:
        return None
    data["system"] = pd.Categorical(data["system"], categories=list(names))
    return _fit("value ~ C(system)", data, parts, names)


def fit_mean(rows: "pd.DataFrame") -> Model | None:
    """Fits value = mean + listener + sentence by REML, both random; None as `fit` has it."""
    data = rows[["listener", "sentence", "value"]].copy()
    parts = {}
    for part in ("listener", "sentence"):
        if not 1 < data[part].nunique() < len(data):
            return None
        data[f"in_{part}"] = data[part].astype(str)
        parts[part] = f"0 + C(in_{part})"
    return _fit("value ~ 1", data, parts, ("mean",))


def _fit(
    formula: str, data: "pd.DataFrame", parts: dict[str, str], names: tuple[str, ...]
) -> Model | None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    if np.ptp(data["value"]) == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variance of 0 is an answer, and warned of
        model = MixedLM.from_formula(
            formula, data, groups=np.ones(len(data)), re_formula="0", vc_formula=parts
        )
        try:
            # Without gradients, which stop short of the best where a variance is 0.
            result = model.fit(method="powell", xtol=1e-7, ftol=1e-10)
        except np.linalg.LinAlgError:
            return None
    variances = dict(zip(model.exog_vc.names, map(float, result.vcomp), strict=True))
    variances["residual"] = float(result.scale)
    if not np.isfinite(result.bse_fe).all():
        return None
    return Model(result, names, variances, bool(result.converged))
