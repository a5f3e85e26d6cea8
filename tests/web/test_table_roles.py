"""What a table is to its project, and how it goes: told beside the field, refused while something relies on it."""

import re

from fixtures.stocked import make_export

TABLES = "/p/letters/data/tables/"


def version_of_role(page):
    return re.search(r'name="version" value="([0-9a-f]{20})"', page.text.split('/role/"')[1])[1]


def saved(visitor, table, **choice):
    page = visitor.get(f"{TABLES}{table}/")
    return visitor.post(f"{TABLES}{table}/role/", {"version": version_of_role(page), **choice})


def test_a_table_becomes_the_contact_list_with_its_email_column_unless_exports_send_another(stocked):
    from paquebot.records.models import Table

    export = make_export(stocked.project)
    refused = saved(stocked.alice, "orders", is_contact_list="on", key="order_id")
    assert refused.status_code == 422
    told = refused.text.split('id="id_is_contact_list_error"')[1].split("</div>")[0]
    assert "“people” is the contact list, and these exports send it: The daily." in told
    export.delete()
    assert saved(stocked.alice, "orders", is_contact_list="on", key="order_id", email="id").status_code == 302
    assert set(Table.objects.values_list("name", "is_contact_list", "email")) == {("orders", True, "id"), ("people", False, "")}


def test_a_relational_table_says_which_column_holds_the_contact(stocked):
    from paquebot.records.models import Table

    assert saved(stocked.alice, "orders", key="order_id", contact_column="id").status_code == 302
    assert Table.objects.get(name="orders").profile_of == {"contacts": "id"}
    assert "its contacts in id" in stocked.alice.get(f"{TABLES}orders/").text


def test_a_key_must_be_filled_and_tell_rows_apart(stocked):
    from paquebot.records.models import Table

    repeated = saved(stocked.alice, "orders", key="id")
    assert "Several rows of “orders” have the same value in id." in repeated.text.split('id="id_key_error"')[1]
    empty = saved(stocked.alice, "people", key="city", is_contact_list="on")
    assert "Some rows of “people” have nothing in the column “city”." in empty.text.split('id="id_key_error"')[1]
    none = saved(stocked.alice, "orders")
    assert "has no key." in none.text.split('id="id_key_error"')[1]
    assert saved(stocked.alice, "orders", key=["order_id", "id"]).status_code == 302
    assert Table.objects.get(name="orders").key == ["order_id", "id"]


def test_only_owners_change_what_a_table_is(stocked):
    assert stocked.bob.post(f"{TABLES}orders/role/", {}).status_code == 403
    assert stocked.bob.post(f"{TABLES}orders/delete/", {}).status_code == 403
    assert "/role/" not in stocked.bob.get(f"{TABLES}orders/").text


def test_a_table_is_deleted_with_its_rows_but_not_while_an_export_or_a_query_reads_it(stocked, served):
    from paquebot.records.models import Query, Table
    from paquebot.records.queries import add_query
    from paquebot.records.reading import ask
    from paquebot.records.tables import table_facts

    add_query(served, stocked.project, "spenders", "select id from orders")
    export = make_export(stocked.project, content={"table": "orders"})
    page = stocked.alice.get(f"{TABLES}orders/")
    sent = {"version": version_of_role(page)}
    assert "Not while an export uses it:" in page.text
    assert "is used by The daily." in stocked.alice.post(f"{TABLES}orders/delete/", sent, follow=True).text
    export.delete()
    assert "Not while a query reads it:" in stocked.alice.get(f"{TABLES}orders/").text
    assert "these queries read it: spenders." in stocked.alice.post(f"{TABLES}orders/delete/", sent, follow=True).text
    Query.objects.all().delete()
    told = stocked.alice.post(f"{TABLES}orders/delete/", sent, follow=True).text
    assert "The table “orders” is deleted." in told
    assert list(Table.objects.values_list("name", flat=True)) == ["people"]
    assert ask(served, stocked.project, "select count(*) as n from people").sample == ((3,),)
    assert table_facts(Table.objects.get()).rows == 3
