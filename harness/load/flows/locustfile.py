"""Imports a user's Locust file. What is wrong in it is told with file and line, for the person who wrote it."""

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType

from locust import FastHttpUser, HttpUser, User
from locust.user.task import is_markov_taskset

_MODULE = "shakedown_locustfile"


class LocustfileError(Exception):
    """One sentence: where, and what."""


def load_users(file: str) -> list[type[User]]:
    """The user classes of the file that are not abstract, in its order."""
    path = Path(file)
    found = {id(item): item for item in vars(_import(path)).values() if _is_user(item)}
    users = [user for user in found.values() if user.weight > 0]
    if not users:
        raise LocustfileError(f"{path.name} has no class of Locust users (of HttpUser or FastHttpUser) with a weight")
    names = [user.__name__ for user in users]
    for user in users:
        where = f"{path.name}{_line(user)}: the class {user.__name__}"
        if not issubclass(user, HttpUser | FastHttpUser):
            raise LocustfileError(f"{where} is neither an HttpUser nor a FastHttpUser, whose requests can be recorded")
        if not user.tasks:
            raise LocustfileError(f"{where} has no task")
        if any(is_markov_taskset(task) for task in user.tasks if isinstance(task, type)):
            raise LocustfileError(f"{where} has a MarkovTaskSet, which never ends, so that it cannot be one arrival")
        if names.count(user.__name__) > 1:
            raise LocustfileError(f"{where} is there twice; the names of users differ")
    return users


def _is_user(item: object) -> bool:
    return inspect.isclass(item) and issubclass(item, User) and not item.abstract


def _line(user: type[User]) -> str:
    try:
        return f" line {inspect.getsourcelines(user)[1]}"
    except (OSError, TypeError):
        return ""


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    if spec is None or spec.loader is None:
        raise LocustfileError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    sys.path.insert(0, str(path.parent))  # for the modules beside it, as Locust does
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        name = Path(error.filename).name if error.filename else path.name
        raise LocustfileError(f"{name} line {error.lineno}: {error.msg}") from error
    except OSError as error:
        if error.filename == str(path):
            raise LocustfileError(f"{path.name} cannot be read: {error.strerror}") from error
        raise LocustfileError(_told(error, path)) from error
    except (Exception, SystemExit) as error:
        raise LocustfileError(_told(error, path)) from error
    return module


def _told(error: BaseException, path: Path) -> str:
    """The innermost line that is the user's own, for the rest of the traceback is not theirs to mend."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename, path.parent)]
    where = f"{Path(own[-1].filename).name} line {own[-1].lineno}" if own else path.name
    what = " ".join(str(error).split())
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = " (the file runs in Shakedown's own environment: what it imports is installed there)"
    return f"{where}: {type(error).__name__}{': ' if what else ''}{what}{hint}"


def _is_own(filename: str, folder: Path) -> bool:
    path = Path(filename)
    return path.is_relative_to(folder) and not {"site-packages", ".venv"} & set(path.relative_to(folder).parts)
