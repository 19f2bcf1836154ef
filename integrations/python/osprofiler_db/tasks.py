# SPDX-License-Identifier: Apache-2.0
"""Profilers for asyncio: a stack of operations for each task.

OSProfiler keeps one profiler a thread. All tasks of an event loop share it then,
and an operation that one task opens becomes the parent of what another does. After

    osprofiler_db.tasks.use_contextvars()

the profiler, and the operations that are open in it, belong to the current context
of contextvars. A task begins with what was open where it was created. A new thread,
and a new green thread of eventlet, begins with nothing, as before.
"""

import contextvars

from osprofiler import profiler as _profiler

# What is open: (profiler, ids of operations, their names). Each is immutable, so
# that a task that inherits the value cannot change it for others.
_open = contextvars.ContextVar("osprofiler_open", default=(None, (), ()))


class _Stack:
    """A stack of a profiler whose items are those of the current context."""

    def __init__(self, profiler, place, items):
        self._profiler = profiler
        self._place = place
        self._first = tuple(items)

    def _items(self):
        state = _open.get()
        return state[self._place] if state[0] is self._profiler else self._first

    def _replace(self, items):
        state = list(_open.get())
        if state[0] is not self._profiler:
            ids, names = self._profiler._trace_stack, self._profiler._name
            state = [self._profiler, ids._first, names._first]
        state[self._place] = items
        _open.set(tuple(state))

    def append(self, item):
        self._replace(self._items() + (item,))

    def pop(self):
        items = self._items()
        self._replace(items[:-1])
        return items[-1]

    def __getitem__(self, index):
        return self._items()[index]

    def __len__(self):
        return len(self._items())


class _Current:
    """In the place of OSProfiler's threading.local."""

    @property
    def profiler(self):
        return _open.get()[0]

    @profiler.setter
    def profiler(self, profiler):
        if profiler is None:
            _open.set((None, (), ()))
            return
        ids, names = tuple(profiler._trace_stack), tuple(profiler._name)
        profiler._trace_stack = _Stack(profiler, 1, ids)
        profiler._name = _Stack(profiler, 2, names)
        _open.set((profiler, ids, names))


def use_contextvars():
    """Has OSProfiler keep its profilers in contextvars; call it once, at the start."""
    if not isinstance(getattr(_profiler, "__local_ctx"), _Current):
        setattr(_profiler, "__local_ctx", _Current())
