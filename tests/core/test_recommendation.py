"""What is handed over in the end: which settings change, and which effects are sure."""

from harness.tuning.recommendation import Effect, Recommendation, Setting


def setting(key: str, value: int, before: int | None = None) -> Setting:
    return Setting(key, before, value, "because it was measured")


def test_settings_are_found_by_where_they_belong() -> None:
    found = Recommendation((setting("target.workers", 4), setting("target.gunicorn.timeout", 30)))
    assert [each.name for each in found.of("target.gunicorn")] == ["timeout"]
    assert [each.name for each in found.of("target")] == ["workers", "timeout"]
    assert list(found.of("target.gun")) == []


def test_what_is_the_same_as_before_is_no_change() -> None:
    assert not setting("target.workers", 2, 2).changed
    assert setting("target.workers", 2, 1).changed
    assert setting("target.workers", 2).changed


def test_an_effect_is_sure_when_its_interval_is_on_one_side() -> None:
    assert Effect("p50_ms", 0.8, 0.7, 0.9, 5).sure
    assert Effect("capacity_rps", 1.3, 1.1, 1.5, 5).sure
    assert not Effect("p50_ms", 1.1, 0.9, 1.3, 5).sure
