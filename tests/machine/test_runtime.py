"""Device, precision and memory: what the machine offers, and a clear line where it does not."""

import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from favae_cli.common.errors import UserError
from favae_cli.config.views import ConvArch
from favae_cli.factors import FactorModel, fit, moments
from favae_cli.factors.bernoulli import binary
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.machine import runtime
from favae_cli.machine.world import World
from favae_cli.nets import build
from favae_cli.training.to_device import ahead

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


def test_auto_takes_the_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.find_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert runtime.find_device("auto") == torch.device("cuda", 0)


@pytest.mark.parametrize(("name", "index"), [("cuda", 1), ("cuda:2", 2)])
def test_a_gpu_is_told_with_its_index(name: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.cuda.set_device`, which a thread that works for a GPU calls, takes no other."""
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch._C, "_cuda_setDevice", chosen.append, raising=False)
    device = runtime.find_device(name)
    assert device == torch.device("cuda", index)
    assert list(ahead(abs, [-1, 2], device)) == [1, 2]
    assert chosen == [index]


@pytest.mark.parametrize("name", ["cuda", "cuda:3"])
def test_a_device_that_is_not_there_is_named_with_its_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=rf"trainer\.device={name}: torch sees 0 CUDA devices"):
        runtime.find_device(name)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let torch see so many GPUs."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=device.index))

    return pretend


def test_each_process_has_its_own_gpu(gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(2)
    monkeypatch.setattr(World, "gather", lambda self, part: ["0", part])
    assert runtime.own_gpu(World(1, 2, 1)) == torch.device("cuda", 1)


def test_processes_that_would_share_a_gpu_are_refused(
    gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(1)
    monkeypatch.setattr(World, "gather", lambda self, part: ["0", part])
    with pytest.raises(UserError, match=r"^trainer\.devices: 2 processes have 1 GPUs between them; torch sees 1 on"):
        runtime.own_gpu(World(1, 2, 1))


def test_a_machine_that_shows_each_process_its_own_gpu_alone_is_fine(
    gpus: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus(1)
    monkeypatch.setattr(World, "gather", lambda self, part: ["another", part])
    assert runtime.own_gpu(World(1, 2, 1)) == torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("precision", "native", "expected"),
    [("fp32", True, False), ("auto", True, True), ("auto", False, False), ("bf16", False, True)],
)
def test_precision_follows_the_config_then_the_hardware(
    precision: str, native: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert runtime.use_bf16(precision, CPU) is expected


def test_a_precision_the_gpu_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    with pytest.raises(UserError, match=r"trainer\.precision=bf16: cuda cannot"):
        runtime.use_bf16("bf16", CUDA)
    assert runtime.use_bf16("auto", CUDA) is False


def blas_threads() -> set[int]:
    return {library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers}


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits():
        yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads_as_before")
def test_prepare_sets_the_threads_of_torch_and_of_every_blas() -> None:
    for count in (2, 1):
        chosen = runtime.prepare(SimpleNamespace(device="cpu", precision="fp32", threads=count))
        assert chosen == runtime.Runtime(CPU)
        assert torch.get_num_threads() == count
        assert blas_threads() == {count}
    runtime.prepare(SimpleNamespace(device="cpu", precision="fp32", threads=None))
    assert (torch.get_num_threads(), blas_threads()) == (1, {1})


@pytest.mark.usefixtures("threads_as_before")
def test_the_engine_takes_one_thread_whatever_the_run_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    for owner, name in ((moments, "sums"), (FactorModel, "precision"), (PseudoData, "update")):
        work = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, work=work: seen.append(blas_threads()) or work(*given))
    runtime.use_threads(2)
    z = {name: np.random.default_rng(0).standard_normal((20, 3)) for name in "ab"}
    model = fit(moments.Moments.from_arrays(z), 2, sweeps=2)
    model.posterior(z)
    evidence = Embeddings({"a": z["a"]}, {}, {"b": binary(1.0 * (z["b"] > 0))}, ("a", "b"))
    evidence.moments()
    evidence.settle(model)
    evidence.expect(model, "b")
    assert len(seen) >= 6
    assert set.union(*seen) == {1}
    assert blas_threads() == {2}, "all else has its own back"


@pytest.mark.parametrize(("device", "precision"), [(CUDA, "high"), (CPU, "highest")])
def test_only_a_gpu_becomes_the_current_one_and_multiplies_float32_in_tf32(
    device: torch.device, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "find_device", lambda name: device)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    try:
        runtime.prepare(SimpleNamespace(device="auto", precision="fp32", threads=None))
        assert torch.get_float32_matmul_precision() == precision
        assert torch.backends.cudnn.benchmark is (device == CUDA)
        assert current == [device] * (device == CUDA)
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize("values", [np.arange(6)[::-2], np.ones((2, 3), np.uint8), torch.eye(2)])
def test_what_is_sent_arrives_as_it_was(values: np.ndarray | torch.Tensor) -> None:
    found = runtime.send(values, CPU)
    assert found.tolist() == values.tolist()
    assert str(found.dtype).removeprefix("torch.") == str(values.dtype).removeprefix("torch.")


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_autocast_covers_the_networks_and_leaves_the_weights(bf16: bool, dtype: torch.dtype) -> None:
    chosen = runtime.Runtime(CPU, bf16)
    layer = chosen.place(torch.nn.Conv2d(3, 4, 3))

    with chosen.autocast():
        assert layer(torch.rand(1, 3, 5, 5)).dtype == dtype

    assert layer.weight.dtype == torch.float32
    assert layer.weight.is_contiguous()  # as the fused Adam of a CPU wants it
    assert layer(torch.rand(1, 3, 5, 5)).dtype == torch.float32


def train(chosen: runtime.Runtime) -> list[torch.Tensor]:
    """The weights after three steps of a small auto-encoder from a fixed seed."""
    arch = ConvArch(name="conv", channels=[8, 16], kernel=4, stride=2, padding=1, batch_norm=True, leak=0.01)
    generator = torch.Generator().manual_seed(0)
    encoder, decoder = (chosen.place(network) for network in build(arch, (16, 16, 3), 4, generator))
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(weights, lr=1e-2, fused=True)
    for _ in range(3):
        images = torch.rand(32, 3, 16, 16, generator=generator)
        optimiser.zero_grad()
        with chosen.autocast():
            mean, log_variance = encoder(images)
            decoded = decoder(mean)
        ((decoded - images).square().sum() + log_variance.exp().sum()).backward()
        optimiser.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_same_seed_gives_the_same_weights_to_the_last_bit(bf16: bool) -> None:
    chosen = runtime.Runtime(CPU, bf16)
    assert all(torch.equal(a, b) for a, b in zip(train(chosen), train(chosen), strict=True))


FAULTS = """
import resource, sys
from favae_cli.machine.runtime import keep_memory
import torch
if sys.argv[1] == "keep" and not keep_memory():
    raise SystemExit("refused")
for _ in range(10):  # glibc needs a few rounds to settle on where aligned blocks go
    torch.ones(20_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(20_000_000)
sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
@pytest.mark.slow
def test_kept_memory_is_used_again_without_page_faults() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, check=True).stdout)
        for mode in ("return", "keep")
    }
    assert faults["keep"] * 10 < faults["return"]


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert runtime.keep_memory() is False


def test_a_gpu_sees_more_samples_at_once_the_smaller_they_are() -> None:
    cuda = runtime.Runtime(torch.device("cuda", 0))
    assert runtime.Runtime(CPU).at_once((64, 64, 3)) == 256
    assert cuda.at_once((32, 32, 3)) == 4 * cuda.at_once((64, 64, 3)) + 2  # rounded down
    assert cuda.at_once((1024, 1024, 3)) == 256
