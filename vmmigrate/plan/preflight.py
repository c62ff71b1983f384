"""All that is asked before a migration, as one table: ask everything, change nothing, then make the Plan."""

from dataclasses import replace

from vmmigrate.model import Plan
from vmmigrate.plan import beside, deciding, gateway, hypervisor, image, placement, probed, risks
from vmmigrate.plan.look import Look
from vmmigrate.plan.questions import Question, ask_all

Q = Question[Look]

# What costs no log-in to a guest; the rest is not asked if one of these fails.
FIRST = (
    Q("old-vm", "Is the old VM there, running and unclaimed?", hypervisor.old_vm),
    Q("image", "Is the new image's file an image, and complete?", image.image),
    Q("backup-file", "Is the archive exported by hand a backup?", image.archive),
)
_GUEST = (gateway.software,)
_KNOWN = (gateway.software, gateway.identity)
_ON_LAN = (gateway.address, *_KNOWN)
LOOKS = (
    Q("store", "Which store has room for the new disk?", placement.store),
    Q("staging", "Which network is staging?", placement.staging),
    Q("new-name", "Is the new VM's name free?", hypervisor.new_name),
    Q("rename", "Can both be renamed at the end?", hypervisor.retired_name, (hypervisor.new_name,)),
    Q("property", "Can the vApp properties be set as requested?", image.given_properties),
    Q("property-not-passed", "Does a guest get the properties that it asks for?", image.properties_not_passed),
    Q("old-address", "At which address is the old gateway reached?", gateway.address),
    Q("old-shell", "Can we log in there, and is it a release that is migrated?", gateway.software, (gateway.address,)),
    Q("network", "Which interfaces, addresses and resolvers does it have?", gateway.network, _GUEST),
    Q("live-nic", "Which NIC faces the world?", gateway.live, (*_GUEST, gateway.network)),
    Q("identity", "Who is the gateway to the world?", gateway.identity, (*_GUEST, gateway.network, gateway.live)),
    Q("guest-network", "What becomes of all that its network has?", gateway.carried, (gateway.network, gateway.live)),
    Q("console", "Can we log in to its console, and is the backup page there?", gateway.console, _GUEST),
    Q("queues", "Does mail wait in its queues?", gateway.queues, _GUEST),
    Q("plainly", "What does it say without sudo?", gateway.plainly, _GUEST),
    Q("firewall", "Can its intake be closed?", gateway.firewall, (*_GUEST, gateway.plainly)),
    Q("accounts", "Who logs in there, and is carried?", gateway.accounts, (*_GUEST, gateway.plainly)),
    Q("database", "Can its database be read?", gateway.database, _GUEST),
    Q("staging-is-live", "Is staging another network?", gateway.staging_is_not_live, (*_KNOWN, placement.staging)),
    Q("same-lan", "Can it be prepared on the live network?", beside.same_lan, (*_ON_LAN, placement.staging)),
    Q("tls", "Can its certificates and keys be read, and used?", gateway.certificates, _KNOWN),
    Q("resolver", "Is it its own resolver?", gateway.resolver, (gateway.network,)),
    Q("seen-as", "As whom does the live network see us?", gateway.seen_as, _GUEST),
    Q("nics", "Would it stay live on another NIC?", gateway.nics, (gateway.network, gateway.live)),
    Q("mac-holder", "Does another VM have its MAC?", hypervisor.others_with_its_mac),
    Q("probed", "Was the hypervisor asked what no documentation says?", probed.answers),
    Q("disks", "Does it have more than one disk?", hypervisor.disks),
    Q("trust-staging", "Is a host key trusted as the network shows it?", risks.trust_staging),
    Q("via", "Who else comes from a jump host?", risks.via),
)
DECISIONS = (
    Q("hardware", "Which hardware does the new VM get?", image.hardware),
    Q("mac", "Which MAC does its live NIC get?", deciding.new_mac),
    Q("plan", "What will be done?", deciding.plan, (image.hardware, deciding.new_mac)),
)
LAST = (
    Q("deployment", "Would the hypervisor take it?", deciding.rehearsal),
    Q("carried", "What becomes of all that the old VM has?", deciding.carried, (deciding.rehearsal,)),
)


def preflight(look: Look) -> Plan:
    """Raises PlanRefused with all errors that were found; else the plan, with its other findings."""
    for table in (FIRST, LOOKS, DECISIONS, LAST):
        ask_all(table, look)
        look.findings.refuse_if_blocked()
    carried = look.of(deciding.carried) + look.of(gateway.carried) + look.of(gateway.accounts)
    return replace(look.of(deciding.plan), findings=tuple(look.findings.all), carried=carried)
