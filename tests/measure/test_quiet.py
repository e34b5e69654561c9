"""What disturbs a measurement, told in words from counters we make up."""

from featcore.measure.quiet import Moment, disturbance, watch

START = Moment(0.0, 0.0, load=0.2, busy=0, steal=0, total=0)


def said(**after: float) -> str:
    known = {"time_s": 10.0, "own_s": 10.0, "load": 1.0, "busy": 1000, "steal": 0, "total": 2000}
    return disturbance(START, Moment(**(known | after)), n_usable=2, n_cores=2)  # type: ignore[arg-type]


def test_our_own_work_does_not_disturb_us() -> None:
    assert said() == ""
    assert said(own_s=20.0, busy=2000, load=2.2) == ""


def test_other_programs_are_told_with_their_share() -> None:
    assert said(busy=1600) == "other programs used 30% of the processors' time"


def test_time_taken_by_the_host_is_told() -> None:
    assert said(steal=100) == "the host took 5% of the processors' time"


def test_load_beyond_our_own_is_told() -> None:
    before = Moment(0.0, 0.0, load=4.0)
    assert "load 4.0 before and 3.5 after" in disturbance(before, Moment(10.0, 10.0, load=3.5), 2, 2)
    assert disturbance(before, Moment(10.0, 20.0, load=2.9), 2, 2) == ""


def test_a_system_that_tells_nothing_is_taken_as_quiet() -> None:
    assert disturbance(Moment(0.0, 0.0), Moment(1.0, 1.0), 2, 2) == ""


def test_watching_this_machine_answers_in_words() -> None:
    assert isinstance(watch()(), str)
