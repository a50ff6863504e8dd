"""How many threads a painting takes, on machines of arithmetic: so many seconds a step with so many threads."""

import itertools

import pytest

from core.style.optimise.threads import Threads

# Seconds of a step with so many threads, as seen on two cores: alone, beside one busy program, beside two.
ALONE, ONE, TWO = {2: 1.0, 1: 2.0}, {2: 3.5, 1: 2.05}, {2: 3.6, 1: 2.1}
EIGHT = {8: 1.0, 4: 1.7, 2: 3.1, 1: 6.0}
CROWDED = {8: 12.0, 4: 9.0, 2: 4.0, 1: 6.5}


def painted(company, steps=200, most=2, stages=(0.02, 0.08, 0.3)):
    """-> seconds taken, and the watch. `company(step)`: seconds with so many threads, relative."""
    now, number = 0.0, 0

    def working(each):
        nonlocal now, number
        for _ in range(steps // len(stages)):
            now += each * company(number)[watch.now]
            number += 1
            yield number

    watch = Threads(most, lambda n: None, lambda: now)
    for each in stages:
        assert len(list(watch.watched(working(each), each))) == steps // len(stages)
    return now, watch


def best(company, steps=200, stages=(0.02, 0.08, 0.3)):
    each = itertools.chain(*([stage] * (steps // len(stages)) for stage in stages))
    return sum(one * min(company(number).values()) for number, one in enumerate(each))


@pytest.mark.parametrize("alone", [ALONE, EIGHT])
def test_alone_watching_costs_next_to_nothing(alone):
    took, watch = painted(lambda _: alone, most=max(alone))
    assert took < 1.02 * best(lambda _: alone)
    assert watch.now == max(alone)


@pytest.mark.parametrize("company", [ONE, TWO, CROWDED])
def test_in_company_fewer_threads_are_taken(company):
    took, _ = painted(lambda _: company, most=max(company))
    assert took < 1.12 * best(lambda _: company)


@pytest.mark.parametrize("comes", [10, 70, 140, 180])
def test_company_that_comes_or_goes_on_the_way_is_noticed(comes):
    for company in (lambda n: ONE if n >= comes else ALONE, lambda n: ONE if n < comes else ALONE):
        took, _ = painted(company)
        assert took < 1.3 * best(company)


def test_another_number_of_threads_is_told_from_the_step_on_that_has_it():
    used = []
    watch = Threads(2, used.append, itertools.count().__next__)
    list(watch.watched(iter(range(3)), 1.0))
    assert watch.history[0] == (1, 2)
    assert [threads for _, threads in watch.history[1:]] == used
    alone = Threads(1, used.append, itertools.count().__next__)
    assert list(alone.watched(iter(range(50)), 0.01)) == list(range(50))
    assert alone.history == [(1, 1)]
