"""What the questions of a migration's plan look at."""

from dataclasses import dataclass
from pathlib import Path

from hypervisors import Hypervisor, ProgressListener
from vmmigrate.doors import Doors
from vmmigrate.plan.questions import Answers
from vmmigrate.settings.models import Settings


@dataclass
class Look(Answers):
    """One look at everything a migration will touch. `old`: the VM as the operator names it; nothing is changed."""

    hypervisor: Hypervisor
    settings: Settings
    doors: Doors
    progress: ProgressListener
    old: str
    image: Path
    run_id: str
