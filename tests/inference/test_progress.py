import pytest

from inference.progress import SHARES_PERCENT, Progress, Stage, part_of


def test_the_shares_of_all_stages_make_up_the_whole() -> None:
    assert sum(SHARES_PERCENT.values()) == pytest.approx(100)
    assert set(SHARES_PERCENT) == set(Stage)


def test_overall_progress_starts_at_0_ends_at_100_and_never_falls() -> None:
    told: list[tuple[Stage, float]] = []
    progress = Progress(lambda stage, percent: told.append((stage, percent)))
    for stage in Stage:
        with progress.stage(stage) as on_progress:
            for fraction in (0.5, 0.2, 2.0, -1.0):
                on_progress(fraction)
    percents = [percent for _, percent in told]
    assert percents[0] == 0
    assert percents[-1] == pytest.approx(100)
    assert percents == sorted(percents)
    assert list(dict.fromkeys(stage for stage, _ in told)) == list(Stage)


def test_every_finished_stage_has_its_time() -> None:
    progress = Progress()
    with progress.stage(Stage.READING):
        pass
    assert list(progress.timings_s) == ["reading"]
    assert progress.timings_s["reading"] >= 0


def test_a_step_within_a_step_fills_its_part_only() -> None:
    told: list[float] = []
    inner = part_of(told.append, 0.2, 0.6)
    inner(0.0)
    inner(0.5)
    inner(1.0)
    assert told == pytest.approx([0.2, 0.4, 0.6])
