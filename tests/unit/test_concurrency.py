"""Working ahead: order kept, errors as themselves, nothing left running."""

import gc
import random
import threading

import pyarrow as pa
import pytest

from paquebot.errors import RunCancelledError
from paquebot.packaging.concurrency import ahead


def producers():
    return [thread for thread in threading.enumerate() if thread.name == "paquebot-ahead"]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    gc.collect()
    assert producers() == []


class Upstream:
    """Counts what was taken from it and says whether it was closed, and in which thread it worked."""

    def __init__(self, count=None, error=None):
        self.count, self.error = count, error
        self.taken = 0
        self.closed = threading.Event()
        self.threads = set()
        self.produced = threading.Condition()

    def blocks(self):
        try:
            while self.count is None or self.taken < self.count:
                with self.produced:
                    self.taken += 1
                    self.produced.notify_all()
                self.threads.add(threading.current_thread())
                yield str(self.taken).encode()
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()

    def wait_for(self, taken):
        with self.produced:
            assert self.produced.wait_for(lambda: self.taken >= taken, timeout=30)


def test_every_block_comes_once_and_in_order():
    upstream = Upstream(count=5000)
    assert list(ahead(upstream.blocks())) == [str(number).encode() for number in range(1, 5001)]
    assert upstream.closed.is_set()


def test_nothing_comes_out_of_nothing():
    assert list(ahead(iter([]))) == []


def test_the_upstream_works_in_a_thread_of_its_own_while_the_consumer_holds_a_block():
    upstream = Upstream()
    blocks = ahead(upstream.blocks(), depth=3)
    assert next(blocks) == b"1"
    upstream.wait_for(taken=5)  # one with us, three waiting, one in hand: reached although we ask for none
    assert threading.current_thread() not in upstream.threads
    blocks.close()


def test_the_upstream_never_runs_further_ahead_than_the_depth():
    upstream = Upstream(count=200)
    for position, _ in enumerate(ahead(upstream.blocks(), depth=2), start=1):
        assert upstream.taken <= position + 3


@pytest.mark.parametrize("error", [RunCancelledError(), ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("count", [0, 1, 4, 50])
def test_an_error_comes_out_as_itself_after_the_blocks_before_it(error, count):
    received = []
    with pytest.raises(type(error)) as seen:
        received.extend(ahead(Upstream(count, error).blocks()))
    assert seen.value is error


def test_the_blocks_before_an_error_are_all_handed_out():
    blocks = ahead(Upstream(10, ValueError("x")).blocks())
    received = [next(blocks) for _ in range(10)]
    assert received[-1] == b"10"
    with pytest.raises(ValueError, match="x"):
        next(blocks)


@pytest.mark.parametrize("read", [1, 2, 5, 40])
@pytest.mark.parametrize("depth", [1, 4])
def test_closing_stops_the_producer_and_closes_the_upstream(read, depth):
    upstream = Upstream()
    blocks = ahead(upstream.blocks(), depth)
    for _ in range(read):
        next(blocks)
    blocks.close()
    assert upstream.closed.is_set()
    assert producers() == []
    assert upstream.taken <= read + depth + 1


def test_closing_what_nobody_read_starts_nothing():
    upstream = Upstream()
    ahead(upstream.blocks()).close()
    assert upstream.taken == 0
    assert producers() == []


def test_forgetting_the_consumer_stops_the_producer_too():
    upstream = Upstream()
    blocks = ahead(upstream.blocks())
    next(blocks)
    del blocks
    gc.collect()
    assert upstream.closed.is_set()


def test_a_consumer_that_fails_stops_the_producer():
    upstream = Upstream()
    blocks = ahead(upstream.blocks())

    def consume():
        for block in blocks:
            if block == b"7":
                raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        consume()
    blocks.close()
    assert upstream.closed.is_set()


def test_a_chain_of_stages_stops_as_a_whole():
    upstream = Upstream()
    chain = ahead(ahead(ahead(upstream.blocks(), 1), 2), 3)
    assert [next(chain) for _ in range(3)] == [b"1", b"2", b"3"]
    chain.close()
    assert upstream.closed.is_set()


def test_an_error_crosses_a_chain_of_stages():
    error = RunCancelledError()
    chain = ahead(ahead(ahead(Upstream(30, error).blocks(), 1), 2), 3)
    with pytest.raises(RunCancelledError) as seen:
        list(chain)
    assert seen.value is error


def test_an_error_of_closing_the_upstream_does_not_hang_anybody():
    def stubborn():
        try:
            while True:
                yield b"x"
        finally:
            raise OSError("could not be closed")

    blocks = ahead(stubborn())
    next(blocks)
    blocks.close()


def test_it_carries_record_batches_too():
    batches = [pa.record_batch({"n": [number]}) for number in range(50)]
    assert [batch["n"][0].as_py() for batch in ahead(iter(batches))] == list(range(50))


def test_closing_at_any_moment_leaves_nothing():
    dice = random.Random(11)
    for _ in range(300):
        upstream = Upstream(dice.choice([None, 3, 10]))
        blocks = ahead(upstream.blocks(), dice.randint(1, 4))
        for _ in range(dice.randint(0, 8)):
            if next(blocks, None) is None:
                break
        blocks.close()
        assert upstream.taken == 0 or upstream.closed.is_set()
    assert producers() == []


def test_many_consumers_at_once_do_not_disturb_each_other():
    results = {}

    def consume(name):
        results[name] = list(ahead(Upstream(500).blocks(), 2))

    consumers = [threading.Thread(target=consume, args=(name,)) for name in range(8)]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    assert len(results) == 8
    assert all(blocks == [str(number).encode() for number in range(1, 501)] for blocks in results.values())
