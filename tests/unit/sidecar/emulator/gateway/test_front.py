"""Which HTTP requests are read at all."""

from __future__ import annotations

import pytest

from sidecar.emulator.gateway.front import BODY_BYTES_MAX, is_json, refusal


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("text/json", False),
        ("application/jsonp", False),
        ("text/plain", False),
        ("", False),
        (None, False),
    ],
)
def test_json_is_known_by_its_type(content_type: str | None, expected: bool) -> None:
    assert is_json(content_type) is expected


@pytest.mark.parametrize(
    ("path", "method", "content_type", "size", "status"),
    [
        ("/info", "POST", "application/json", BODY_BYTES_MAX, None),
        ("/exchange", "POST", "application/json", 0, None),
        ("/", "POST", "application/json", 0, 404),
        ("/info/", "POST", "application/json", 0, 404),
        ("/info", "GET", None, 0, 405),
        ("/exchange", "PUT", "application/json", 0, 405),
        ("/info", "POST", None, 0, 415),
        ("/info", "POST", "application/json", BODY_BYTES_MAX + 1, 413),
    ],
)
def test_the_first_rule_that_fails_answers(
    path: str, method: str, content_type: str | None, size: int, status: int | None
) -> None:
    found = refusal(path, method, content_type, size)

    assert (found.status if found else None) == status
