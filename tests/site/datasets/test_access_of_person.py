"""What a person has access to, read from the person's side."""

from tests.fixtures.site import AppSite


def test_what_a_person_has_access_to(app_site: AppSite, datasets: dict[str, str]) -> None:
    path = f"/users/{app_site.researcher.id}/access"
    for reader in (app_site.owner, app_site.reviewer, app_site.auditor):
        (held,) = app_site.call(reader, "GET", path).json()
        assert (held["dataset_id"], held["dataset"]) == (datasets["marks"], "marks")
    # Not even the person themselves: the catalogue tells them.
    assert app_site.call(app_site.researcher, "GET", path).status_code == 403
    given = {"user": app_site.researcher.id}
    assert app_site.call(app_site.owner, "PUT", "/datasets/visits/access", json=given).is_success
    names = [each["dataset"] for each in app_site.call(app_site.owner, "GET", path).json()]
    assert names == ["visits", "marks"]
    taken = f"/datasets/marks/access/{app_site.researcher.id}"
    assert app_site.call(app_site.owner, "DELETE", taken).is_success
    names = [each["dataset"] for each in app_site.call(app_site.owner, "GET", path).json()]
    assert names == ["visits"]
    assert app_site.call(app_site.owner, "GET", "/users/nobody/access").status_code == 404
