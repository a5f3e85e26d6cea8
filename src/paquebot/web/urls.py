"""Addresses of the pages, in English whatever the page speaks."""

from django.urls import path

from paquebot.web import destinations, health, history, home, keys, preferences, projects, searching
from paquebot.web.data import importing, overview, queries, tables
from paquebot.web.people import passwords, signing_in

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
    path("p/<slug:project>/keys/", keys.keys, name="keys"),
    path("p/<slug:project>/new-key/", keys.new, name="new_key"),
    path("p/<slug:project>/keys/<slug:name>/", keys.key, name="key"),
    path("p/<slug:project>/keys/<slug:name>/delete/", keys.remove, name="delete_key"),
]
