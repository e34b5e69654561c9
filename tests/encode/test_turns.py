"""A device has one turn: threads wait for each other, processes wait for a timing, and who waits is told."""

import subprocess
import sys
import threading
import uuid

import pytest

from featcore.encode.turns import Turn, telling, turn


@pytest.fixture
def device() -> Turn:
    return turn(f"test-{uuid.uuid4().hex}")


def in_another_thread(work) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_turn_is_taken_again_by_its_holder_and_refused_to_others(device):
    free = []
    with device, device:
        in_another_thread(lambda: free.append(device.acquire(timeout=0.01)))
    in_another_thread(lambda: free.append(device.acquire(timeout=0.01) and not device.release()))
    assert free == [False, True]


def test_the_second_user_waits_for_a_timing_is_told_and_goes_on(device):
    told, order, waits = [], [], threading.Event()

    def second() -> None:
        def tell(words: str) -> None:
            told.append(words)
            waits.set()

        with telling(tell), device.alone("encode of b"):
            order.append("second")

    with device.alone("encode of a"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10), "nobody was told to wait"
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert told == ["waiting, somebody else is timing on this device (encode of a)", ""]
    assert device.timing == ""


def test_who_waits_for_ordinary_work_is_told_so(device):
    told = []
    with device:
        in_another_thread(lambda: told.append(None) if _acquired(device, told) else None)
    assert told == ["waiting, somebody else computes on this device"]


def _acquired(device: Turn, told: list) -> bool:
    with telling(told.append):
        return device.acquire(timeout=0.01)


OTHER = """
import sys
from featcore.encode.turns import telling, turn
with telling(lambda words: print(words, flush=True)):
    device = turn(sys.argv[1])
    print("asks", flush=True)
    with device.alone("its own") if sys.argv[2] == "time" else device:
        print("has it", flush=True)
"""


@pytest.mark.parametrize("kind", ["compute", "time"])
def test_another_process_waits_for_a_timing(device, kind):
    with device.alone("encode of a"):
        other = subprocess.Popen([sys.executable, "-c", OTHER, device.device, kind], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "asks\n"
        assert "waiting, somebody else" in other.stdout.readline()
    rest = other.communicate(timeout=30)[0]
    assert rest.split("\n") == ["", "has it", ""]
    assert other.returncode == 0


def test_processes_that_only_compute_do_not_wait_for_each_other(device):
    with device:
        run = [sys.executable, "-c", OTHER, device.device, "compute"]
        done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "asks\nhas it\n"


def test_an_error_gives_the_turn_back(device):
    with pytest.raises(ValueError, match="inside"), device.alone("x"):
        raise ValueError("inside")
    free = []
    in_another_thread(lambda: free.append(device.acquire(timeout=0.01) and not device.release()))
    assert free == [True]


@pytest.mark.parametrize("when", ["it waits", "it goes on"])
def test_who_is_told_may_stop_and_the_turn_is_nobodys(device, when):
    waits, stopped = threading.Event(), []

    def second() -> None:
        def tell(words: str) -> None:
            waits.set()
            if bool(words) == (when == "it waits"):
                raise ValueError("stopped")

        try:
            with telling(tell), device.alone("b"):
                stopped.append(False)
        except ValueError:
            stopped.append(True)

    with device.alone("a"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
    thread.join()
    assert stopped == [True]
    assert device.timing == ""
    free = []
    in_another_thread(lambda: free.append(device.acquire(timeout=0.01) and not device.release()))
    assert free == [True]
