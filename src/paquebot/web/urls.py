"""Addresses of the pages, in English whatever the page speaks."""

from django.urls import path

from paquebot.web import closed_days, destinations, health, history, home, keys, preferences, projects, searching
from paquebot.web.data import importing, overview, queries, tables
from paquebot.web.exports import actions, beside, listing
from paquebot.web.exports import page as export_page
from paquebot.web.people import passwords, signing_in
from paquebot.web.runs import acts, files
from paquebot.web.runs import page as run_page

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("welcome/", signing_in.welcome, name="welcome"),
    path("sign-in/", signing_in.sign_in, name="sign_in"),
    path("sign-in/forgotten/", passwords.forgotten, name="forgotten"),
    path("sign-in/forgotten/sent/", passwords.sent, name="forgotten_sent"),
    path("sign-in/password/<uidb64>/<token>/", passwords.another, name="other_password"),
    path("sign-in/password-changed/", passwords.changed, name="password_changed"),
    path("sign-out/", signing_in.sign_out, name="sign_out"),
    path("preferences/", preferences.choose, name="preferences"),
    path("", home.home, name="home"),
    path("projects/new/", projects.new, name="new_project"),
    path("p/<slug:project>/", home.project_home, name="project_home"),
    path("p/<slug:project>/search/", searching.search, name="search"),
    path("p/<slug:project>/history/", history.history, name="history"),
    path("p/<slug:project>/exports/", listing.exports, name="exports"),
    path("p/<slug:project>/exports/_new/", actions.new, name="new_export"),
    path("p/<slug:project>/exports/<slug:name>/", export_page.configuration, name="export"),
    path("p/<slug:project>/exports/<slug:name>/content/", export_page.content, name="export_content"),
    path("p/<slug:project>/exports/<slug:name>/runs/", export_page.runs, name="export_runs"),
    path("p/<slug:project>/exports/<slug:name>/summary/", beside.summary, name="export_summary"),
    path("p/<slug:project>/exports/<slug:name>/preview/", beside.first_lines, name="export_preview"),
    path("p/<slug:project>/exports/<slug:name>/run/", actions.run, name="run_export"),
    path("p/<slug:project>/exports/<slug:name>/switch/", actions.switch, name="switch_export"),
    path("p/<slug:project>/exports/<slug:name>/duplicate/", actions.duplicate, name="duplicate_export"),
    path("p/<slug:project>/exports/<slug:name>/delete/", actions.delete, name="delete_export"),
    path("p/<slug:project>/history/act/", history.act, name="history_act"),
    path("p/<slug:project>/runs/<int:run>/", run_page.run, name="run"),
    path("p/<slug:project>/runs/<int:run>/live/", run_page.live, name="run_live"),
    path("p/<slug:project>/runs/<int:run>/retry/", acts.retry, name="run_retry"),
    path("p/<slug:project>/runs/<int:run>/ignore/", acts.ignore, name="run_ignore"),
    path("p/<slug:project>/runs/<int:run>/cancel/", acts.cancel, name="run_cancel"),
    path("p/<slug:project>/runs/<int:run>/file/", files.download, name="run_file"),
    path("p/<slug:project>/runs/<int:run>/first-lines/", files.first_lines, name="run_first_lines"),
    path("p/<slug:project>/runs/<int:run>/receipt/", files.receipt, name="run_receipt"),
    path("p/<slug:project>/data/", overview.overview, name="data"),
    path("p/<slug:project>/data/imports/", overview.imports, name="imports"),
    path("p/<slug:project>/data/import/", importing.start, name="import"),
    path("p/<slug:project>/data/import/<slug:token>/", importing.choose, name="import_table"),
    path("p/<slug:project>/data/import/<slug:token>/changes/", importing.changes, name="import_changes"),
    path("p/<slug:project>/data/import/<slug:token>/forget/", importing.let_go, name="import_forget"),
    path("p/<slug:project>/data/tables/<str:name>/", tables.table, name="table"),
    path("p/<slug:project>/data/tables/<str:name>/rows/", tables.rows, name="table_rows"),
    path("p/<slug:project>/data/tables/<str:name>/order/", tables.order, name="table_order"),
    path("p/<slug:project>/data/new-query/", queries.new, name="new_query"),
    path("p/<slug:project>/data/queries/<slug:name>/", queries.query, name="query"),
    path("p/<slug:project>/data/queries/<slug:name>/delete/", queries.remove, name="delete_query"),
    path("p/<slug:project>/destinations/", destinations.destinations, name="destinations"),
    path("p/<slug:project>/new-destination/", destinations.choose_kind, name="new_destination"),
    path("p/<slug:project>/new-destination/<slug:kind>/", destinations.new, name="new_destination_of"),
    path("p/<slug:project>/destinations/<slug:name>/", destinations.destination, name="destination"),
    path("p/<slug:project>/destinations/<slug:name>/test/", destinations.examine, name="test_destination"),
    path("p/<slug:project>/destinations/<slug:name>/approve/", destinations.approve, name="approve_host_key"),
    path("p/<slug:project>/destinations/<slug:name>/delete/", destinations.remove, name="delete_destination"),
    path("p/<slug:project>/closed-days/", closed_days.closed_days, name="closed_days"),
    path("p/<slug:project>/keys/", keys.keys, name="keys"),
    path("p/<slug:project>/new-key/", keys.new, name="new_key"),
    path("p/<slug:project>/keys/<slug:name>/", keys.key, name="key"),
    path("p/<slug:project>/keys/<slug:name>/delete/", keys.remove, name="delete_key"),
]
