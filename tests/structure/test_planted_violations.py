"""Each rule finds what it is there for: a bad file is planted, the finding read."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure import rules, vocabulary
from tests.structure.rules import Rule
from tests.structure.tree import ROOT, Tree

DOC = '"""Docs."""\n'
LONG_FUNCTION = "def f() -> None:\n" + "    print()\n" * 40
EVENT = '\n\nclass Lost(Event):\n    NAME: ClassVar[str] = "lost.v1"\n'
ROW = 'title = "Hỏng"\ntitle_en = "Broken"\nhint = "Thử lại."\nhint_en = "Again."\n'
# Spelt so that this file is not found itself.
STAR = " *"
HOST = "py" + "pi.org"
HOME = "/ro" + "ot/project"

PLANTED: list[tuple[Rule, str, str, str]] = [
    (rules.modules_are_short, "services/docs/x.py", DOC + "\n" * 300, "301 lines"),
    (rules.functions_are_short, "infra/x.py", DOC + LONG_FUNCTION, "f has 41 lines"),
    (rules.modules_say_what_they_own, "shared/x.py", "x = 1\n", "no module docstring"),
    (rules.modules_say_what_they_own, "tests/x.py", '"""A.\n\nB.\nC.\nD.\n"""\n', "longer than 3"),
    (rules.shared_stays_small, "shared/x.py", DOC + "\n" * 7_704, "7705 lines of 7704"),
    (rules.shared_stays_small, "shared/x.py", DOC, "more than 25%"),
    (rules.names_say_something, "services/docs/helpers.py", DOC, "excludes nothing"),
    (rules.sql_stands_in_stores, "services/docs/api.py", 'x = "select id from t"\n', "SQL outside"),
    (rules.sql_stands_in_stores, "shared/http.py", 'x = f"update {t} set a=1"\n', "SQL outside"),
    (rules.sql_stands_in_stores, "infra/demo/x.py", 'x = "delete from t"\n', "SQL outside"),
    (rules.no_select_star, "services/docs/store.py", f'x = "select{STAR} from t"\n', "name the"),
    (rules.no_select_star, "tests/x.py", f'x = "returning{STAR}"\n', "name the"),
    (rules.no_select_star, "services/docs/migrations/1.sql", f"SELECT{STAR}\nFROM t;", "name the"),
    (
        rules.what_is_kept_is_of_the_database_s_clock,
        "services/notify/x.py",
        DOC + "now = datetime.now(UTC)\n",
        "this process's clock",
    ),
    (
        rules.what_is_kept_is_of_the_database_s_clock,
        "services/signing/x.py",
        DOC + "now = int(time.time())\n",
        "this process's clock",
    ),
    (rules.tests_run, "tests/x.py", "@pytest.mark.skip\ndef test_x(): ...\n", "mark.skip"),
    (rules.tests_run, "tests/x.py", 'def test_x(): pytest.skip("no")\n', "pytest.skip"),
    (
        rules.the_proof_stands_outside,
        "tests/proof/x.py",
        DOC + "def f() -> None:\n    from shared.chain import link\n",
        "imports shared.chain",
    ),
    (
        rules.the_proof_stands_outside,
        "tests/proof/x.py",
        DOC + "from tests import fixtures\n",
        "imports tests.fixtures",
    ),
    (
        rules.the_proof_stands_outside,
        "tests/proof/x.py",
        DOC + "import tests.kafka.conftest\n",
        "imports tests.kafka.conftest",
    ),
    (
        rules.the_proof_stands_outside,
        "tests/proof/x.py",
        DOC + "from infra import client\n",
        "imports infra.client",
    ),
    (rules.no_hosts_or_paths_of_this_machine, "README.md", f"see {HOST}", "package registry"),
    (rules.no_hosts_or_paths_of_this_machine, "Makefile", f"x: {HOME}", "one machine"),
    (
        vocabulary.events_have_topic_and_schema,
        vocabulary.EVENTS,
        DOC + EVENT,
        "Lost stands on no topic",
    ),
    (vocabulary.events_have_topic_and_schema, vocabulary.EVENTS, DOC + EVENT, "lost.v1.json"),
    (
        vocabulary.span_attributes_are_listed,
        "services/docs/x.py",
        'x = {"lienthong.document.subject": 1}\n',
        "lienthong.document.subject is not in",
    ),
    (
        vocabulary.span_attributes_are_listed,
        "infra/x.py",
        'span.set_attribute("lienthong.subject", 1)\n',
        "lienthong.subject is not in",
    ),
    (
        vocabulary.problem_codes_are_in_the_table,
        "services/docs/x.py",
        'raise Problem("DOC-4999")\n',
        "DOC-4999 is not in",
    ),
    (
        vocabulary.problem_codes_are_in_the_table,
        vocabulary.PROBLEMS,
        f"[DOC-4221]\nstatus = 409\n{ROW}",
        "does not carry its status",
    ),
    (
        vocabulary.problem_codes_are_in_the_table,
        vocabulary.PROBLEMS,
        '[DOC-4221]\nstatus = 422\ntitle = "Hỏng"\n',
        "needs exactly",
    ),
    (vocabulary.readme_names_what_is_there, "README.md", "`make dance`", "no `make dance`"),
    (vocabulary.readme_names_what_is_there, "README.md", "`docs/gone.py`", "no services/docs/gone"),
]


@pytest.mark.parametrize(
    ("rule", "path", "text", "finding"),
    PLANTED,
    ids=[f"{row[0].__name__}-{row[1]}-{row[3]}".replace(" ", "_") for row in PLANTED],
)
def test_a_planted_violation_is_found(
    tmp_path: Path, rule: Rule, path: str, text: str, finding: str
) -> None:
    _plant(tmp_path, "Makefile", "test:\n")
    for needed in (vocabulary.EVENTS, vocabulary.TOPICS, vocabulary.PROBLEMS, vocabulary.TELEMETRY):
        _plant(tmp_path, needed, "")
    _plant(tmp_path, path, text)

    found = list(rule(Tree(tmp_path)))

    assert any(finding in sentence for sentence in found), found


CONTRACTS = [
    ("services/docs/accept.py", "services.notify", "Services know each other only through events"),
    ("shared/ids.py", "services.docs", "shared never imports a service"),
    ("services/docs/accept.py", "aiokafka", "Only shared.kafka touches aiokafka"),
    ("services/docs/store/agencies.py", "services.docs.accept", "docs reads top-down"),
    ("services/notify/mailbox.py", "services.notify.api", "notify reads top-down"),
    ("services/gateway/store/points.py", "services.gateway.issue", "gateway reads top-down"),
    ("services/signing/verdict.py", "services.signing.api", "signing reads top-down"),
    ("services/docs/turns.py", "asyncpg", "Domain modules are pure"),
]


@pytest.mark.parametrize(("path", "imported", "contract"), CONTRACTS, ids=[c[2] for c in CONTRACTS])
def test_a_planted_import_breaks_its_contract(
    tmp_path: Path, path: str, imported: str, contract: str
) -> None:
    copy_packages(tmp_path)
    planted = tmp_path / path
    _plant(tmp_path, path, planted.read_text(encoding="utf-8") + f"\nimport {imported}\n")

    run = lint_imports(tmp_path)

    assert run.returncode == 1, run.stdout + run.stderr
    assert f"{contract} BROKEN" in run.stdout, run.stdout


def test_a_new_module_must_be_put_into_its_layer(tmp_path: Path) -> None:
    copy_packages(tmp_path)
    _plant(tmp_path, "services/docs/odds.py", DOC)

    run = lint_imports(tmp_path)

    assert run.returncode == 1, run.stdout + run.stderr
    assert "services.docs.odds" in run.stdout, run.stdout


def copy_packages(root: Path) -> None:
    """Copy what the contracts speak of."""
    for package in ("services", "shared"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, root / package, ignore=leave_out)
    shutil.copy(ROOT / "pyproject.toml", root)


def lint_imports(root: Path) -> "subprocess.CompletedProcess[str]":
    """Run import-linter on a tree."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def _plant(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
