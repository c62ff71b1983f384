"""Every kind of run that this program knows."""

from vmmigrate.itinerary import Itinerary
from vmmigrate.steps.migration import MIGRATE

ITINERARIES: tuple[Itinerary, ...] = (MIGRATE,)
