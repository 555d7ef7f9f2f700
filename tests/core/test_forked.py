"""What processes return is what one process would."""

from __future__ import annotations

import os

import pytest

from regmix.core.errors import InputError
from regmix.core.forked import mapped


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    table = {number: lambda x, number=number: x + number for number in range(7)}  # cannot be pickled
    assert mapped(lambda item: item[1](10), list(table.items()), workers) == [10 + number for number in range(7)]


def test_work_is_shared_by_other_processes_only_if_there_is_enough():
    assert os.getpid() not in mapped(lambda _: os.getpid(), range(4), 2)
    assert mapped(lambda _: os.getpid(), [0], 2) == mapped(lambda _: os.getpid(), [0], 1) == [os.getpid()]
    assert mapped(str, [], 2) == []


def test_a_result_can_be_anything():
    first, second = mapped(lambda item: lambda: item, [1, 2], 2)  # a function cannot be pickled
    assert (first(), second()) == (1, 2)


def test_an_error_of_the_work_is_raised_again():
    def fail(item: int) -> int:
        if item == 2:
            raise InputError("too few runs", file="params.yaml")
        return item

    with pytest.raises(InputError, match=r"params\.yaml: too few runs"):
        mapped(fail, range(4), 2)
