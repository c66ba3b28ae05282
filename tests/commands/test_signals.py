import os
import signal
import subprocess
import sys
import time

import pytest

from colorgan.commands.signals import StopSignals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows knows other signals")

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if os.name != "nt" else ()


@pytest.fixture(autouse=True)
def handlers_restored() -> object:
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    for number in _NUMBERS:
        signal.signal(number, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class TestStopSignals:
    @pytest.mark.parametrize("number", _NUMBERS)
    def test_ends_what_goes_on(self, number: int) -> None:
        def work() -> None:
            with StopSignals():
                os.kill(os.getpid(), number)
                time.sleep(20)

        with pytest.raises(SystemExit) as ended:
            work()
        assert ended.value.code == 128 + number
        assert {signal.getsignal(n) for n in _NUMBERS} == {signal.SIG_IGN}  # while the process ends

    def test_is_kept_where_it_must_not_interrupt(self) -> None:
        with StopSignals() as stop:
            with stop.deferred():
                assert not stop.has_come()
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
                    os.kill(os.getpid(), number)
            assert (stop.has_come(), stop.name, stop.exit_code) == (True, "SIGTERM", 143)

    def test_leaves_everything_as_it_was(self) -> None:
        with StopSignals() as stop:
            assert signal.getsignal(signal.SIGTERM) is not signal.default_int_handler
        assert {signal.getsignal(n) for n in _NUMBERS} == {signal.default_int_handler}
        assert stop.exit_code == 0

    def test_what_is_ignored_stays_ignored(self) -> None:
        """As `nohup` and shells in the background have it."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.has_come()

    def test_another_one_later_ends_the_process_at_once(self) -> None:
        code = (
            "import os, signal, sys, time\n"
            "from colorgan.commands import signals\n"
            "signals._AT_ONCE = 0.3\n"
            "with signals.StopSignals() as stop, stop.deferred():\n"
            "    print(flush=True)\n"
            "    while True: time.sleep(0.05)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for _ in range(3):
                process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 143
