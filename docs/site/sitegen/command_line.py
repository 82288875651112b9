"""The command line's reference, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer.main

from daexplore.cli import app
from sitegen.pages import Pages, table

__all__ = ["commands", "write"]


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, those of groups too."""
    yield from _within("daexplore", typer.main.get_command(app))


def write(pages: Pages) -> None:
    """Write reference/command-line.md."""
    found = list(commands())
    rows = [
        [f"[`{name}`](#{name.replace(' ', '-')})", _help(command).splitlines()[0]]
        for name, command in found
    ]
    parts = [
        _HEAD,
        table(["command", ""], rows),
        *(_section(name, command) for name, command in found),
    ]
    pages.write("reference/command-line.md", "\n".join(parts))


def _within(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for key, part in command.commands.items():
        yield from _within(f"{name} {key}", part)


def _help(command: Any) -> str:
    return str(command.help or "").strip()


def _section(name: str, command: Any) -> str:
    shown = [param for param in command.params if not param.hidden]
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    usage = " ".join([name, *(_placed(param) for param in arguments), "[OPTIONS]"])
    lines = [f"\n## {name}\n", _help(command), "", f"```text\n{usage}\n```\n"]
    if arguments:
        lines.append(
            table(["argument", ""], [[f"`{_placed(param)}`", _said(param)] for param in arguments])
        )
    if options:
        lines.append(
            table(["option", ""], [[f"`{_names(param)}`", _said(param)] for param in options])
        )
    return "\n".join(lines)


def _placed(param: Any) -> str:
    name = param.name.upper() + ("..." if param.nargs == -1 or param.multiple else "")
    return name if param.required else f"[{name}]"


def _names(param: Any) -> str:
    value = "" if getattr(param, "is_flag", False) else f" {_kind(param)}"
    return ", ".join(param.opts) + "".join(f" / {other}" for other in param.secondary_opts) + value


def _kind(param: Any) -> str:
    annotation = getattr(param.type_descriptor, "annotation", str)
    return {"int": "NUMBER", "float": "NUMBER", "Path": "PATH"}.get(
        getattr(annotation, "__name__", ""), "TEXT"
    )


def _said(param: Any) -> str:
    default = "" if callable(param.default) else param.default
    flag = getattr(param, "is_flag", False)
    if flag and not param.secondary_opts:
        default = ""
    if flag and param.secondary_opts:
        default = param.opts[0] if param.default else param.secondary_opts[0]
    parts = [param.help or ""]
    parts += [f"Default: `{default}`."] if default not in (None, "", (), []) else []
    parts += ["Can be given several times."] if param.multiple else []
    parts += [f"Also read from `{param.envvar}`."] if param.envvar else []
    return " ".join(parts)


_HEAD = """# Command line

Exit codes: 0 done, 2 bad input (one clear message on standard error), 130 interrupted (the run can be resumed), 1 a fault of daexplore's.
`daexplore COMMAND --help` says the same as this page.
"""
