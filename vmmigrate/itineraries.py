"""Every kind of run that this program knows."""

from vmmigrate.itinerary import Itinerary
from vmmigrate.steps.migration import MIGRATE
from vmmigrate.steps.update.itinerary import UPDATE_HOST

ITINERARIES: tuple[Itinerary, ...] = (MIGRATE, UPDATE_HOST)
