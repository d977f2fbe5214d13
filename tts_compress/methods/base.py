"""What all methods have in common: settings that are called, reports, and what a run gives them."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.selection import select

if TYPE_CHECKING:
    from torch import Tensor

    from tts_compress.architectures.base import Architecture
    from tts_compress.architectures.following import Spoken
    from tts_compress.quantized import Quantized

T = TypeVar("T")
Deed = Literal["prunes", "mends", "resizes", "factors", "folds", "quantizes"]


@dataclass(frozen=True)
class Change:
    """What was done to one tensor.

    Attributes:
        layer: Name of the tensor in the state dict.
        spec: How to build the layer again where its shape or class changed; None where it did not.
        stats: Numbers for reports, such as ``n_weights`` and ``n_zero``.
    """

    layer: str
    spec: Mapping[str, Any] | None
    stats: Mapping[str, float]


@dataclass
class Memory:
    """Results that the stages of all runs of a process share.

    Attributes:
        capacity: How many results are kept, the latest used; a ranking of 28 M weights has 113 MB.

    >>> memory = Memory()
    >>> memory.remember("square of 3", lambda: 9), memory.remember("square of 3", lambda: 0)
    (9, 9)
    """

    capacity: int = 2
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """Gives what `make` gave for this key, and calls it only if that is no longer kept."""
        value: T = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = value
        while len(self._kept) > self.capacity:
            del self._kept[next(iter(self._kept))]
        return value


Finetuner = Callable[["Architecture", "Method"], Mapping[str, float]]


@dataclass
class Context:
    """What the stages of one run have beside the network.

    Attributes:
        memory: What they share with the stages of other runs.
        load_dense: Loads the network as it was before the first stage.
        say: Gives what that network says of the calibration sentences.
        finetuner: Trains a network as a `finetune` stage asks, and gives what that took.
        removed: For each coupling, True at the units that stages took out and still have their
            place in the network, ``(units,)``.
        quantized: What tensors are made of, by name, once a stage quantized them.
        narrowed: Names of tensors that a stage rounded to a narrower floating-point type.
        stored: Names of tensors that the network's own file holds as integers.
        measures: What stages measured of themselves, such as ``finetune_seconds``.
    """

    memory: Memory = field(default_factory=Memory)
    load_dense: Callable[[], "Architecture"] | None = None
    say: Callable[[], Sequence["Spoken"]] | None = None
    finetuner: Finetuner | None = None
    removed: dict[str, "Tensor"] = field(default_factory=dict)
    quantized: dict[str, "Quantized"] = field(default_factory=dict)
    narrowed: set[str] = field(default_factory=set)
    stored: AbstractSet[str] = frozenset()
    measures: dict[str, float] = field(default_factory=dict)

    def dense(self, method: str) -> "Architecture":
        """Gives the network as it was before the first stage, anew.

        Raises:
            RecipeError: There is none, since the stage is called outside of a run.
        """
        if self.load_dense is None:
            raise RecipeError(f"{method}: needs the dense network, got none. Run it in a recipe.")
        return self.load_dense()

    def calibration(self, method: str) -> Sequence["Spoken"]:
        """Gives what the dense network says of the calibration sentences.

        Raises:
            RecipeError: The recipe names no calibration sentences.
        """
        if self.say is None:
            raise RecipeError(
                f"{method}: needs calibration sentences, got none. "
                "Name a file of sentences as 'calibration:' in the recipe."
            )
        return self.say()

    @property
    def settled(self) -> set[str]:
        """Names of tensors whose numbers a stage made cheap to store, so that they stay."""
        return self.narrowed | self.quantized.keys()

    def unsettled(
        self, names: Sequence[str], stage: "Method", others: AbstractSet[str] = frozenset()
    ) -> list[str]:
        """Gives the names of tensors that no earlier stage quantized or narrowed.

        Args:
            names: Those that are selected.
            stage: What selects them.
            others: More that stay as they are.

        Raises:
            RecipeError: None is left.
        """
        settled = self.settled | others
        left = [name for name in names if name not in settled]
        if not left:
            raise RecipeError(
                f"{stage.method}: earlier stages quantized all that it selects, got {len(names)} "
                f"such tensors as {names[0]!r}. Remove the stage, or give it other tensors."
            )
        return left

    def quantize(
        self, model: "Architecture", name: str, quantized: "Quantized", method: str
    ) -> None:
        """Gives a tensor of the network the values of integers, and notes these for its file.

        Args:
            model: The network.
            name: The tensor.
            quantized: The integers.
            method: Starts messages.

        Raises:
            CheckpointError: The values are beyond those of float32.
        """
        tensor, values = model.get_parameter(name), quantized.dense()
        if not bool(values.isfinite().all()):
            largest = float(tensor.detach().abs().max())
            raise CheckpointError(
                f"{method}: {name!r} is too large to be quantized, got {largest:.6g}. "
                "Use a checkpoint from before the training diverged."
            )
        self.quantized[name] = quantized
        tensor.data.copy_(values)


CHANGES = "it would change what was quantized"
SHAPES = "it needs the layers of the dense network"


def check_no_factors(model: "Architecture", where: str) -> None:
    """Checks that every weight of a network is whole.

    Raises:
        RecipeError: One is a product of two factors.
    """
    if model.settings.ranks:
        raise RecipeError(
            f"{where}: needs the layers of the dense network, got factors in place of "
            f"{next(iter(model.settings.ranks))!r}. Put {where} before low_rank."
        )


class Method(BaseModel):
    """Base of every method: frozen settings that, when called, make a network smaller in place.

    Attributes:
        needs: What data the method asks for.
        refuses: What earlier stages must not have done, and why.
        method: Its name in recipes.
        enabled: Whether the stage is done at all; swept, it compares with and without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    needs: ClassVar[Literal["nothing", "calibration", "training"]] = "nothing"
    refuses: ClassVar[Mapping[Deed, str]] = {"quantizes": CHANGES}
    method: str
    enabled: bool = Field(
        True, description="Whether the stage is done; sweep [false, true] to compare.", exclude=True
    )

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "prunes"

    @property
    @abstractmethod
    def label(self) -> str:
        """A few words for tables, such as ``magnitude 40 %``."""

    @abstractmethod
    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that the method works on."""

    @abstractmethod
    def __call__(self, model: "Architecture", ctx: Context) -> tuple[Change, ...]:
        """Edits the network in place and says what was done to each tensor."""


class Selecting(Method):
    """Base of methods that are told which tensors they work on.

    Attributes:
        matrices_only: Whether biases and scales of normalisation are refused by name.
        include: Groups, patterns or names.
        exclude: Likewise.
    """

    matrices_only: ClassVar[bool] = False
    include: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of tensors; every weight where left out."
    )
    exclude: tuple[str, ...] = Field(
        (), description="Groups, patterns or names of tensors that are left as they are."
    )

    @property
    def where(self) -> str:
        """What is included, each after a space, for labels."""
        return "".join(f" {entry}" for entry in self.include)

    def chosen(self, model: "Architecture", vectors: bool = False) -> list[str]:
        """Gives the names of the trained tensors that are included and not excluded.

        Args:
            model: The network.
            vectors: Whether groups and patterns also match biases and normalisation.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        parameters = {
            name: parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and (parameter.dim() > 1 or not self.matrices_only)
        }
        where = self.include, self.exclude, self.method
        return select(parameters, model.groups, *where, vectors=vectors)

    def selected(self, model: "Architecture") -> list[str]:
        """Gives the names of the tensors that the method works on.

        Raises:
            RecipeError: An entry of include or exclude matches nothing.
        """
        return self.chosen(model)


class Quantizing(Selecting):
    """Base of methods that give weights other values, which take fewer bits."""

    refuses: ClassVar[Mapping[Deed, str]] = {}

    @property
    def does(self) -> Deed:
        """What becomes of the network's weights."""
        return "quantizes"
