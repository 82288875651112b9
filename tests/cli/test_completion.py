"""``daexplore completion``: a real shell completes commands and options."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import call

BIN = Path(sys.executable).parent


def run(shell, script):
    environment = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [shell, *script], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def complete_in_bash(*words):
    """What bash offers for the last of the words: its own machinery calls the function that the
    script registered for the command.
    """
    line = " ".join(words)
    script = f"""
set -e
eval "$(daexplore completion bash)"
registered=$(complete -p daexplore)
name=${{registered#*-F }}; name=${{name%% *}}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}
"$name" daexplore '{words[-1]}' '{words[-2]}'
printf '%s\\n' "${{COMPREPLY[@]}}"
"""  # noqa: E501
    return run("bash", ["--norc", "--noprofile", "-c", script])


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_a_command():
    assert complete_in_bash("daexplore", "tr") == ["train"]
    assert {"export", "explain", "explore"} <= set(complete_in_bash("daexplore", "ex"))


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_the_options_of_a_command():
    options = complete_in_bash("daexplore", "train", "--")
    assert {"--data", "--method", "--epochs", "--seed", "--resume", "--set"} <= set(options)
    assert complete_in_bash("daexplore", "train", "--me") == ["--method", "--methods"]
    assert "--overwrite" in complete_in_bash("daexplore", "export", "--o")


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_leaves_files_to_itself():
    assert "-o default" in " ".join(
        run("bash", ["--norc", "-c", 'eval "$(daexplore completion bash)"; complete -p daexplore'])
    )


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_zsh_takes_the_script():
    script = (
        'autoload -Uz compinit && compinit -u -D; eval "$(daexplore completion zsh)"; print'
        " ${_comps[daexplore]}"
    )
    assert run("zsh", ["-f", "-c", script]) == ["_daexplore_completion"]


def test_the_function_for_zsh_offers_commands():
    environment = os.environ | {
        "_DAEXPLORE_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "daexplore tr",
    }
    done = subprocess.run(
        [BIN / "daexplore"], capture_output=True, text=True, timeout=60, env=environment
    )
    assert '"train"' in done.stdout
    assert '"evaluate"' not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_names_the_command(monkeypatch, capsys, shell):
    code, out, _ = call(monkeypatch, capsys, "completion", shell)
    assert code == 0
    assert "_DAEXPLORE_COMPLETE" in out
    assert ("#compdef daexplore" in out) == (shell == "zsh")


def test_another_shell_exits_with_2(monkeypatch, capsys):
    code, _, err = call(monkeypatch, capsys, "completion", "csh")
    assert code == 2
    assert "bash" in err


def test_completing_is_quick_because_nothing_heavy_is_imported():
    code = (
        "import sys\nfrom daexplore.cli import app\nslow = {'torch', 'pandas', 'panel', 'astropy',"
        " 'matplotlib', 'sklearn'} & set(sys.modules)\nsys.exit(', '.join(sorted(slow)) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
