"""One plan for tests that need any."""

from pathlib import Path

from hypervisors import Image, Network, VmRef
from vmmigrate.findings import Finding, Severity
from vmmigrate.model import Identity, Plan, Premise

LAN = Network("lan", "network")
PLAN = Plan(
    hypervisor="test:///default",
    old=VmRef("0c8a", "mailgw"),
    old_version="5.4.1",
    identity=Identity(
        "mailgw",
        "mailgw.example.test",
        "mailgw.example.test",
        "192.0.2.10/24",
        "192.0.2.1",
        ("192.0.2.53",),
        "52:54:00:00:00:01",
        LAN,
    ),
    image=Image(Path("/images/new.qcow2"), "qcow2", 3 * 2**29, 8 * 2**30, "c0ffee" + "0" * 58),
    new_name="mailgw-20260102-030405-abcd",
    store="default",
    staging=Network("br1", "bridge"),
    staging_first=False,
    vcpus=2,
    memory=2**30,
    insecure=("--trust-staging",),
    premises=(Premise("pool", "default"),),
    findings=(Finding("tls", Severity.WARNING, "the certificate expires in 5 days", "renew it afterwards"),),
)
