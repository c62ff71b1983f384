"""Every parser, by its name."""

from tests.fuzz import archives, consoles, files, guests, hypervisors, images, keys, workstation
from tests.fuzz.parser import Parser

_FAMILIES = (images, archives, consoles, keys, guests, files, workstation, hypervisors)
PARSERS: dict[str, Parser] = {parser.name: parser for family in _FAMILIES for parser in family.PARSERS}
