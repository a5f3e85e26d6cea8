"""Saved SQL: what passes, what is refused with which code, and the order that is added."""

import pytest

from paquebot.errors import SourceError
from paquebot.sources.lake.statement import LONGEST_STATEMENT, check, ordered

TABLES = {
    "municipalities": ("code", "name", "email", "region", "population", "user"),
    "subscriptions": ("code", "newsletter", "opt_in", "effective_on"),
    "regions": ("region",),
}
UNSUBSCRIBED = (
    "select m.code, m.email, s.newsletter, s.effective_on from municipalities m join subscriptions s using (code) "
    "where s.opt_in = 0 order by m.code, s.newsletter"
)


def refusal(sql: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        check(sql, TABLES)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


def test_the_query_of_unsubscribed_people_reads_two_tables():
    statement = check(UNSUBSCRIBED, TABLES)
    assert statement.tables == ("municipalities", "subscriptions")
    assert statement.parameters == ()


@pytest.mark.parametrize(
    "sql",
    [
        "with big as (select * from municipalities where population > 100000) select name from big union all select 'x'",
        "with a as (select 1 x), b as (select x + 1 y from a) select * from a, b",
        "select *, row_number() over (partition by region order by population desc) from municipalities",
        "select region, count(*), sum(code) filter (where code > 1) from municipalities group by all having count(*) > 1",
        "select region, rank() over w from municipalities window w as (order by population) qualify rank() over w < 3",
        "select cast(code as decimal(10,2)), code::varchar[], try_cast(name as int), 'a'::enum('a') from municipalities",
        "select code from municipalities except select code from subscriptions intersect select code from subscriptions",
        "select * from municipalities m, lateral (select count(*) n from subscriptions s where s.code = m.code) c",
        "select case when opt_in = 1 then 'yes' else 'no' end, coalesce(opt_in, 0), opt_in in (0, 1) from subscriptions",
        "select name like 'a%' escape '!', name ilike 'b', name similar to 'c', -code, not name is null from municipalities",
        "select [x + 1 for x in [1, 2] if x > 1], list_transform([1], lambda x: x + 1), {'a': 1}.a, map {'k': 1}['k']",
        "select extract(year from effective_on), effective_on - interval 3 day, date '2026-01-01' from subscriptions",
        "select * exclude (email) replace (upper(name) as name), columns('c.*') from municipalities",
        "select distinct on (region) region, name from municipalities order by region, population desc limit 5 offset 1",
        "select user from municipalities",
        "select m.now from municipalities m",
        "select age(effective_on, date '2026-01-01') from subscriptions",
        "select 'select now() from x; drop table y', \"name\" from municipalities -- ; delete from municipalities",
        "select * from range(10) r(n), unnest([1, 2]) u(v)",
        "values (1, 'a')",
        "from MUNICIPALITIES select Name;",
        "with municipalities as (select * from municipalities) select * from municipalities",
        "select exists (select 1 from subscriptions s where s.code = m.code) from municipalities m",
    ],
)
def test_ordinary_queries_pass(sql):
    check(sql, TABLES)


def test_parameters_used_are_named():
    statement = check("select * from subscriptions where effective_on > $since and effective_on <= $run_date", TABLES)
    assert statement.parameters == ("run_date", "since")


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", "query.not_one_select"),
        ("-- nothing", "query.not_one_select"),
        ("select 1; select 2", "query.not_one_select"),
        ("select 1; drop table municipalities", "query.not_one_select"),
        ("delete from municipalities", "query.not_one_select"),
        ("update municipalities set name = ''", "query.not_one_select"),
        ("insert into municipalities select * from municipalities", "query.not_one_select"),
        ("merge into municipalities using subscriptions on true when matched then delete", "query.not_one_select"),
        ("create table x as select 1", "query.not_one_select"),
        ("with x as (delete from municipalities returning *) select * from x", "query.not_one_select"),
        ("select 1 into x", "query.not_one_select"),
        ("explain select 1", "query.not_one_select"),
        ("call pragma_version()", "query.not_one_select"),
        ("pivot subscriptions on newsletter", "query.not_one_select"),
        ("describe municipalities", "query.construct_refused"),
        ("show tables", "query.construct_refused"),
        ("from (summarize municipalities)", "query.construct_refused"),
        ("with recursive t as (select 1 union all select * from t) select * from t", "query.construct_refused"),
        ("select * from municipalities at (version => 1)", "query.construct_refused"),
        ("select * from municipalities tablesample 10%", "query.construct_refused"),
        ("select * from municipalities using sample 3", "query.construct_refused"),
        ("select name::main.secret_type from municipalities", "query.construct_refused"),
        ("selec 1", "query.syntax"),
        ("select limit 3", "query.syntax"),
        ("select 1\0; drop table municipalities", "query.syntax"),
        ("select * from people", "query.unknown_table"),
        ("select * from main.municipalities", "query.unknown_table"),
        ("select * from lake.main.municipalities", "query.unknown_table"),
        ("select * from (with b as (select 1) select * from b), b", "query.unknown_table"),
        ("with a as (select * from a) select * from a", "query.unknown_table"),
        ("select (select max(x) from hidden)", "query.unknown_table"),
        ("select ?", "query.unknown_parameter"),
        ("select $1", "query.unknown_parameter"),
        ("select $password", "query.unknown_parameter"),
        ("select $since, ?", "query.unknown_parameter"),
        ("select now()", "query.volatile_function"),
        ("select NOW", "query.volatile_function"),
        ("select current_date", "query.volatile_function"),
        ("select current_timestamp", "query.volatile_function"),
        ("select localtime", "query.volatile_function"),
        ("select today()", "query.volatile_function"),
        ("select random()", "query.volatile_function"),
        ("select uuid()", "query.volatile_function"),
        ("select gen_random_uuid()", "query.volatile_function"),
        ("select age(effective_on) from subscriptions", "query.volatile_function"),
        ("select 1 from regions order by random()", "query.volatile_function"),
        ("select 1 from regions limit (select random())", "query.volatile_function"),
        ("select count(*) filter (where random() > 0) from regions", "query.volatile_function"),
        ("select sum(1) over (order by now()) from regions", "query.volatile_function"),
        ("select current_user", "query.function_refused"),
        ("select user from subscriptions", "query.function_refused"),
        ("select system.main.abs(1)", "query.function_refused"),
        ("select list_aggregate([1], 'max')", "query.function_refused"),
        ("select error(name) from municipalities", "query.function_refused"),
        ("select not_a_function(1)", "query.function_refused"),
        ("select " + "+".join("1" * 900), "query.too_long"),
        ("select 1 " + " " * LONGEST_STATEMENT, "query.too_long"),
    ],
)
def test_everything_else_is_refused_by_its_code(sql, code):
    assert refusal(sql).code == code


def test_an_unknown_table_comes_with_the_nearest_one():
    error = refusal("select * from municipality")
    assert error.parameters == {
        "table": "municipality",
        "nearest": "municipalities",
        "known": "municipalities, regions, subscriptions",
    }


def test_a_mistake_is_pointed_at_without_quoting_values():
    error = refusal("select code,\n  name frm 'Marie Tremblay'\nfrom municipalities")
    assert error.parameters == {"line": 2, "column": 12, "near": ""}


def test_a_volatile_function_leads_to_the_date_of_the_run():
    assert "$run_date" in refusal("select current_date").hint


@pytest.mark.parametrize(
    ("sql", "columns", "expected"),
    [
        ("select code, name from municipalities", 2, "ORDER BY 1, 2"),
        ("select code from municipalities order by population desc nulls first", 1, "ORDER BY population DESC NULLS FIRST, 1"),
        ("select code from municipalities limit 3", 1, "ORDER BY 1 LIMIT 3"),
        ("select code from municipalities order by name limit 3 offset 1", 1, 'ORDER BY "name", 1 LIMIT 3 OFFSET 1'),
        ("select code, name from municipalities order by all", 2, "ORDER BY COLUMNS(*)"),
        ("select distinct code from municipalities", 1, "SELECT DISTINCT code FROM municipalities ORDER BY 1"),
        ("select code from municipalities union select code from subscriptions", 1, "ORDER BY 1"),
        ("with a as (select code from municipalities order by 1) select code from a", 1, "FROM a ORDER BY 1"),
        ("select region, count(*) from municipalities group by region order by 2 desc", 2, "ORDER BY 2 DESC, 1, 2"),
    ],
)
def test_the_order_is_completed_with_every_column(sql, columns, expected):
    assert ordered(check(sql, TABLES).tree, columns).endswith(expected)
