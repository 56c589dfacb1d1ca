"""Runs one task of a user's file as one arrival.

A task function is one. A nested TaskSet is one task of it, chosen by weight, a SequentialTaskSet one pass through its
tasks: in Locust both go on for ever, which would make of each arrival a user that never ends.
"""

from collections.abc import Callable, Sequence
from typing import Any

from locust import SequentialTaskSet, TaskSet
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately

Task = Callable[[Any], None] | type[TaskSet]
Choose = Callable[[Sequence[Task]], Task]


def name_of(task: Task) -> str:
    return getattr(task, "__name__", type(task).__name__)


def perform(parent: Any, task: Task, choose: Choose) -> None:
    """An interrupt is a normal end."""
    try:
        if isinstance(task, type):
            _perform_set(task(parent), choose)
        else:
            task(parent)
    except (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately):
        return


def _perform_set(tasks: TaskSet, choose: Choose) -> None:
    tasks.on_start()
    try:
        for index, task in enumerate(_steps(tasks, choose)):
            if index:
                tasks.wait()  # type: ignore[no-untyped-call]
            perform(tasks, task, choose)
    finally:
        tasks.on_stop()  # type: ignore[no-untyped-call]


def _steps(tasks: TaskSet, choose: Choose) -> list[Any]:
    own: list[Any] = list(tasks.tasks)
    if not own:
        raise ValueError(f"{type(tasks).__name__} has no task")
    return own if isinstance(tasks, SequentialTaskSet) else [choose(own)]
