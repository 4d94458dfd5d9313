"""The command line as a person meets it: what runs, where it writes, and what is said to a mistake."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import favae_cli
from favae_cli.cli import main
from favae_cli.command_line.help_text import GROUPS
from favae_cli.common.errors import Interrupted, UserError
from favae_cli.config.folders import config_folders, shipped_configs
from favae_cli.config.run import Config

TIME = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-\d{6}"
EXPERIMENTS = sorted(path.stem for path in (shipped_configs() / "experiment").glob("*.yaml"))
Runs = list[tuple[Config, Path]]


pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """The runs that the command line starts; none of them computes anything."""
    started: Runs = []

    def run_task(config: Config, directory: Path) -> float:
        started.append((config, directory))
        return 0.0

    monkeypatch.setattr("favae_cli.tasks.run_task", run_task, raising=False)
    return started


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own."""
    found = os.environ | {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1])}
    return subprocess.run([sys.executable, "-c", code], env=found, capture_output=True, text=True, check=False)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr, each of them from favae-run."""
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("favae-run: ") for line in lines)
    return [line.removeprefix("favae-run: ") for line in lines]


def test_no_argument_runs_the_experiment_that_needs_no_data(runs: Runs) -> None:
    assert main([]) == 0
    ((config, directory),) = runs
    assert config.data.name == "avatars"
    assert re.fullmatch(rf"outputs/avatars_condition/{TIME}", directory.relative_to(Path.cwd()).as_posix())
    assert (directory / ".hydra" / "config.yaml").is_file()


def test_experiments_and_values_reach_the_run(runs: Runs) -> None:
    assert main(["experiment=celeba_condition", "data.root=~/celeba", "data.attributes=[Smiling,Male]"]) == 0
    ((config, directory),) = runs
    assert config.data.attributes == ["Smiling", "Male"]
    assert config.data.root == Path.home() / "celeba"
    assert directory.parent.name == "celeba_condition"


@pytest.mark.parametrize(
    "experiment", [pytest.param(name, marks=[pytest.mark.slow] * (name != "wine_views")) for name in EXPERIMENTS]
)
def test_the_commands_that_an_experiment_shows_can_be_run(experiment: str, runs: Runs, tmp_path: Path) -> None:
    shown = (shipped_configs() / "experiment" / f"{experiment}.yaml").read_text()
    commands = re.findall(r"^#   favae-run (.+)$", shown, re.MULTILINE)
    for command in commands:
        # A folder that is there stands for what only the user knows.
        assert main([re.sub("=(DIR|outputs/.*)$", f"={tmp_path}", override) for override in command.split()]) == 0
    assert len(runs) == len(commands) >= 2
    assert {directory.parent.name for _, directory in runs} == {experiment}


@pytest.mark.parametrize("root", ["/data (1)/it's", "C:\\celeba", "/a=b/c"])
def test_any_path_can_be_written_as_it_is(root: str, runs: Runs) -> None:
    assert main(["experiment=celeba_condition", f"data.root={root}"]) == 0
    assert runs[0][0].data.root == Path(root)


def test_a_new_entry_of_a_mapping_needs_no_plus(runs: Runs) -> None:
    assert main(["data.missing.face=0.25"]) == 0
    assert runs[0][0].data.missing == {"face": 0.25}


def test_views_and_archs_are_chosen_by_name(runs: Runs) -> None:
    assert main(["data.use=null", "+view@views.cartoon=vae", "arch@views.face.arch=mlp"]) == 0
    views = runs[0][0].views
    assert (views["cartoon"].arch.name, views["face"].arch.name) == ("conv", "mlp")


@pytest.mark.slow
def test_a_sweep_runs_every_combination(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "experiment=avatars_condition", "model.beta=1,4", "model.factors=20,50"]) == 0
    assert [(config.model.beta, config.model.factors) for config, _ in runs] == [
        (1, 20),
        (1, 50),
        (4, 20),
        (4, 50),
    ]
    places = [directory.relative_to(Path.cwd()).as_posix() for _, directory in runs]
    assert len(set(places)) == 4
    assert all(re.fullmatch(rf"outputs/multirun/avatars_condition/{TIME}/[0-3]", place) for place in places)
    assert "run 3 of the sweep: experiment=avatars_condition model.beta=4 model.factors=50" in (capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["model.beta=-1"], ["model.beta: must be greater than or equal to 0, got -1"]),
        (["model.factors=0"], ["model.factors: must be greater than or equal to 1, got 0"]),
        (["model.bta=1"], ["model.bta: unknown key; did you mean beta?"]),
        (["modl.beta=1"], ["modl: unknown key; did you mean model?"]),
        (["experimnt=avatars_condition"], ["experimnt: unknown key; did you mean experiment?"]),
        (
            ["experiment=avatar_condition"],
            ["experiment=avatar_condition: no such option; did you mean avatars"],
        ),
        (
            ["data=nothing"],
            ["data=nothing: no such option; there are avatars, bundled, cartoonset, celeba, celeba_cartoon, digits"],
        ),
        (["arch@views.face.arch=conv3"], ["arch=conv3: no such option; did you mean conv32?"]),
        (["experiment=null"], ["experiment=null: names no option; there are avatars_adapt, avatars_condition"]),
        (["-m", "seed=1,2", "model=vae,null"], ["model=vae,null: names no option; there are amvae, beta_vae"]),
        (
            ["arch@views.fase.arch=mlp"],
            ["Could not override 'arch@views.fase.arch'. Did you mean to override"],
        ),
        (["experiment=celeba_condition"], ["data.root: must be given, as data.root=..."]),
        (["emoji_condition"], ["emoji_condition: must be KEY=VALUE, as in experiment=emoji_condition"]),
        (["data.attributes=[Male"], ["data.attributes=[Male: cannot be read; a list is KEY=[A,B]"]),
        (["model.beta=1)"], ['model.beta: must be a valid number, got "1)"']),
        (["model.beta.x=1"], ["model.beta: must be a valid number"]),
        (["model.beta=1,4"], ["model.beta: several values need -m (a sweep); a list is model.beta=[1,4]"]),
        (["~views.attributes"], ["views: task condition needs exactly one bernoulli view"]),
        (["~views.nothing"], ["Could not delete from config. 'views.nothing' does not exist."]),
        (["--quick"], ["unrecognized arguments: --quick"]),
        (["--config-path", "x"], ["--config-path: would hide the shipped configs"]),
        (["model.beta=-1", "seed=x"], ["model.beta: must be", "seed: must be a valid integer"]),
        (["seed", "model"], ["seed: must be KEY=VALUE", "model: must be KEY=VALUE"]),
        (["--cfg", "job", "data=nothing"], ["data=nothing: no such option"]),
    ],
)
def test_a_mistake_is_told_in_a_line_before_anything_happens(
    arguments: list[str], lines: list[str], runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    for told, expected in zip(said(capsys), lines, strict=True):
        assert told.startswith(expected)
    assert runs == []
    assert not Path("outputs").exists()


def test_a_sweep_is_checked_as_a_whole_before_its_first_run(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "model.beta=1,-3", "model.factors=20,0"]) == 2
    assert sorted(said(capsys)) == [
        "model.beta: must be greater than or equal to 0, got -3",
        "model.factors: must be greater than or equal to 1, got 0",
    ]
    assert runs == []
    assert not Path("outputs").exists()


def test_a_sweep_over_experiments_is_checked_too(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "experiment=avatars_condition,emoji_condition"]) == 2
    assert [line.split(":")[0] for line in said(capsys)] == ["data.root"]
    assert runs == []


@pytest.mark.slow
def test_a_sweep_in_a_config_file_is_checked_too(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    swept = "# @package _global_\ndefaults: [avatars_condition]\nhydra: {sweeper: {params: {model.beta: '1,-1'}}}"
    write("configs/experiment/swept.yaml", swept)
    assert main(["-m", "experiment=swept"]) == 2
    assert said(capsys) == ["model.beta: must be greater than or equal to 0, got -1"]
    assert main(["-m", "experiment=swept", "model.beta=2,3"]) == 0
    assert [config.model.beta for config, _ in runs] == [2, 3]


def test_a_mistake_found_in_the_run_is_told_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_task(config: Config, directory: Path) -> float:
        raise UserError("data.root: there is no folder /nowhere")

    monkeypatch.setattr("favae_cli.tasks.run_task", run_task, raising=False)
    assert main([]) == 2
    assert said(capsys) == ["data.root: there is no folder /nowhere"]


@pytest.mark.slow
def test_a_bug_keeps_its_traceback() -> None:
    code = (
        "import sys, favae_cli.tasks\n"
        "from favae_cli.cli import main\n"
        "favae_cli.tasks.run_task = lambda config, directory: 1 / 0\n"
        "sys.exit(main([]))"
    )
    ended = python(code)
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "favae_cli.tasks.run_task = lambda" in ended.stderr or '"<string>", line 3' in ended.stderr


@pytest.mark.slow
def test_the_program_ends_with_2_on_a_mistake_and_does_not_load_torch() -> None:
    code = (
        "import sys\n"
        "from favae_cli.cli import main\n"
        "code = main(['model.beta=-1'])\n"
        "sys.exit(code if 'torch' not in sys.modules else 9)"
    )
    ended = python(code)
    assert (ended.returncode, ended.stderr) == (
        2,
        "favae-run: model.beta: must be greater than or equal to 0, got -1\n",
    )


# Own configs


def test_own_configs_extend_the_shipped_ones(runs: Runs) -> None:
    defaults = "[avatars_condition, {override /arch@views.face.arch: tiny}]"
    own = f"# @package _global_\ndefaults: {defaults}\nmodel: {{beta: 7.0}}\n"
    write("configs/experiment/own.yaml", own)
    write("configs/arch/tiny.yaml", "name: mlp\nhidden: [8]\nleak: 0.1\n")
    assert main(["experiment=own"]) == 0
    ((config, directory),) = runs
    assert (config.model.beta, config.views["face"].arch.hidden, config.model.prior) == (7.0, [8], "predictive")
    assert directory.parent.name == "own"


@pytest.mark.slow
def test_own_configs_come_before_the_shipped_ones(runs: Runs) -> None:
    shipped = (shipped_configs() / "model" / "fa_vae.yaml").read_text()
    write("configs/model/fa_vae.yaml", shipped.replace("factors: null", "factors: 7"))
    assert main([]) == 0
    assert runs[0][0].model.factors == 7


@pytest.mark.slow
def test_a_folder_named_on_the_command_line_comes_first(runs: Runs) -> None:
    for folder, hidden in (("configs", 1), ("more", 2)):
        write(f"{folder}/arch/tiny.yaml", f"name: mlp\nhidden: [{hidden}]\nleak: 0.1\n")
    assert main(["--config-dir", "more", "arch@views.face.arch=tiny"]) == 0
    assert runs[0][0].views["face"].arch.hidden == [2]


def test_the_configs_of_a_checkout_are_not_taken_for_own_ones(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shipped_configs().parent)
    assert config_folders() == [shipped_configs()]
    assert main([f"hydra.run.dir={tmp_path}"]) == 0
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "broken.yaml"),
        ("defaults:\n  - /arch@x: nothing\n", "nothing"),
        ("beta: 1\n", "unknown key"),
    ],
)
def test_a_mistake_in_an_own_config_is_one_line(
    text: str, words: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    write("configs/experiment/broken.yaml", f"# @package _global_\n{text}")
    assert main(["experiment=broken"]) == 2
    told = said(capsys)
    assert words in told[0]
    assert runs == []


# Help


def test_help_lists_every_option_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    write("configs/experiment/own.yaml", "# @package _global_\n# All my own work\n")
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for group in GROUPS:
        for path in (shipped_configs() / group).glob("*.yaml"):
            assert re.search(rf"^  {path.stem} +\w", listed, re.MULTILINE), f"{group}={path.stem}"
    assert re.search(r"^  own +All my own work$", listed, re.MULTILINE)


def test_help_is_quick_because_it_loads_nothing() -> None:
    code = (
        "import sys\n"
        "from favae_cli.cli import main\n"
        "main(['--help'])\n"
        "sys.exit(bool({'torch', 'hydra', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    assert python(code).returncode == 0


@pytest.mark.slow
def test_status_is_quick_because_it_loads_little() -> None:
    write("runs/one/.hydra/config.yaml", "")
    write("runs/one/.lock", "")
    code = (
        "import sys\n"
        "from favae_cli.cli import main\n"
        "assert main(['task=status', 'run=runs/one']) == 0\n"
        "sys.exit(bool({'torch', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    assert python(code).returncode == 0


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert re.fullmatch(r"favae-run \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_cfg_prints_the_config_and_runs_nothing(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cfg", "job", "model.beta=3"]) == 0
    assert "beta: 3" in capsys.readouterr().out
    assert runs == []


# Folders that are taken


HERE = "hydra.run.dir=here"


@pytest.mark.slow
@pytest.mark.parametrize(
    "commands",
    [
        [[HERE], ["seed=5", "model.factors=7", HERE], ["task=evaluate", "run=here", HERE]],
        pytest.param(
            [
                *([f"experiment={name}", HERE] for name in ("avatars_adapt", "avatars_transfer", "wine_views")),
                *([f"task={name}", "run=here", HERE] for name in ("generate", "impute")),
                ["experiment=there"],
            ],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["by some", "by all"],
)
def test_a_folder_that_holds_a_run_is_refused_before_anything_in_it_changes(
    commands: list[list[str]], runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([HERE]) == 0
    config = Path("here/.hydra/config.yaml").read_bytes()
    write("configs/experiment/there.yaml", "# @package _global_\ndefaults: [wine_views]\nhydra: {run: {dir: here}}\n")
    assert [main(command) for command in commands] == [2] * len(commands)
    told = "hydra.run.dir: here holds a run already; name another folder, or go on with that run by "
    assert said(capsys) == [f"{told}favae-run resume=here"] * len(commands)
    assert len(runs) == 1
    assert Path("here/.hydra/config.yaml").read_bytes() == config


@pytest.mark.parametrize("left", ["checkpoints/last/state.json", "metrics.jsonl", "metrics.json"])
def test_what_is_left_of_a_run_without_its_config_is_not_gone_on_with(
    left: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    write(f"here/{left}", "{}")
    assert main(["hydra.run.dir=here"]) == 2
    assert said(capsys)[0].startswith("hydra.run.dir: here holds a run already")
    assert runs == []


def test_a_sweep_is_not_laid_over_runs(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hydra.run.dir=here/1"]) == 0
    for folder, place in (("here", "here/1"), ("here/1", "here/1")):
        assert main(["-m", "seed=1,2", f"hydra.sweep.dir={folder}"]) == 2
        assert said(capsys) == [f"hydra.sweep.dir: {place} holds a run already; name another folder"]
    assert len(runs) == 1


# Resuming


def test_resume_takes_the_config_of_the_run_and_its_folder(runs: Runs) -> None:
    assert main(["model.beta=3", "seed=5"]) == 0
    first, directory = runs[0]
    before = sorted(Path.cwd().rglob("*"))
    assert main([f"resume={directory}"]) == 0
    again, same_directory = runs[1]
    assert same_directory == directory
    assert again == first.model_copy(update={"resume": directory})
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.slow
def test_a_run_is_trained_by_one_process_and_left_by_a_dead_one(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hydra.run.dir=here"]) == 0
    code = (
        "from pathlib import Path\n"
        "from favae_cli.common.run_lock import holding\n"
        "with holding(Path('here')):\n"
        "    print('held', flush=True)\n"
        "    input()\n"
    )
    found = os.environ | {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=found, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert main(["resume=here"]) == 2
        holder = f"process {other.pid} on {socket.gethostname()}"
        line = f"{Path('here').resolve()}: this run is under way, in {holder}; stop that one or wait for its end"
        assert said(capsys) == [line]
        other.kill()
        other.wait()
    assert main(["resume=here"]) == 0
    assert len(runs) == 2


@pytest.mark.slow
def test_resume_may_change_the_trainer_and_nothing_else(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    resume = f"resume={runs[0][1].relative_to(Path.cwd())}"
    assert main([resume, "trainer.threads=1", "trainer.device=cpu"]) == 0
    assert (runs[1][0].trainer.threads, runs[1][0].trainer.device) == (1, "cpu")
    for override, told in [
        ("model.beta=2", "model.beta: a resumed run keeps its config; only trainer.* can change"),
        ("trainer=default", "trainer: a resumed run keeps its config; only trainer.* can change"),
        ("~trainer.threads", "trainer.threads: a resumed run keeps its config; only trainer.* can change"),
        ("trainer.threads=1,2", "trainer.threads: a resumed run takes one value"),
        ("trainer.threds=1", "trainer.threds: unknown key; did you mean threads?"),
    ]:
        assert main([resume, override]) == 2
        assert said(capsys)[0].startswith(told)
    assert len(runs) == 2


def test_resume_needs_the_folder_of_a_run(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["resume=empty"]) == 2
    assert main(["resume=nowhere"]) == 2
    assert main(["-m", "resume=empty"]) == 2
    assert said(capsys) == [
        f"resume: {Path('empty').resolve()} is not the folder of a run; it has no .hydra/config.yaml",
        f"resume: there is no folder {Path('nowhere').resolve()}",
        "resume: empty is not the folder of a sweep; it has no multirun.yaml; one run goes on without -m",
    ]
    assert runs == []


# Just beyond what is read: where nobody counted, it would be read in seconds.
BOMB = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            b"# @package _global_\ndefaults: [/experiment: mine]\n",
            "its defaults list leads back to itself",
        ),
        ("seed: 1\n".encode("utf-16"), "is no text in UTF-8"),
        (BOMB.encode(), "stand for more than"),
        (b"seed: [", "is damaged, or holds something else"),
    ],
)
def test_an_experiment_without_end_or_sense_is_a_line(
    text: bytes, told: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("configs/experiment/mine.yaml")
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    assert main(["experiment=mine"]) == 2
    (line,) = said(capsys)
    assert told in line
    assert "experiment/mine" in line
    assert not runs
    assert main(["--help"]) == 0  # which shows the first line of each


CALL = "from favae_cli.cli import main; import sys; code = main({arguments}); sys.exit(code)"


def test_help_needs_nobody_who_listens() -> None:
    call = [sys.executable, "-c", CALL.format(arguments=["--help"])]
    environment = os.environ | {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1])}
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *call], env=environment, capture_output=True, check=False)
    assert (closed.returncode, closed.stderr) == (0, b"")
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run(call, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (141, b"")


def test_a_folder_that_is_gone_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Path("gone").absolute()
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert main(["experiment=wine_views"]) == 2
    assert said(capsys) == ["the folder that favae-run was started in is gone; change to one that is there"]


def test_a_stop_that_another_error_is_made_of_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def composing(arguments: list[str], place: object = None) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted as error:
            raise SystemError("initialisation of a module raised unreported exception") from error

    monkeypatch.setattr("favae_cli.cli._dispatch", composing)
    assert main([]) == 130
    assert said(capsys) == ["stopped"]


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("~trainer=1.5", "~trainer=1.5: names no option; there are default"),
        (
            "evaluation.edit.strengths.more=1",
            "more: stands behind a list, whose places are numbers; give the whole list",
        ),
        ("~trainer=[a,b]", "~trainer=[a,b]: names no option; there are default"),
        ("~trainer={a: 1}", "~trainer={a: 1}: names no option; there are default"),
        ("schedule=[[1]]", "schedule=[[1]]: names no option; there are default"),
        ("trainer.threads=100000000000000000000", "trainer.threads: must be less than or equal to 1024"),
        ("trainer.threads=1e20", "trainer.threads: must be a valid integer"),
        ("data.samples=1000000000000", "data.samples: must be less than or equal to 2147483647"),
        (
            "trainer.warm_up_steps=9223372036854775808",
            "trainer.warm_up_steps: must be a whole number of",
        ),
        ("evaluation.edit.strengths=[1e308]", "evaluation.edit.strengths.0: must be "),
        ("trainer.learning_rate=1e308", "trainer.learning_rate: must be at most 1e+30 in size, got 1e+308"),
        ("cache='\0'", "cache: no file can have the name"),
        (f"cache={'a' * 300}", "cache: no file can have the name"),
        ("pretrained=~nobody-of-this-name/x", "pretrained: there is no user ~nobody-of-this-name"),
        ("hydra.run.dir='\0'", "hydra.run.dir: cannot make the folder \\x00 (embedded null byte)"),
        ("hydra.run.dir=/dev/null", "hydra.run.dir: cannot make the folder /dev/null (File exists)"),
        ("hydra.run.dir=???", "hydra.run.dir: cannot make the folder"),
    ],
)
def test_a_value_that_makes_no_sense_is_a_line(
    argument: str, told: str, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument]) == 2
    assert any(line.startswith(told) for line in said(capsys))
    assert not runs
