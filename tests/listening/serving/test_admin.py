"""What the password opens: progress, links, and answers to take away."""

import csv
import io

import pytest

from tests.listening.asking import admin, said
from tts_compress.listening.serving.store import read_listeners

ADMIN = ("/admin", "/admin/progress.json", "/admin/answers.json", "/admin/answers.csv")


@pytest.mark.parametrize("path", ADMIN)
def test_the_admin_needs_the_password(client, path):
    asked = client.get(path)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert client.get(path, **admin("wrong")).status_code == 401
    assert client.get(path, **admin(user="root")).status_code == 401
    assert client.get(path, headers={"Authorization": "Basic !!!"}).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get(path, **admin()).status_code == 200


def test_the_admin_makes_links_and_sees_who_is_how_far(client, token, trial):
    client.put(f"/api/{token}/answers/{trial['id']}", said(trial, done=True))
    made = client.ask("POST", "/admin/links", json={"count": 2}, **admin()).json()["links"]
    assert len(set(made)) == 2
    assert client.get(made[0]).status_code == 200
    progress = client.get("/admin/progress.json", **admin()).json()
    assert (progress["test"], progress["kind"]) == ("small", "mushra")
    first, *others = progress["listeners"]
    assert (first["link"], first["number"], first["done"]) == (f"/t/{token}", 0, 1)
    assert (first["pages"], first["finished"], first["code"]) == (3, None, None)
    assert first["started"]
    assert [each["started"] for each in others] == [None, None]
    assert {each["link"] for each in others} == set(made)


@pytest.mark.parametrize("wanted", [{}, {"count": 0}, {"count": 1001}, {"count": "2"}, [], 2])
def test_the_number_of_new_links_is_bounded(client, wanted):
    reply = client.ask("POST", "/admin/links", json=wanted, **admin())
    assert reply.status_code == 400
    assert reply.json() == {"error": "count: must be 1 to 1000."}
    assert client.store.listeners() == []


def test_links_are_not_made_for_forms_of_other_sites(client):
    assert client.ask("POST", "/admin/links", data={"count": 2}, **admin()).status_code == 415
    assert client.ask("POST", "/admin/links", json={"count": 2}).status_code == 401
    assert client.store.listeners() == []


def test_answers_are_taken_away_as_json_and_as_a_harmless_table(client, token, trial, served):
    values = said(trial)["values"] | {"comment": '=HYPERLINK("http://evil")'}
    client.put(f"/api/{token}/answers/{trial['id']}", said(trial, values=values))
    reply = client.get("/admin/answers.json", **admin())
    assert "attachment" in reply.headers["content-disposition"]
    assert reply.json()["listeners"] == read_listeners(served)
    reply = client.get("/admin/answers.csv", **admin())
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert {row["system"]: row["value"] for row in rows} == {
        "system 1": "1",
        "system 2": "1",
        "": '\'=HYPERLINK("http://evil")',
    }
    assert {(row["listener"], row["page"]) for row in rows} == {("0", trial["id"])}
