"""Who passes the new guest's isolation: our own socket, the new guest and the operator say so; the old guest never."""

from dataclasses import replace
from pathlib import Path

import pytest
from guarded_run import bench

from vmmigrate.errors import NeedsAttention
from vmmigrate.facts import NewGuest, OldState
from vmmigrate.run.stage import Run
from vmmigrate.steps import isolate

STAGING, LIVE, SAID = "198.51.100.1", "192.0.2.7", "203.0.113.66"
OLD = OldState({}, "", {}, {}, LIVE, (), LIVE)
NEW = NewGuest("198.51.100.9", "SHA256:x", "the operator", "https://198.51.100.9", "00", STAGING, {})


def run(folder: Path, old: OldState, seen_as: str | None = None) -> Run:
    made = bench(folder).run("r1", old, NEW)
    made.settings = made.settings.model_copy(update={"old": made.settings.old.model_copy(update={"seen_as": seen_as})})
    return made


@pytest.mark.parametrize(
    ("old", "seen_as", "allowed"),
    [
        (OLD, None, (STAGING, LIVE)),
        (replace(OLD, workstation="", seen_as=STAGING), None, (STAGING,)),  # behind a jump host with one address
        (replace(OLD, workstation="", seen_as=SAID), SAID, (STAGING, SAID)),
        (replace(OLD, seen_as=SAID), SAID, (STAGING, SAID)),  # behind NAT
        (replace(OLD, seen_as=""), None, (STAGING, LIVE)),  # noted by an earlier version
        (replace(OLD, seen_as=f"::ffff:{LIVE}"), None, (STAGING, LIVE)),
    ],
)
def test_who_is_let_in(tmp_path: Path, old: OldState, seen_as: str | None, allowed: tuple[str, ...]) -> None:
    made = run(tmp_path, old, seen_as)
    isolate.refuse_unseen(made)
    assert isolate.allowed(made) == allowed


def test_every_port_that_the_old_gateway_serves_may_be_asked_of_the_isolated_one(tmp_path: Path) -> None:
    """Else `verify` would miss there what the image does serve."""
    ports = isolate.ports(run(tmp_path, replace(OLD, ports=(25, 2465, 8443))))
    assert {22, 25, 465, 587, 2465, 8443} <= set(ports)
    assert ports == tuple(sorted(set(ports)))


@pytest.mark.parametrize("workstation", [LIVE, ""], ids=["direct", "jump host"])
def test_another_word_of_the_old_gateway_stops_the_run(tmp_path: Path, workstation: str) -> None:
    made = run(tmp_path, replace(OLD, workstation=workstation, seen_as=SAID))
    with pytest.raises(NeedsAttention, match=f"sees this workstation as {SAID}") as caught:
        isolate.refuse_unseen(made)
    assert "old.seen_as" in caught.value.hint
    assert SAID not in isolate.allowed(made)
