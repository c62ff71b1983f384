"""Every parser, by its name."""

from tests.fuzz import (
    answers,
    archives,
    carried,
    consoles,
    exchanges,
    files,
    guests,
    hypervisors,
    images,
    keys,
    updates,
    workstation,
)
from tests.fuzz.parser import Parser

_FAMILIES = (
    answers,
    images,
    archives,
    consoles,
    keys,
    guests,
    files,
    workstation,
    hypervisors,
    updates,
    exchanges,
    carried,
)
PARSERS: dict[str, Parser] = {parser.name: parser for family in _FAMILIES for parser in family.PARSERS}
