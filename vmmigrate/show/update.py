"""Show the plan of a package update. Pure functions."""

from vmmigrate.updating.planning import UpdatePlan


def plan_lines(plan: UpdatePlan) -> list[str]:
    if plan.nothing_to_do:
        return [f"{plan.host} has {plan.before} already: nothing to do", *_why(plan)]
    lines = [f"host        {plan.host}, of the {plan.system} family", f"release     {plan.before} → {plan.after}"]
    lines += [f"would do    {number}. {act}" for number, act in enumerate(plan.acts, 1)] + _why(plan)
    for finding in plan.findings:
        lines.append(f"{finding.severity:<11} {finding.id}: {finding.seen}")
        lines += [f"            → {finding.remedy}"] if finding.remedy else []
    return lines


def _why(plan: UpdatePlan) -> list[str]:
    return [f"because     {reason}" for reason in plan.why]


def plan_json(plan: UpdatePlan) -> dict[str, object]:
    return {
        "event": "UpdatePlanned",
        "host": plan.host,
        "family": plan.system,
        "before": plan.before,
        "after": plan.after,
        "nothing_to_do": plan.nothing_to_do,
        "acts": list(plan.acts),
        "why": list(plan.why),
        "findings": [
            {"id": each.id, "severity": str(each.severity), "seen": each.seen, "remedy": each.remedy}
            for each in plan.findings
        ],
    }
