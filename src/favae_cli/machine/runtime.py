"""Where and how a run computes: device, precision, threads, and how the process keeps its memory."""

from __future__ import annotations

import ctypes
import math
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  its BLAS is another than NumPy's, and only what is loaded can be limited
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from favae_cli.common.errors import UserError
from favae_cli.machine.world import ALONE, World

# Parameters of glibc's mallopt(3), as <malloc.h> numbers them.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4
_MIB = 1 << 20

BATCH = 256  # samples at a time, outside of training
GPU_VALUES = 1 << 25  # of a GPU's batch: 2,730 images of 64x64x3, whose maps take a few GiB in the networks

_Module = TypeVar("_Module", bound=nn.Module)


class MachineSettings(Protocol):
    """What a config says of the machine, as `Machine` of the schema does."""

    @property
    def device(self) -> str:
        """As torch names it, or `auto`."""
        ...

    @property
    def precision(self) -> str:
        """`auto`, `fp32` or `bf16` of the networks; the factor engine computes in float64 whatever it is."""
        ...

    @property
    def threads(self) -> int | None:
        """Of each process; None leaves them as they are."""
        ...


@dataclass(frozen=True)
class Runtime:
    """What the training and evaluation loops need to know of the machine.

    Attributes:
        device: where networks and batches live.
        bf16: whether networks compute in bfloat16 under autocast; their weights stay float32.
        world: the processes that train together.
    """

    device: torch.device
    bf16: bool = False
    world: World = ALONE

    memory_format: ClassVar[torch.memory_format] = torch.channels_last  # of images: the faster one, as measured

    def at_once(self, shape: tuple[int, ...]) -> int:
        """How many samples of this shape to encode, decode or judge at a time, outside of training.

        A GPU has nothing to do in the meantime while small batches are launched.
        """
        if self.device.type != "cuda":
            return BATCH
        return max(BATCH, GPU_VALUES // math.prod(shape))

    def autocast(self) -> AbstractContextManager[None]:
        """A fresh context in which networks run in the chosen precision; losses belong outside of it."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def place(self, network: _Module) -> _Module:
        """Move `network` to the device; to a GPU in the memory format of its batches.

        On a CPU, whose convolutions arrange kernels for themselves, plain ones make the optimiser twice as fast.
        """
        network.to(self.device)
        if self.device.type == "cuda":
            network.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        return network


def prepare(machine: MachineSettings, world: World = ALONE) -> Runtime:
    """Set up this process, one of a `world`, for a run: memory, threads, device, precision.

    It stays so for the life of the process.

    Raises:
        UserError: the device or the precision is not to be had here.
    """
    keep_memory()
    if machine.threads is not None:
        use_threads(machine.threads)
    device = find_device(machine.device)
    if device.type == "cuda":
        if world.size > 1:
            device = own_gpu(world)
        torch.cuda.set_device(device)  # graphs and streams are those of the current one
        use_tensor_cores()
    return Runtime(device, use_bf16(machine.precision, device), world)


def use_threads(count: int) -> None:
    """Have torch and the BLAS of NumPy and SciPy take no more than `count` threads, from now on."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")


def use_tensor_cores() -> None:
    """Have GPUs multiply float32 matrices in TF32, and let cuDNN try which convolution is the fastest for a shape.

    TF32 has factors of 10 bits of mantissa and sums of 23; cuDNN's convolutions use it by themselves. Float64 stays
    what it is.
    """
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True


def send(values: np.ndarray | Tensor, device: torch.device) -> Tensor:
    """`values` on the device; a GPU fetches them from pinned memory when it comes to it, and nobody waits."""
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def find_device(name: str) -> torch.device:
    """The device called `name`; "auto" is CUDA where there is one, else the CPU. A CUDA device has an index.

    Raises:
        UserError: there is no such CUDA device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    if (device.index or 0) >= (count := torch.cuda.device_count()):
        raise UserError(f"trainer.device={name}: torch sees {count} CUDA devices here; use auto or cpu")
    # torch.cuda.set_device, for one, takes no device without an index.
    return torch.device("cuda", torch.cuda.current_device()) if device.index is None else device


def own_gpu(world: World) -> torch.device:
    """The GPU that this process has for itself.

    Raises:
        UserError: there are fewer GPUs than processes.
    """
    count = torch.cuda.device_count()
    device = torch.device("cuda", world.local % count)  # SLURM may show each process no other than its own
    taken = len(set(world.gather(str(torch.cuda.get_device_properties(device).uuid))))
    if taken < world.size:
        raise UserError(
            f"trainer.devices: {world.size} processes have {taken} GPUs between them; torch sees {count} on this "
            "machine, use no more than that"
        )
    return device


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether networks run in bfloat16, given "fp32", "bf16" or "auto": yes where the hardware multiplies it.

    Raises:
        UserError: bf16 is asked of a GPU that has none. A CPU emulates it, slowly.
    """
    if precision == "fp32":
        return False
    native = _multiplies_bf16(device)
    if precision == "bf16" and not native and device.type == "cuda":
        raise UserError(f"trainer.precision=bf16: {device} cannot compute in it; use auto or fp32")
    return native or precision == "bf16"


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def keep_memory() -> bool:
    """Have glibc reuse freed memory instead of handing every large tensor's pages back to the kernel.

    A training step frees and asks for the same large tensors over and over; with the default settings each of
    them costs a system call and a page fault per 4 KiB. Call it before the first large allocation.

    Returns:
        Whether the settings were taken; False, and nothing changed, where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # glibc before 2.35 takes no threshold over 32 MiB: there, separate mappings are switched off altogether.
    in_heap = mallopt(_M_MMAP_THRESHOLD, 1024 * _MIB) or mallopt(_M_MMAP_MAX, 0)
    return bool(in_heap and mallopt(_M_TRIM_THRESHOLD, 2047 * _MIB) and mallopt(_M_TOP_PAD, 64 * _MIB))
