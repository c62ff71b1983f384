"""The answers and findings so far, each setting with a remark on its origin: as Settings, and as the file."""

from datetime import date
from typing import Any

import tomlkit

from hypervisors import printable
from vmmigrate.settings.models import Settings

_TABLES = ("hypervisor", "old", "old.ssh", "old.console", "new", "new.ssh", "new.console")


class Answers:
    """Settings by their path (`old.ssh.port`)."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, str]] = {}

    def put(self, path: str, value: Any, remark: str) -> None:
        """None removes the answer. A remark may name what another machine calls itself: it is one line."""
        self._known.pop(path, None)
        if value is not None:
            self._known[path] = (value, printable(remark))

    def get(self, path: str) -> Any:
        """None if nothing is known."""
        return self._known.get(path, (None, ""))[0]

    def settings(self) -> Settings:
        data: dict[str, Any] = {}
        for path, (value, _) in self._known.items():
            *tables, key = path.split(".")
            place = data
            for table in tables:
                place = place.setdefault(table, {})
            place[key] = value
        return Settings.model_validate(data)

    def toml(self, old: str, today: date) -> str:
        """The whole file, each line with its remark."""
        document = tomlkit.document()
        document.add(tomlkit.comment(f"Written by `vmmigrate init {old}` on {today}. It contains no secret."))
        document.add(tomlkit.comment("All settings: vmmigrate config template"))
        for name in _TABLES:
            parent, _, key = name.rpartition(".")
            table = self._table(name)
            if table or not parent:  # an empty one contains its children
                (document[parent] if parent else document).add(key, table)
        return tomlkit.dumps(document)

    def _table(self, name: str) -> tomlkit.items.Table:
        table = tomlkit.table()
        table.trivia.indent = "\n"  # a blank line before its header
        for path, (value, remark) in self._known.items():
            parent, _, key = path.rpartition(".")
            if parent == name:
                item = _inline(value) if isinstance(value, dict) else tomlkit.item(value)
                item.comment(remark)
                item.trivia.comment_ws = "  "
                table.add(key, item)
        return table


def _inline(value: dict[str, Any]) -> tomlkit.items.InlineTable:
    table = tomlkit.inline_table()
    table.update(value)
    return table
