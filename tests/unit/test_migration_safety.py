"""Static reading: nothing unsafe passes as safe, and what people write about a statement counts for it alone."""

from __future__ import annotations

import pytest

from comporta.model.migrations import Dialect, Harm, Hazard, Migration, Phase, Script, before_switch
from comporta.safety.assessing import assess
from comporta.safety.splitting import split
from support.corpus import Case, cases

CORPUS = cases()


def migration(sql: str, revision: str = "1", line: int = 1) -> Migration:
    scripts = (Script(sql=sql, line=line),)
    return Migration(revision=revision, title="", file=f"{revision}.up.sql", scripts=scripts, reversible=True)


def hazards(sql: str, dialect: Dialect = Dialect.POSTGRESQL) -> list[tuple[str, int]]:
    return [(hazard.rule, hazard.line) for hazard in assess([migration(sql)], dialect)[0].hazards]


def test_the_corpus_is_as_large_as_it_was_promised() -> None:
    assert len(CORPUS) >= 60
    assert sum(case.safe for case in CORPUS) >= 20


@pytest.mark.parametrize("case", [case for case in CORPUS if not case.safe], ids=lambda case: case.name)
def test_nothing_unsafe_passes_as_safe(case: Case) -> None:
    found = case.assess().stopping
    assert {hazard.harm for hazard in found} >= case.harms, case.because
    assert all(hazard.message and hazard.remedy for hazard in found)


@pytest.mark.parametrize("case", [case for case in CORPUS if case.safe], ids=lambda case: case.name)
def test_nothing_safe_raises_an_alarm(case: Case) -> None:
    assert case.assess().stopping == (), case.because


def test_a_hazard_names_the_line_its_statement_begins_in() -> None:
    text = "-- first\n\nSELECT 1;\n\n/* two\nlines */ ALTER TABLE t\n  DROP COLUMN a;\nDROP TABLE u;\n"
    assert hazards(text) == [("drop-column", 6), ("drop", 8)]


def test_a_parameter_does_not_shift_the_lines_after_it() -> None:
    assert hazards("PREPARE p AS SELECT $1;\nSELECT 1;\nDROP TABLE u;\n")[-1] == ("drop", 3)


def test_lines_count_from_where_the_sql_stands_in_its_file() -> None:
    found = assess([migration("SELECT 1;\nDROP TABLE u", line=40)], Dialect.POSTGRESQL)[0].hazards
    assert [hazard.line for hazard in found] == [41]


def test_statements_are_split_outside_of_strings_comments_and_bodies() -> None:
    text = (
        "SELECT 'a;b', E'it\\'s; x', $a$;$a$ /* ; /* ; */ */;\n"
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n"
        'CREATE TABLE t ("begin" int);\nSELECT 3'
    )
    lines = [statement.line for statement in split(Script(sql=text), Dialect.POSTGRESQL)]
    assert lines == [1, 2, 3, 4]
    assert [statement.sql for statement in split(Script(sql=text), Dialect.POSTGRESQL)][-1] == "SELECT 3"


def test_a_script_of_comments_has_no_statement() -> None:
    assert split(Script(sql="-- nothing\n;;\n"), Dialect.POSTGRESQL) == []
    assert hazards("") == []


def test_a_reason_waives_the_hazards_of_its_statement_and_they_stay_visible() -> None:
    text = "-- comporta: safe because nobody reads a\nALTER TABLE t DROP COLUMN a;\nALTER TABLE t DROP COLUMN b;"
    found = assess([migration(text)], Dialect.POSTGRESQL)[0]
    assert [(hazard.rule, hazard.line) for hazard in found.waived] == [("drop-column", 2)]
    assert [(hazard.rule, hazard.line) for hazard in found.stopping] == [("drop-column", 3)]


@pytest.mark.parametrize("note", ["safe", "safe because", "safe because  ", "save because x", "contract now"])
def test_an_annotation_that_says_nothing_is_told(note: str) -> None:
    assert ("no-reason", 2) in hazards(f"-- comporta: {note}\nALTER TABLE t DROP COLUMN a;")


def test_what_waits_for_the_watch_window_may_break_the_earlier_release_but_not_block() -> None:
    drops, rewrites = "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ALTER COLUMN a TYPE bigint"
    waiting = assess([migration(f"-- comporta: contract\n{drops}")], Dialect.POSTGRESQL)[0]
    assert (waiting.phase, waiting.stopping) == (Phase.CONTRACT, ())
    assert [hazard.rule for hazard in waiting.hazards] == ["drop-column"]
    blocking = assess([migration(f"-- comporta: contract\n{rewrites}")], Dialect.POSTGRESQL)[0]
    assert {hazard.harm for hazard in blocking.stopping} == {Harm.BLOCKS}


def test_what_comes_before_the_switch_cannot_stand_after_what_waits() -> None:
    first, last = migration("CREATE TABLE t (id int)", "1"), migration("CREATE TABLE v (id int)", "3")
    waiting = migration("-- comporta: contract\nDROP TABLE u", "2")
    found = assess([first, waiting, last], Dialect.POSTGRESQL)
    assert [[hazard.rule for hazard in one.stopping] for one in found] == [[], [], ["order"]]
    assert before_switch(found) == (first,)
    assert before_switch(assess([first, last], Dialect.POSTGRESQL)) == (first, last)


def test_a_migration_whose_sql_is_unknown_is_not_safe() -> None:
    unknown = Migration(revision="1", title="", file="1.py", scripts=None, reversible=True)
    assert [hazard.rule for hazard in assess([unknown], Dialect.POSTGRESQL)[0].stopping] == ["no-sql"]


def test_a_second_reader_is_heard_where_ours_is_silent() -> None:
    def said(line: int) -> Hazard:
        return Hazard(file="1.up.sql", line=line, rule="other", harm=Harm.BREAKS, message="m", remedy="r")

    text = "SELECT 1;\nDROP TABLE u;\n-- comporta: safe because x\nSELECT 2;"
    found = assess([migration(text)], Dialect.POSTGRESQL, {"1": [said(1), said(2), said(4)]})[0]
    assert [(hazard.rule, hazard.line) for hazard in found.hazards] == [("other", 1), ("drop", 2)]
    assert [hazard.line for hazard in found.waived] == [4]
