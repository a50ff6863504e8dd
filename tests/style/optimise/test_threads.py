"""How many threads a painting takes, on machines of arithmetic: so many seconds a step with so many threads."""

import itertools
from dataclasses import dataclass

import pytest

from core.style.optimise.threads import Threads


@dataclass(frozen=True)
class Company:
    pace: dict[int, float]  # with so many threads
    busy: float = 0.0  # processors that others want


# As seen on two cores: alone, beside one busy program, beside two; and what a step can come to beside one.
ALONE, ONE, TWO = Company({2: 1.0, 1: 2.0}), Company({2: 3.5, 1: 2.05}, 1), Company({2: 3.6, 1: 2.1}, 2)
SPINNING = Company({2: 60.0, 1: 2.05}, 1)
EIGHT = Company({8: 1.0, 5: 1.4, 4: 1.7, 3: 2.2, 2: 3.1, 1: 6.0})
CROWDED = Company({8: 12.0, 5: 9.5, 4: 9.0, 3: 6.0, 2: 4.0, 1: 6.5}, 6)
HIDDEN = Company({2: 3.5, 1: 2.05})  # somebody the system does not show, as beside a container


def painted(company, steps=200, stages=(0.02, 0.08, 0.3), shown=True):
    """-> seconds taken, and the watch. `company(step)`: who is there; `shown`: whether the system tells of them."""
    now, idle, number, most = 0.0, 0.0, 0, max(company(0).pace)

    def working(each):
        nonlocal now, idle, number
        for _ in range(steps // len(stages)):
            here = company(number)
            took = each * here.pace[watch.now]
            now += took
            idle += took * max(0, most - here.busy - watch.now)
            number += 1
            yield number

    spare = most - int(company(0).busy) if shown else most
    watch = Threads(most, lambda n: None, lambda: idle if shown else None, spare, lambda: now)
    for each in stages:
        assert len(list(watch.watched(working(each), each))) == steps // len(stages)
    return now, watch


def best(company, steps=200, stages=(0.02, 0.08, 0.3)):
    each = itertools.chain(*([stage] * (steps // len(stages)) for stage in stages))
    return sum(one * min(company(number).pace.values()) for number, one in enumerate(each))


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("alone", [ALONE, EIGHT])
def test_alone_watching_costs_next_to_nothing(alone, shown):
    took, watch = painted(lambda _: alone, shown=shown)
    assert took < 1.02 * best(lambda _: alone)
    assert watch.now == max(alone.pace)


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("company", [ONE, TWO, CROWDED, HIDDEN])
def test_in_company_fewer_threads_are_taken(company, shown):
    took, _ = painted(lambda _: company, shown=shown)
    assert took < 1.12 * best(lambda _: company)


def test_beside_others_that_are_seen_nothing_is_tried():
    took, watch = painted(lambda _: SPINNING)
    assert took == pytest.approx(best(lambda _: SPINNING))
    assert watch.history == [(1, 1)]


def test_where_nobody_is_any_more_all_are_taken_and_one_is_not_tried_again():
    _, watch = painted(lambda number: SPINNING if number < 1 else ALONE)
    assert [threads for _, threads in watch.history] == [1, 2]


def test_what_was_tried_in_vain_at_one_size_is_not_tried_at_every_other():
    took, watch = painted(lambda _: SPINNING, shown=False)
    assert took < 1.3 * best(lambda _: SPINNING)
    assert len(watch.history) <= 5


@pytest.mark.parametrize("comes", [10, 70, 140, 180])
@pytest.mark.parametrize("shown", [True, False])
def test_company_that_comes_or_goes_on_the_way_is_noticed(comes, shown):
    for company in (lambda n: ONE if n >= comes else ALONE, lambda n: ONE if n < comes else ALONE):
        took, _ = painted(company, shown=shown)
        assert took < 1.3 * best(company)


@pytest.mark.parametrize("comes", [10, 70, 140, 180])
def test_who_comes_costs_a_step_and_who_goes_two(comes):
    stages, here = (0.02, 0.08, 0.3), lambda n: SPINNING if n >= comes else ALONE
    took, _ = painted(here)
    assert took - best(here) < 62 * stages[comes // 66]
    took, _ = painted(lambda n: SPINNING if n < comes else ALONE)
    assert took < 1.1 * best(lambda n: SPINNING if n < comes else ALONE)


@pytest.mark.parametrize(("steps", "every"), [(1, 3), (1, 4), (1, 10), (2, 10), (2, 25), (1, 40)])
def test_who_only_drops_in_is_no_reason_to_go_on_alone(steps, every):
    """As a browser does that draws what is painted."""

    def company(number):
        return ONE if number % every >= every - steps else ALONE

    _, watch = painted(company)
    alone = [after - at for (at, threads), (after, _) in itertools.pairwise(watch.history) if threads == 1]
    assert alone == [1]  # to know how long it takes
    assert watch.now == 2


@pytest.mark.parametrize("every", [5, 7])
def test_one_slow_step_alone_is_no_reason_to_go_on_with_more(every):
    """With one thread, too, the pace is that of several steps."""
    slow = Company({threads: 3 * pace for threads, pace in HIDDEN.pace.items()})
    _, watch = painted(lambda number: HIDDEN if (number + 1) % every else slow, shown=False)
    spans = [after - at for (at, threads), (after, _) in itertools.pairwise(watch.history) if threads == 2]
    assert len(spans) > 1
    assert set(spans[1:]) == {1}  # trials


def test_another_number_of_threads_is_told_from_the_step_on_that_has_it():
    used = []
    watch = Threads(2, used.append, lambda: None, 2, itertools.count().__next__)
    list(watch.watched(iter(range(3)), 1.0))
    assert watch.history[0] == (1, 2)
    assert [threads for _, threads in watch.history] == used
    alone = Threads(1, used.append, lambda: None, 1, itertools.count().__next__)
    assert list(alone.watched(iter(range(50)), 0.01)) == list(range(50))
    assert alone.history == [(1, 1)]
