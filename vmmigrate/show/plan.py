"""Show a plan for people. Pure functions."""

from hypervisors import printable
from vmmigrate import properties
from vmmigrate.model import Plan
from vmmigrate.show.carried import carried_lines
from vmmigrate.show.sizes import size


def plan_lines(plan: Plan) -> list[str]:
    """A plan for people."""
    identity, image = plan.identity, plan.image
    lines = [
        f"old VM      {plan.old.name} ({plan.old.id}), version {plan.old_version}",
        (
            f"gateway     {identity.mail_name}, {identity.address} via {identity.gateway or 'no gateway'}, "
            f"MAC {identity.mac} on {identity.network}"
        ),
        f"new image   {image.path} ({image.format}, {size(image.file_size)}, SHA-256 {image.sha256[:16]}…)",
        f"new VM      {plan.new_name}: {plan.vcpus} vCPU, {size(plan.memory)}, in pool {plan.store}"
        + (f", in folder {plan.folder}" if plan.folder else ""),
        f"NICs        live on {identity.network} (unplugged until the switch), staging on {_staging(plan)}"
        + (", staging first" if plan.staging_first else ""),
    ]
    if plan.like_old is not None:
        lines.append(f"like old    {', '.join(plan.like_old) or 'nothing beside its hardware'}")
    lines += [f"property    {printable(line)}" for line in properties.in_words(plan.properties)]
    lines += [f"insecure    {flag}" for flag in plan.insecure]
    for finding in plan.findings:
        lines.append(f"{finding.severity:<11} {finding.id}: {finding.seen}")
        lines += [f"            → {finding.remedy}"] if finding.remedy else []
    return lines + carried_lines(plan.carried)


def _staging(plan: Plan) -> str:
    return f"the same network, at {plan.same_lan}" if plan.same_lan else str(plan.staging)
