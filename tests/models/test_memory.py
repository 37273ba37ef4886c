from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from ecco_reports.errors import ModelError, ModelMemoryError
from ecco_reports.models.memory import Memory, is_out_of_memory, wanted_bytes

ROOT = Path(__file__).resolve().parents[2]

CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
"""How torch's allocator for the processor begins; the number of bytes follows."""


class Room:
    """Squares numbers, at most so many at once, and remembers how many were tried."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.tried: list[int] = []

    def __call__(self, numbers):
        self.tried.append(len(numbers))
        if len(numbers) > self.fits:
            raise RuntimeError(f"{CPU}{len(numbers) * 1000} bytes. Error code 12 (Cannot allocate memory)")
        return [number**2 for number in numbers]


def squares(memory, count, at_once, room):
    return [square for part in memory.chunks("the square", "number", range(count), at_once, room) for square in part]


def test_what_fits_is_computed_as_asked_for_and_nothing_is_noted():
    memory, room = Memory("m"), Room(100)
    assert squares(memory, 10, 4, room) == [number**2 for number in range(10)]
    assert room.tried == [4, 4, 2]
    assert memory.collect() == ()


def test_a_chunk_that_is_too_much_is_halved_until_it_fits():
    memory, room = Memory("m"), Room(4)
    assert squares(memory, 20, 16, room) == [number**2 for number in range(20)]
    assert room.tried == [16, 8, 4, 4, 4, 4, 4]
    assert memory.collect() == ("For want of memory, the square took 4 numbers at a time instead of 16.",)


@pytest.mark.parametrize("fits", range(1, 12))
@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 8, 11, 100])
def test_the_answer_does_not_depend_on_where_the_cut_fell(fits, at_once):
    assert squares(Memory("m"), 11, at_once, Room(fits)) == [number**2 for number in range(11)]


def test_nothing_is_computed_where_there_is_nothing():
    assert squares(Memory("m"), 0, 4, Room(4)) == []


def test_a_remainder_that_is_too_much_is_halved_from_its_own_size():
    fits = iter([8, 2, 2, 2, 2])
    tried = []

    def compute(numbers):
        tried.append(len(numbers))
        return Room(next(fits))(numbers)

    assert squares(Memory("m"), 11, 8, compute) == [number**2 for number in range(11)]
    assert tried == [8, 3, 1, 1, 1]


def test_the_size_that_worked_is_where_the_same_kind_of_work_begins_the_next_time():
    memory, room = Memory("m"), Room(4)
    squares(memory, 16, 16, room)
    room.tried.clear()
    squares(memory, 16, 16, room)
    assert room.tried == [4, 4, 4, 4]


def test_what_was_learned_counts_as_a_share_of_what_is_asked_for():
    """A text twice as long asks for half as many at once, of twice the size."""
    memory = Memory("m")
    squares(memory, 16, 16, Room(4))
    longer = Room(2)
    squares(memory, 16, 8, longer)
    assert longer.tried == [2] * 8
    shorter = Room(8)
    squares(memory, 16, 32, shorter)
    assert shorter.tried == [8, 8]


def test_another_kind_of_work_begins_as_asked_for():
    memory = Memory("m")
    squares(memory, 16, 16, Room(4))
    room = Room(16)
    list(memory.chunks("the cube", "number", range(16), 16, room))
    assert room.tried == [16]


def test_notes_are_collected_once_and_again_for_every_text_that_was_computed_in_parts():
    memory = Memory("m")
    squares(memory, 16, 16, Room(1))
    note = "For want of memory, the square took one number at a time instead of 16."
    assert memory.collect() == (note,)
    assert memory.collect() == ()
    squares(memory, 16, 16, Room(1))
    assert memory.collect() == (note,)


def test_one_item_that_is_too_much_fails_with_the_bytes_that_it_wanted():
    with pytest.raises(ModelMemoryError) as caught:
        squares(Memory("some/model"), 8, 8, Room(0))
    assert caught.value.wanted == 1000
    assert caught.value.source == "some/model"
    assert isinstance(caught.value, ModelError)
    where = "some/model: there is not enough memory for the square, even one number at a time; "
    assert str(caught.value).startswith(f"{where}1,000 bytes more were wanted.")
    assert CPU in str(caught.value.__cause__)


def test_the_error_gives_large_numbers_in_units_as_well_and_travels_between_processes():
    error = ModelMemoryError("m", "the lens", 3 * 2**29)
    assert "1.5 GiB (1,610,612,736 bytes) more were wanted" in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.wanted, copy.source) == (str(error), error.wanted, "m")
    assert "is not told" in str(ModelMemoryError("m", "the lens", None))


def test_an_inner_loop_that_cannot_go_on_makes_the_outer_one_smaller():
    memory = Memory("m")

    def outer(rows):
        inner = Room(100 if len(rows) <= 2 else 0)
        return sum(sum(part) for part in memory.chunks("the inner work", "target", rows, 4, inner)), len(rows)

    answers = list(memory.chunks("the outer work", "row", range(4), 4, outer))
    assert answers == [(0 + 1, 2), (4 + 9, 2)]
    assert "For want of memory, the outer work took 2 rows at a time instead of 4." in memory.collect()


def test_an_inner_loop_that_fails_at_one_and_one_speaks_for_both():
    memory = Memory("m")

    def outer(rows):
        return list(memory.chunks("the inner work", "target", rows, 4, Room(0)))

    with pytest.raises(ModelMemoryError, match="the inner work, even one target at a time") as caught:
        list(memory.chunks("the outer work", "row", range(4), 4, outer))
    assert caught.value.__cause__ is not caught.value


def test_another_error_is_not_taken_for_a_want_of_memory():
    def broken(_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x8 and 9x8)")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(Memory("m").chunks("the square", "number", range(4), 4, broken))


class Large:
    """Stands for a tensor."""


def test_what_a_failed_attempt_had_made_is_gone_before_the_next_one():
    made = []

    def compute(numbers):
        assert not any(reference() for reference in made)
        large = Large()
        made.append(weakref.ref(large))
        if len(numbers) > 1:
            raise MemoryError
        return list(numbers)

    assert [list(part) for part in Memory("m").chunks("it", "part", range(3), 4, compute)] == [[0], [1], [2]]
    assert len(made) == 4


def test_what_it_had_made_is_gone_while_its_error_travels():
    made = []

    def compute(_):
        large = Large()
        made.append(weakref.ref(large))
        raise MemoryError

    with pytest.raises(ModelMemoryError) as caught:
        list(Memory("m").chunks("it", "part", range(1), 1, compute))
    assert caught.value.__cause__.__traceback__ is not None
    assert made[0]() is None


def torch_error(message):
    import torch

    return torch.OutOfMemoryError(message)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (RuntimeError(f"{CPU}17179869184 bytes. Error code 12 (Cannot allocate memory)"), 17179869184),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4096 bytes."), 4096),
        (
            torch_error("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 7.79 GiB of "),
            3 * 2**29,
        ),
        (torch_error("Allocation on device"), None),
        (
            RuntimeError("MPS backend out of memory (MPS allocated: 17.2 GB). Tried to allocate 512.00 MB on private "),
            2**29,
        ),
        (RuntimeError("Invalid buffer size: 8.00 GB"), 2**33),
        (RuntimeError("CUDA error: out of memory"), None),
        (RuntimeError("std::bad_alloc"), None),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), None),
        (MemoryError(), None),
        (MemoryError("Unable to allocate 64.0 KiB for an array with shape (8192,) and data type float64"), 65536),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), None),
        (ModelMemoryError("m", "it", 5), None),
    ],
)
def test_every_allocator_is_understood(error, wanted):
    assert is_out_of_memory(error)
    assert wanted_bytes(error) == wanted


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), ValueError("out of memory"), KeyError("x")])
def test_other_errors_are_not(error):
    assert not is_out_of_memory(error)


def scarce():
    """Multiplies large matrices with less address space than they want; prints what came of it."""
    import resource

    import torch

    torch.set_num_threads(1)
    torch.ones(64, 64) @ torch.ones(64, 64)
    status = Path("/proc/self/status").read_text().splitlines()
    used = int(next(line for line in status if line.startswith("VmSize")).split()[1]) * 1024
    limit = used + 300 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    memory = Memory("m")
    rows = [float(number) for number in range(16)]

    def sums(width):
        def compute(chosen):
            return (torch.tensor(chosen)[:, None] + torch.ones(width)).sum(-1).tolist()

        return [value for part in memory.chunks("it", "row", rows, 16, compute) for value in part]

    print(sums(10_000_000) == [(row + 1) * 10_000_000 for row in rows])
    print(*memory.collect())
    try:
        sums(200_000_000)
    except ModelMemoryError as error:
        print(error.wanted)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the address space")
def test_where_the_processor_really_has_no_memory_the_work_is_done_in_parts():
    ended = subprocess.run(
        [sys.executable, "-c", "from tests.models.test_memory import scarce; scarce()"],
        cwd=ROOT,
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},  # Every other arena reserves address space for a thread of its own.
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    right, note, wanted = ended.stdout.splitlines()
    assert right == "True"
    assert note.startswith("For want of memory, it took ")
    assert note.endswith(" at a time instead of 16.")
    assert int(wanted) == 4 * 200_000_000


def test_it_brings_no_torch():
    code = (
        "import sys; from ecco_reports.models.memory import Memory\n"
        "def fail(_): raise MemoryError\n"
        "try: list(Memory('m').chunks('it', 'part', range(4), 4, fail))\n"
        "except Exception as error: print(type(error).__name__, 'torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["ModelMemoryError", "False"]
