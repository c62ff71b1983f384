"""Runs that nobody disturbs: migrate, roll back, switch back, finish."""

from tests.journey.story import Story


def test_a_migration_puts_the_new_vm_in_the_old_ones_place(story: Story) -> None:
    before = story.world()["old"]
    status, run = story.migrate()
    assert (status, run) == (0, story.run_id)
    world = story.world()
    old, new = world["old"], world["new"]
    assert [nic for nic in old["nics"]] == [("lan", False, False)]
    assert new["nics"] == [("lan", True, True), ("staging", True, True)]
    assert (old["power"], new["power"]) == ("running", "running")
    assert (old["autostart"], new["autostart"]) == (False, before["autostart"])
    assert old["notes"].splitlines()[0] == before["notes"]
    assert "replaced by" in old["notes"]
    assert story.conflicts() == []
