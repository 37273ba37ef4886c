from __future__ import annotations

import math
import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pytest

from ecco_reports.analyses import ANALYSES, Analysis
from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.models.base import Capability
from ecco_reports.records import Array, Check, Direction, Metric, Record, Table
from ecco_reports.testing import check_analysis

SETTINGS = {
    "attribution": {"methods": [*METHOD_TITLES], "samples": 8, "variants": 64, "units": "word", "ignore": [-1]},
    "token_ranks": {"watch": [" London", " Paris"]},
    "neuron_factors": {"n_components": 3, "scree": [2, 3, 5]},
    "watch": {"tokens": [" London", " Paris"], "positions": [-2, -1]},
}


@pytest.mark.parametrize("name", list(ANALYSES))
def test_every_room_keeps_the_contract(name, facts_model):
    check_analysis(type(ANALYSES[name]), SETTINGS.get(name), facts_model)


@pytest.mark.parametrize("name", list(ANALYSES))
def test_a_room_is_called_as_the_table_calls_it(name):
    assert ANALYSES[name].name == name


@pytest.mark.parametrize("name", list(ANALYSES))
def test_unknown_settings_are_refused(name):
    with pytest.raises(ValueError, match="extra_forbidden"):
        ANALYSES[name].Params(surprise=1)


def test_looking_into_a_room_does_not_import_torch():
    code = (
        "import sys; from ecco_reports.analyses import ANALYSES; [ANALYSES[name].Params() for name in ANALYSES]; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'altair')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Values(Record):
    """Some numbers."""

    numbers: Array
    residual: float = 0.0


class NoSettings(Record):
    """Nothing to set."""


class Total(Trace):
    """What the numbers add up to."""

    total: float


class Sound(Analysis[NoSettings, Values]):
    """The smallest analysis there is."""

    name = "sound"
    version = 1
    title = "Sound"
    question = "Is it?"
    requires = frozenset({Capability.LOGITS})
    Params = NoSettings
    Result = Values
    measures = MappingProxyType(
        {"total": Measure(Direction.NEITHER, "sum"), "apart": Measure(Direction.LOWER, "distance", equal=0.0)}
    )
    Traced = Total

    def run(self, model, prompt, params):
        return Values(numbers=np.arange(3.0))

    def proof(self, result):
        return [Check(name="sum", residual=result.residual, tolerance=0.0, meaning="It adds up.")]

    def metrics(self, result):
        return {"total": Metric(value=float(result.numbers.sum()), direction=Direction.NEITHER, meaning="sum")}

    def summary(self, result):
        return "They add up to 3."

    def charts(self, result):
        return []

    def table(self, result):
        return Table(columns=("number",), rows=tuple((float(n),) for n in result.numbers), caption="One per number.")

    def trace(self, result):
        return Total(total=float(result.numbers.sum()))

    def drift(self, before, after):
        return Drift({"apart": abs(after.total - before.total)})


class Crooked(Sound):
    def run(self, model, prompt, params):
        return Values(numbers=np.arange(3.0), residual=1.0)


class Infinite(Sound):
    def metrics(self, result):
        return {"total": Metric(value=np.inf, direction=Direction.NEITHER, meaning="sum")}


class Unlisted(Sound):
    def metrics(self, result):
        return {"mean": Metric(value=1.0, direction=Direction.NEITHER, meaning="mean")}


class Turned(Sound):
    def metrics(self, result):
        return {"total": Metric(value=3.0, direction=Direction.LOWER, meaning="sum")}


class OfTwo(Sound):
    def metrics(self, result):
        return {"apart": Metric(value=0.0, direction=Direction.LOWER, meaning="distance")}


class Untold(Sound):
    Traced = None


class Mistraced(Sound):
    def trace(self, result):
        return None


class Lost(Sound):
    def trace(self, result):
        return Total(total=math.inf)


class Restless(Sound):
    def drift(self, before, after):
        return Drift({"apart": 0.5})


class Inventive(Sound):
    def drift(self, before, after):
        return Drift({"nearness": 1.0})


class Alarmed(Sound):
    def drift(self, before, after):
        return Drift(finding="They differ.")


class Endless(Sound):
    class Traced(Trace):
        """Too much."""

        text: str

    def trace(self, result):
        return self.Traced(text="x" * 20_000)

    def drift(self, before, after):
        return Drift()


class Ragged(Sound):
    def table(self, result):
        return Table(columns=("a", "b"), rows=((1,),), caption="One per number.")


class Other(Sound):
    def run(self, model, prompt, params):
        return NoSettings()


def test_the_check_passes_a_sound_analysis(facts_model):
    assert check_analysis(Sound, model=facts_model).numbers.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Crooked, "above"),
        (Infinite, "metric total is inf"),
        (Unlisted, "mean is not among the measures"),
        (Turned, "in another direction"),
        (OfTwo, "measure of two"),
        (Untold, "does not say of which class"),
        (Mistraced, "trace returned NoneType"),
        (Restless, "is 0.5, not 0.0"),
        (Inventive, "nearness is not among"),
        (Alarmed, "between a trace and itself"),
        (Endless, "the trace takes"),
        (Ragged, "do not match"),
        (Other, "run returned"),
    ],
)
def test_the_check_says_which_promise_is_broken(broken, promise, facts_model):
    with pytest.raises(AssertionError, match=promise):
        check_analysis(broken, model=facts_model)


def test_a_trace_that_no_file_can_hold_is_found_out(facts_model):
    with pytest.raises(ValueError, match="not JSON compliant"):
        check_analysis(Lost, model=facts_model)
