"""Every parser, by its name."""

from tests.fuzz import answers, archives, consoles, files, guests, hypervisors, images, keys, updates, workstation
from tests.fuzz.parser import Parser

_FAMILIES = (answers, images, archives, consoles, keys, guests, files, workstation, hypervisors, updates)
PARSERS: dict[str, Parser] = {parser.name: parser for family in _FAMILIES for parser in family.PARSERS}
