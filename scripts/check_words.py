"""Check the words of code, texts and commits: `python scripts/check_words.py [folder …]`, part of `make lint`.

A docstring begins with an imperative or a noun phrase, a name says what the thing is, no text has a phrase that was
replaced by a term of the field, and the subject of a commit is an imperative of at most 69 characters. Without folders
everything is checked.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    *("contracts", "portfolio", "rules", "adapters", "web", "consumer", "scripts", "tests"),
    *("docs", "k8s", "keda", "README.md", "CONTRIBUTING.md", "SECURITY.md"),
)
UNCHECKED = {"check_words.py", "test_words.py"}  # they quote faults
FIRST_WORDS = frozenset(
    ("What", "How", "Whether", "Where", "That", "As", "Those", "Who", "Which")
)
NAMES = frozenset(
    "found asked held known told said shown wanted given beside own near".split()  # noqa: SIM905
)
TEXTS = (".py", ".html", ".js", ".css", ".md", ".yaml")
# phrases of pages, messages and documents, with the terms that replaced them
PHRASES = {
    "worst fall": "max drawdown",
    "growth a year": "annual return",
    "won per lost": "profit factor",
    "time invested": "time in market",
    "growth per exposure": "return per time in market",
    "holding the same share": "a constant position",
    "chance alone": "luck alone",
    "numbers and pictures": "downloads",
    "for ever ": "forever",
    "turned round": "reversed",
    "likelier": "more likely",
    "cannot be meant": "is invalid",
}
SUBJECT_LENGTH = 69  # characters
BEFORE_THE_CHECK = "b2f1958b"  # a commit, whose history has longer subjects
NO_VERB = FIRST_WORDS | {
    "A",
    "An",
    "The",
    "This",
    "It",
    "If",
    "When",
    "Why",
    "In",
    "On",
    "Of",
    "For",
}
LOOKS_INFLECTED = ("ing", "ed")
VERBS_IN_THEM = frozenset(
    {"Bring", "Embed", "Exceed", "Feed", "Need", "Ping", "Proceed", "Seed", "Shed", "Speed"}
)


def faults_of_code(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the description of each fault of a module."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first_word = (ast.get_docstring(node) or "-").split()[0].strip(":,;.")
            if first_word in FIRST_WORDS:
                yield line, f"a docstring begins with {first_word!r}; begin with a verb or a noun"
        name = _defined_name(node)
        if name.strip("_") in NAMES:
            yield line, f"the name {name!r} does not say what the thing is"


def faults_of_text(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the description of each phrase that has a better term."""
    for line, words in enumerate(text.lower().splitlines(), start=1):
        for phrase, term in PHRASES.items():
            if phrase in words:
                yield line, f"the phrase {phrase!r}; write {term!r}"


def _defined_name(node: ast.AST) -> str:
    """Return the name that a node defines: of a variable, field, parameter, function or class; "" if none."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case (
            ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name)
        ):
            return name
    return ""


def check_folder(folder: str) -> bool:
    """Print the faults of a file, or of the files of a folder; return whether there are none."""
    passes = True
    for path in sorted({ROOT / folder, *(ROOT / folder).rglob("*")}):
        if (
            path.suffix not in TEXTS
            or path.name in UNCHECKED
            or ROOT / "web/site" in path.parents
        ):
            continue
        text = path.read_text("utf-8")
        faults = [*faults_of_text(text), *(faults_of_code(text) if path.suffix == ".py" else ())]
        for line, fault in faults:
            print(f"{path.relative_to(ROOT).as_posix()}:{line}: {fault}")
            passes = False
    return passes


def fault_of_subject(subject: str) -> str | None:
    """Return what is wrong with the first line of a commit's message, or None."""
    if len(subject) > SUBJECT_LENGTH:
        return f"{len(subject)} characters; at most {SUBJECT_LENGTH} are accepted"
    first_word = subject.split()[0].strip(":,;.") if subject.split() else ""
    if not first_word[:1].isupper() or first_word in NO_VERB:
        return f"begins with {first_word!r}; begin with an imperative, such as 'Reject blank tickers'"
    if first_word.endswith(LOOKS_INFLECTED) and first_word not in VERBS_IN_THEM:
        return f"begins with {first_word!r}; write the imperative, such as 'Reject blank tickers'"
    return None


def recent_subjects() -> list[str]:
    """Return the subjects of main..HEAD, or of the last commit where main is not known; none outside a full clone."""
    if _git("rev-parse", "--is-shallow-repository").strip() != "false":
        return []
    subjects = _git("log", "--no-merges", "--format=%s", "HEAD", "^main", f"^{BEFORE_THE_CHECK}")
    return (subjects or _git("log", "--no-merges", "--format=%s", "-1")).splitlines()


def _git(*arguments: str) -> str:
    """Return git's output, empty when it fails or is not installed."""
    try:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return ""


def check_subjects() -> bool:
    """Print the faults of recent commits' subjects; return whether there are none."""
    faults = [
        (subject, fault) for subject in recent_subjects() if (fault := fault_of_subject(subject))
    ]
    for subject, fault in faults:
        print(f"commit {subject!r}: {fault}")
    return not faults


def main(folders: list[str]) -> int:
    """Check the folders, or all of them and the commits; return 1 when there is a fault."""
    passes = [check_folder(each) for each in folders or FOLDERS]
    if not folders:
        passes.append(check_subjects())
    return 0 if all(passes) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
