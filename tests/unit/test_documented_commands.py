"""Every `comporta` command that the docs show exists, with its options; by click's own parser, nothing is run."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from comporta.cli.group import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), ROOT / "examples/conversormpp/README.md"]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(comporta [^`]+)`")
OPERATORS = {"|", "||", "&&", ";", ">", ">>", "<", "&", "(", ")"}


def shown(page: Path) -> Iterator[str]:
    """The commands of a page: lines of its examples, and those in the text."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    for language, block in FENCED.findall(text):
        lines = scripts(block) if language == "yaml" else block.splitlines()
        for line in lines:
            if found := re.match(r"(?:\$ |! |if |exec )*(comporta\s.*)", line.strip()):
                yield found[1]
    yield from (found.replace("\n", " ") for found in INLINE.findall(FENCED.sub("", text)))


def scripts(text: str) -> list[str]:
    """The lines of every text in some YAML, such as the scripts of a pipeline."""
    found: list[str] = []

    def gather(node: object) -> None:
        if isinstance(node, dict):
            node = list(node.values())
        if isinstance(node, list):
            for each in node:
                gather(each)
        elif isinstance(node, str):
            found.extend(node.splitlines())

    yaml = YAML(typ="safe")
    yaml.allow_duplicate_keys = True  # an example may show two ways to write a key
    for document in yaml.load_all(text):
        gather(document)
    return found


def spelled(line: str) -> Iterator[list[str]]:
    """The words of the command, once for each of its alternatives (`maintenance on|off`)."""
    lexer = shlex.shlex(line.replace("[", "").replace("]", "").replace("…", ""), posix=True, punctuation_chars="();<>&")
    lexer.whitespace_split = True
    words = list(itertools.takewhile(lambda word: word not in OPERATORS and not word.startswith("#"), lexer))
    for alternative in itertools.product(*(word.split("|") for word in words)):
        yield list(alternative[1:])


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """
    Raises:
        click.UsageError: there is no such verb or option, or there are too many words.
    """
    with click.Context(command, parent=parent, info_name=command.name) as context:
        given, rest, _ = command.make_parser(context).parse_args(words)
        if isinstance(command, click.Group):
            if rest:
                _, verb, rest = command.resolve_command(context, rest)
                assert verb is not None
                parse(verb, rest, context)
            return
        if rest:
            raise click.UsageError(f"unexpected words: {' '.join(rest)}")
        for choice in (param for param in command.params if isinstance(param.type, click.Choice)):
            values = given.get(choice.name)
            for value in [values] if isinstance(values, str) else values if isinstance(values, list) else []:
                choice.type.convert(value, choice, context)


SHOWN = [
    pytest.param(words, id=f"{page.relative_to(ROOT)}: {' '.join(words)}")
    for page in PAGES
    for line in dict.fromkeys(shown(page))
    for words in spelled(line)
]


@pytest.mark.parametrize("words", SHOWN)
def test_every_command_in_the_docs_exists(words: list[str]) -> None:
    parse(cli, words)


def test_a_command_that_does_not_exist_would_be_found() -> None:
    for words in (
        ["deply", "1.0.0"],
        ["deploy", "1.0.0", "--stratgy", "canary"],
        ["status", "1.0.0"],
        ["release", "x"],
    ):
        with pytest.raises(click.UsageError):
            parse(cli, words)
