"""The French catalogue and the texts of the sources it must hold.

Run as a program it brings the catalogue up to date: entries of `parts/*.po` are folded in (and the parts removed), texts new in
the sources get an empty translation, places and order follow the sources, apostrophes and spaces are set as French sets them.
Entries nothing in the sources asks for any more are
told, and dropped with `--prune`. The exit code is 1 while anything is untranslated or left over.

A text counts when it stands as a literal in `Problem(…)`, `Option(…)`, `Section(…)` or in a call of `_`, `translate` or
`translatable`. Texts kept in tables are marked with `translatable("…")` where they stand. In a template it stands in
`{% say "…" %}`, `{% translate "…" %}`, `{% counted n one="…" many="…" %}` or `_("…")`.
"""

from __future__ import annotations

import argparse
import ast
import re
import string
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babel.messages.pofile import normalize, read_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src" / "paquebot"
CATALOGUE = SOURCES / "locale" / "fr" / "LC_MESSAGES" / "django.po"
PARTS = SOURCES / "locale" / "fr" / "parts"

HEADER = r"""# French texts of Paquebot. Brought up to date with the sources by `make messages`.
msgid ""
msgstr ""
"Project-Id-Version: paquebot\n"
"Language: fr\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"
"""

DECLARATIONS = {
    "Problem": (("message", 1), ("hint", 2)),
    "Option": (("explanation", 1),),
    "Section": (("explanation", 1),),
}
OPTIONAL = {"Option": ("label", "choice_labels", "risk"), "Section": ("label",)}
"""What else of them people read, where it is given."""
TEMPLATE_TAG = re.compile(r"\{%\s*(say|translate|counted)\b(.*?)%\}", re.DOTALL)
TEMPLATE_LITERAL = re.compile(r'^\s*"([^"]*)"|\b(?:one|many)="([^"]*)"')
TEMPLATE_CONSTANT = re.compile(r'_\("([^"]*)"\)')
FORBIDDEN_TAG = re.compile(r"\{%\s*(blocktrans|blocktranslate|trans)\b")
"""What is declared as data → its arguments that people read: their names and positions."""
TRANSLATIONS = {"_", "translate", "translatable", "gettext", "gettext_lazy"}


@dataclass(frozen=True)
class Texts:
    """What the sources say to people."""

    places: dict[str, list[str]] = field(default_factory=dict)
    """Text → the files it stands in, in the order of the sources."""
    problems: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Place, code, message and hint of every `Problem`."""
    unclear: list[str] = field(default_factory=list)
    """Places whose text is not a literal, so that nobody can translate it."""


def collect(sources: Path = SOURCES) -> Texts:
    """Every text of the Python files under `sources`."""
    texts = Texts()
    for file in sorted(sources.rglob("*.py")):
        place = file.relative_to(sources.parent.parent).as_posix()
        calls = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
            _collect_call(call, place, texts)
    for file in sorted((sources / "web" / "templates").rglob("*.*")):
        _collect_template(file.read_text("utf-8"), file.relative_to(sources.parent.parent).as_posix(), texts)
    return texts


def fields(template: str) -> set[str]:
    """The names between braces; raises `ValueError` for a template that is none."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def typeset(french: str) -> str:
    """The text with typographic apostrophes, and no-break spaces where a line must not end."""
    curly = re.sub(r"(?<=[^\W\d_])'(?=[\w«{])", "’", french)
    return re.sub(r" (?=[:;?!%»])|(?<=«) ", "\u00a0", curly)


def read_catalogue(file: Path) -> dict[str, str]:
    """English text → French text, without the header."""
    with file.open("rb") as source:
        return {str(message.id): str(message.string) for message in read_po(source) if message.id}


def written(translations: Mapping[str, str], places: Mapping[str, list[str]]) -> str:
    """The catalogue as a file: the sources' texts in their order, then what is left over."""
    order = [*places, *sorted(set(translations) - set(places))]
    return "\n".join([HEADER, *(_entry(text, translations.get(text, ""), places.get(text, [])) for text in order)])


def main() -> int:
    """Brings the catalogue up to date and tells what is left to do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prune", action="store_true", help="drop what the sources no longer say")
    prune = parser.parse_args().prune
    texts = collect()
    files = [file for file in [CATALOGUE, *sorted(PARTS.glob("*.po"))] if file.exists()]
    translations = {text: typeset(french) for file in files for text, french in read_catalogue(file).items()}
    left_over = [text for text in translations if text not in texts.places]
    kept = {text: french for text, french in translations.items() if text in texts.places or not prune}
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_text(written(kept, texts.places), "utf-8")
    _remove_parts()
    missing = [text for text in texts.places if not translations.get(text)]
    _tell("Not translated yet", missing)
    _tell("Dropped" if prune else "In the catalogue but not in the sources", left_over)
    return 1 if missing or (left_over and not prune) else 0


def _collect_call(call: ast.Call, place: str, texts: Texts) -> None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    if name in TRANSLATIONS and call.args:
        _add(_literal(call.args[0]), place, texts)
    if name not in DECLARATIONS:
        return
    found = [_literal(_argument(call, *where)) for where in DECLARATIONS[name]]
    for text in found:
        _add(text, place, texts)
    for keyword in call.keywords:
        if keyword.arg in OPTIONAL.get(name, ()):
            for part in keyword.value.elts if isinstance(keyword.value, ast.Tuple) else (keyword.value,):
                _add(_literal(part), place, texts)
    if None in found:
        texts.unclear.append(f"{place}:{call.lineno}: {name} with a text that is not a literal")
    if name == "Problem":
        code = _literal(_argument(call, "code", 0))
        texts.problems.append((f"{place}:{call.lineno}", code or "", found[0] or "", found[1] or ""))


def _collect_template(source: str, place: str, texts: Texts) -> None:
    for number, line in enumerate(source.splitlines(), 1):
        if FORBIDDEN_TAG.search(line):
            texts.unclear.append(f"{place}:{number}: say it with {{% say %}} or {{% counted %}}")
    for tag, inside in TEMPLATE_TAG.findall(source):
        found = [first or other for first, other in TEMPLATE_LITERAL.findall(inside)]
        for text in found:
            _add(text, place, texts)
        if not found:
            texts.unclear.append(f"{place}: {tag} with a text that is not a literal")
    for text in TEMPLATE_CONSTANT.findall(source):
        _add(text, place, texts)


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
    return named or (call.args[position] if len(call.args) > position else None)


def _literal(expression: ast.expr | None) -> str | None:
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id in TRANSLATIONS:
        return _literal(expression.args[0])
    return expression.value if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else None


def _add(text: str | None, place: str, texts: Texts) -> None:
    if text:
        places = texts.places.setdefault(text, [])
        if place not in places:
            places.append(place)


def _entry(text: str, french: str, places: list[str]) -> str:
    return "".join(f"{line}\n" for line in _lines(text, french, places))


def _lines(text: str, french: str, places: list[str]) -> Iterator[str]:
    if places:
        yield f"#: {' '.join(places)}"
    yield f"msgid {normalize(text, width=10_000)}"
    yield f"msgstr {normalize(french, width=10_000)}"


def _remove_parts() -> None:
    for part in PARTS.glob("*.po"):
        part.unlink()
    if PARTS.exists() and not any(PARTS.iterdir()):
        PARTS.rmdir()


def _tell(title: str, texts: list[str]) -> None:
    if texts:
        print(f"{title}:", *(f"  {text}" for text in texts), sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
