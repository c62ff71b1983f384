"""The list of what becomes of an old domain's things: complete, true, and by place."""
# ruff: noqa: S314 -- the XML is the test's own

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from hypervisors import Carried, Fate, Network, NicSpec
from hypervisors.kvm.building import Shape, domain_like
from hypervisors.kvm.carrying import carried
from hypervisors.kvm.known import NEW_STORE, UNKNOWN
from hypervisors.tag import Tag
from vmmigrate.show.carried import ROWS, carried_lines

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
MAC = "52:54:00:aa:00:01"
DISK = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/srv/vm/old.qcow2'/>
<target dev='vda' bus='virtio'/></disk>"""
NIC = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='br0'/><model type='virtio'/></interface>"
OS = "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"


def domain(*devices: str, beside: str = "", os: str = OS, disk: str = DISK, nic: str = NIC) -> str:
    return f"""<domain type='kvm' xmlns:qemu='{QEMU}'><name>old</name><uuid>f33048df-d3e6-4fc1-a528-3045070c7f4c</uuid>
<memory unit='MiB'>2048</memory><vcpu>2</vcpu>{beside}{os}<features><acpi/></features><devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator>{disk}{nic}{"".join(devices)}</devices></domain>"""


def made_like(text: str, **given: Any) -> tuple[ET.Element, ET.Element]:
    """The old domain and the new one."""
    old = ET.fromstring(text)
    nics = (NicSpec(Network("br0", "bridge"), MAC, False), NicSpec(Network("staging", "network"), None, True))
    tag = Tag("run1", complete=False, vm="0b1d6f0a-5c55-4d0c-9a77-3f6e0f4b2c11")
    shape = Shape("new", tag, "/pool/new.qcow2", nics, **{"vcpus": 2, "memory": 2 << 30, **given})
    return old, domain_like(old, shape)


def listed(text: str, **given: Any) -> dict[str, Carried]:
    return {line.what: line for line in carried(*made_like(text, **given))}


ALWAYS = {"name", "uuid", "devices/disk/source", "devices/disk[1]/source"}  # are another's in every new domain


def differing(text: str, **given: Any) -> dict[str, Fate]:
    """All that is not kept, but for what every new domain has of its own."""
    found = listed(text, **given)
    return {what: line.fate for what, line in found.items() if line.fate is not Fate.KEPT and what not in ALWAYS}


def test_a_plain_machine_is_kept_but_for_its_name_and_its_disk() -> None:
    assert differing(domain()) == {}
    kept = {what for what, line in listed(domain()).items() if line.fate is Fate.KEPT}
    assert kept == {
        *("@type", "memory", "vcpu", "os", "features"),
        *("devices/emulator", "devices/disk", "devices/interface"),
    }
    assert all(line.why for line in listed(domain()).values() if line.fate is not Fate.KEPT)


D, C, N, K = Fate.DROPPED, Fate.CHANGED, Fate.NOT_POSSIBLE, Fate.KEPT
TPM = "<tpm model='tpm-crb'><backend type='{}'>{}</backend></tpm>"
EFI = OS.replace("<os>", "<os firmware='efi'>")
SECURE = EFI.replace("</os>", "<firmware><feature enabled='yes' name='secure-boot'/></firmware></os>")
CARD = "<source><address domain='0' bus='3' slot='0' function='0'/></source>"


LUKS = "old.qcow2'><encryption format='luks'><secret type='passphrase' uuid='1'/></encryption>"


def os_with(inside: str) -> str:
    return OS.replace("</os>", inside + "</os>")


LOADER = os_with("<loader readonly='yes' type='pflash'>/l.fd</loader><nvram template='/v.fd'>/srv/old.fd</nvram>")
INSIDE_DISK = DISK.replace("</disk>", "{}</disk>")
INSIDE_NIC = NIC.replace("</interface>", "{}</interface>")


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (domain(TPM.format("emulator", "<source type='file' path='/t'/>")), {"devices/tpm": C}),
        (
            domain(TPM.format("emulator", "<encryption secret='11111111-2222-3333-4444-555555555555'/>")),
            {"devices/tpm": C},
        ),
        (domain(TPM.format("emulator", "")), {"devices/tpm": C}),
        (domain(TPM.format("passthrough", "<device path='/dev/tpm0'/>")), {"devices/tpm": N}),
        (domain(TPM.format("external", "<source type='unix' path='/run/tpm'/>")), {"devices/tpm": D}),
        (domain("<input type='evdev'><source dev='/dev/input/event7'/></input>"), {"devices/input": N}),
        (
            domain("<input type='tablet' bus='usb'/><input type='passthrough' bus='virtio'/>"),
            {"devices/input[2]": N},
        ),
        (domain(disk=INSIDE_DISK.format("<serial>S-1</serial>")), {"devices/disk/serial": D}),
        (domain(disk=INSIDE_DISK.format("<wwn>5000c50015ea71ad</wwn>")), {"devices/disk/wwn": D}),
        (domain(disk=DISK.replace("old.qcow2'/>", LUKS + "</source>")), {"devices/disk/source/encryption": D}),
        (domain(disk=INSIDE_DISK.format("<encryption format='qcow'/>")), {"devices/disk/encryption": D}),
        (domain("<hostdev mode='subsystem' type='pci' managed='yes'>" + CARD + "</hostdev>"), {"devices/hostdev": N}),
        (domain("<hostdev mode='subsystem' type='usb'/>" * 2), {"devices/hostdev[1]": N, "devices/hostdev[2]": N}),
        (
            domain("<filesystem type='mount'><source dir='/srv'/><target dir='s'/></filesystem>"),
            {"devices/filesystem": D},
        ),
        (domain("<vsock model='virtio'><cid auto='no' address='7'/></vsock>"), {"devices/vsock": N}),
        (domain("<vsock model='virtio'><cid auto='yes'/></vsock>"), {"devices/vsock": N}),
        (
            domain(beside="<qemu:commandline><qemu:arg value='-rtc'/></qemu:commandline>"),
            {"*[local-name()='commandline']": D},
        ),
        (domain(beside="<qemu:override/>"), {"*[local-name()='override']": D}),
        (domain(os=SECURE), {"os/firmware/feature/@enabled": C, "os/nvram": C}),
        (domain(os=EFI), {"os/nvram": C}),
        (domain(os=LOADER), {"os/nvram": C}),
        (domain("<channel type='unix'><target type='virtio' name='com.example.0'/></channel>"), {"devices/channel": D}),
        (
            domain("<channel type='unix'><source path='/s'/><target name='org.qemu.guest_agent.0'/></channel>"),
            {"devices/channel": C},
        ),
        (domain("<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"), {}),
        (domain("<watchdog model='i6300esb' action='reset'/>"), {}),
        (domain("<memballoon model='virtio'><stats period='5'/></memballoon>"), {}),
        (domain("<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"), {}),
        (domain("<rng model='virtio'><backend model='egd' type='tcp'/></rng>"), {"devices/rng": D}),
        (domain("<panic model='isa'><address type='isa' iobase='0x505'/></panic>"), {"devices/*/address": C}),
        (domain("<graphics type='vnc' port='5907' autoport='no' passwd='sesam'/>"), {"devices/graphics": C}),
        (domain("<serial type='tcp'><source host='h'/><target port='0'/></serial>"), {"devices/serial": C}),
        (domain("<sound model='ich9'/><audio id='1' type='none'/>"), {"devices/sound": D, "devices/audio": D}),
        (domain("<controller type='pci' model='pcie-root'/>" * 9), {"devices/controller[@type='pci']": C}),
        (domain(beside="<seclabel type='static' model='selinux'><label>x</label></seclabel>"), {"seclabel": D}),
        (domain(beside="<title>Mail</title><description>ask Ann</description>"), {"title": D, "description": D}),
        (domain(beside="<metadata><b:x xmlns:b='urn:backup'/></metadata>"), {"metadata/*[local-name()='x']": D}),
        (domain(beside="<genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>"), {"genid": D}),
        (domain(beside="<on_crash>coredump-restart</on_crash><on_reboot>destroy</on_reboot>"), {}),
        (domain(beside="<blkiotune><weight>800</weight></blkiotune><iothreads>4</iothreads>"), {}),
        (domain(disk=DISK + DISK.replace("vda", "vdb")), {"devices/disk[2]": D}),
        (domain("<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"), {"devices/disk[2]": D}),
        (domain(NIC.replace("00:01", "00:02")), {"devices/interface[2]": D}),
        (domain(nic=INSIDE_NIC.format("<target dev='gw0'/>")), {"devices/interface/target": C}),
        (domain(nic=INSIDE_NIC.format("<boot order='2'/>")), {"devices/interface/boot": D}),
        (
            domain(
                nic=INSIDE_NIC.format("<virtualport type='openvswitch'><parameters interfaceid='x'/></virtualport>")
            ),
            {"devices/interface/virtualport/parameters/@interfaceid": D},
        ),
    ],
    ids=lambda value: "old" if isinstance(value, str) else " ".join(value) or "all kept",
)
def test_each_thing_has_its_fate(old: str, expected: dict[str, Fate]) -> None:
    assert differing(old) == expected


LIMITS = "<iotune><total_iops_sec>200</total_iops_sec></iotune>"
QUEUES = DISK.replace("type='qcow2'", "type='qcow2' cache='none' queues='4' iothread='1' error_policy='stop'")
FILTERS = "<throttlefilters><throttlefilter group='slow'/></throttlefilters>"
GROUPS = """<throttlegroups><throttlegroup><total_iops_sec>200</total_iops_sec><group_name>slow</group_name>
</throttlegroup></throttlegroups>"""
THREADS = DISK.replace("type='qcow2'/>", "type='qcow2' queues='2'><iothreads><iothread id='2'/></iothreads></driver>")
OF_NIC = """<bandwidth><outbound average='1000'/></bandwidth><port isolated='yes'/><driver name='vhost' queues='4'/>
<filterref filter='clean'><parameter name='IP' value='192.0.2.10'/></filterref><rom bar='off'/>
<mtu size='9000'/><backend vhost='/dev/vhost-net2'/>"""


class TestKept:
    """What is the operator's limit or tuning is carried, not only listed."""

    @pytest.mark.parametrize(
        ("old", "path"),
        [
            (domain(disk=INSIDE_DISK.format(LIMITS)), "devices/disk/iotune"),
            (domain(disk=INSIDE_DISK.format(FILTERS), beside=GROUPS), "devices/disk/throttlefilters/throttlefilter"),
            (domain(beside=GROUPS), "throttlegroups/throttlegroup/group_name"),
            (domain(disk=THREADS), "devices/disk/driver/iothreads/iothread"),
            (domain(nic=INSIDE_NIC.format(OF_NIC)), "devices/interface/bandwidth"),
            (domain(nic=INSIDE_NIC.format(OF_NIC)), "devices/interface/filterref/parameter"),
            (domain(nic=INSIDE_NIC.format(OF_NIC)), "devices/interface/rom"),
            (domain(nic=INSIDE_NIC.format(OF_NIC)), "devices/interface/backend"),
            (domain(beside="<on_lockfailure>pause</on_lockfailure>"), "on_lockfailure"),
            (domain(beside="<maxMemory slots='4' unit='GiB'>8</maxMemory>"), "maxMemory"),
        ],
        ids=lambda value: value if value[0] != "<" else None,
    )
    def test_as_it_was(self, old: str, path: str) -> None:
        before, after = (found.find(path) for found in made_like(old))
        assert before is not None
        assert after is not None
        assert (after.tag, after.attrib, after.text) == (before.tag, before.attrib, before.text)
        assert differing(old) == {}

    def test_a_disk_keeps_its_queues_on_its_bus_alone(self) -> None:
        _, new = made_like(domain(disk=QUEUES))
        assert driver_of(new) == {
            "name": "qemu",
            "type": "qcow2",
            "cache": "none",
            "queues": "4",
            "iothread": "1",
            "error_policy": "stop",
        }
        _, other = made_like(domain(disk=QUEUES), disk_bus="sata")
        assert driver_of(other) == {"name": "qemu", "type": "qcow2", "cache": "none", "error_policy": "stop"}
        assert differing(domain(disk=QUEUES), disk_bus="sata") == {
            **dict.fromkeys(("devices/disk/driver/@queues", "devices/disk/driver/@iothread"), D),
            **dict.fromkeys(("devices/disk/target/@bus", "devices/disk/target/@dev"), C),
        }

    def test_a_macvtap_filter_is_trusted_as_it_was(self) -> None:
        trusting = domain(nic=NIC.replace("type='bridge'", "type='bridge' trustGuestRxFilters='yes'", 1))
        _, new = made_like(trusting)
        assert [one.get("trustGuestRxFilters") for one in new.findall("devices/interface")] == ["yes", None]


def test_what_other_programs_wrote_has_a_path_that_xmllint_takes() -> None:
    """It knows no prefix. Two programs may use one name."""
    beside = "<metadata><a:x xmlns:a='urn:a/1'/><b:x xmlns:b='urn:b/2'/><c:y xmlns:c='urn:c'/></metadata>"
    assert set(differing(domain(beside=beside))) == {
        "metadata/*[local-name()='x'][1]",
        "metadata/*[local-name()='x'][2]",
        "metadata/*[local-name()='y']",
    }


def test_a_bus_without_threads_names_none() -> None:
    _, new = made_like(domain(disk=THREADS), disk_bus="sata")
    assert new.find("devices/disk/driver/iothreads") is None


def driver_of(made: ET.Element) -> dict[str, str]:
    found = made.find("devices/disk/driver")
    assert found is not None
    return dict(found.attrib)


class TestIdentity:
    """What identifies the old machine, or set up its guest, is not given to the new one."""

    TABLES = """<sysinfo type='smbios'><bios><entry name='vendor'>V</entry></bios>
<system><entry name='serial'>S</entry><entry name='uuid'>U</entry><entry name='product'>P</entry></system>
<baseBoard><entry name='serial'>B</entry><entry name='asset'>A</entry></baseBoard>
<chassis><entry name='serial'>C</entry><entry name='asset'>A</entry><entry name='sku'>K</entry></chassis>
<oemStrings><entry>io.systemd.credential:x=old</entry></oemStrings></sysinfo>
<sysinfo type='fwcfg'><entry name='opt/com.coreos/config' file='/srv/vm/old.ign'/></sysinfo>"""
    SAID = os_with("<smbios mode='sysinfo'/>")

    def test_its_make_stays(self) -> None:
        _, new = made_like(domain(beside=self.TABLES, os=self.SAID))
        assert [(one.get("name"), one.text) for one in new.iter("entry")] == [
            ("vendor", "V"),
            ("product", "P"),
            ("sku", "K"),
        ]
        assert [block.tag for block in new.findall("sysinfo/*")] == ["bios", "system", "chassis"]
        assert new.find("os/smbios") is not None

    def test_each_that_goes_has_a_line(self) -> None:
        assert set(differing(domain(beside=self.TABLES, os=self.SAID))) == {
            *("sysinfo[1]/system/entry[1]", "sysinfo[1]/system/entry[2]", "sysinfo[1]/baseBoard"),
            *("sysinfo[1]/chassis/entry[1]", "sysinfo[1]/chassis/entry[2]", "sysinfo[1]/oemStrings", "sysinfo[2]"),
        }

    def test_a_table_of_which_nothing_is_left_is_not_announced(self) -> None:
        only = "<sysinfo type='smbios'><system><entry name='serial'>S</entry></system></sysinfo>"
        _, new = made_like(domain(beside=only, os=self.SAID))
        assert (new.find("sysinfo"), new.find("os/smbios")) == (None, None)
        assert differing(domain(beside=only, os=self.SAID)) == {"sysinfo": D, "os/smbios": D}

    def test_the_hosts_own_table_stays(self) -> None:
        assert differing(domain(os=os_with("<smbios mode='host'/>"))) == {}

    def test_two_machines_never_write_one_tpm(self) -> None:
        kept = "<source type='file' path='/t'/><active_pcr_banks><sha256/></active_pcr_banks><encryption secret='x'/>"
        _, new = made_like(domain(TPM.format("emulator' version='2.0' persistent_state='yes", kept)))
        assert [child.tag for child in new.findall("devices/tpm/backend/*")] == ["active_pcr_banks"]
        backend = new.find("devices/tpm/backend")
        assert backend is not None
        assert backend.attrib == {"type": "emulator", "version": "2.0", "persistent_state": "yes"}


FEATURES = "<firmware><feature enabled='{}' name='secure-boot'/><feature enabled='{}' name='enrolled-keys'/></firmware>"
SMM = "<smm state='on'/>"


def efi_with(inside: str) -> str:
    return EFI.replace("</os>", inside + "</os>")


class TestSecureBoot:
    """An image that nobody signed never boots with it: it is off, and the list says so."""

    @pytest.mark.parametrize(
        ("os", "smm", "off"),
        [
            (efi_with(FEATURES.format("yes", "yes")), SMM, True),
            (efi_with(FEATURES.format("yes", "no")), SMM, True),
            (efi_with("<loader secure='yes'/>"), "", True),
            (EFI, SMM, True),  # libvirt may choose one with keys
            (EFI, "", False),
            (efi_with(FEATURES.format("no", "no")), SMM, False),
            (LOADER, SMM, False),
            (LOADER.replace("<loader", "<loader secure='yes'"), SMM, True),
            (LOADER.replace("/v.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"), SMM, True),
            (LOADER.replace("/v.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"), SMM, True),
            (
                os_with("<loader type='rom'>/r.fd</loader><varstore template='/vars.secboot.json' path='/s.json'/>"),
                "",
                True,
            ),
            (os_with("<loader type='rom'>/r.fd</loader><varstore template='/vars.json' path='/s.json'/>"), "", False),
            (os_with("<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>"), SMM, True),
            (
                LOADER.replace("/l.fd", "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"),
                SMM,
                False,
            ),  # its template has no keys
            (LOADER.replace("/v.fd", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"), SMM, True),
        ],
    )
    def test_is_off(self, os: str, smm: str, off: bool) -> None:
        old, new = made_like(domain(os=os).replace("<acpi/>", f"<acpi/>{smm}"))
        said = {(one.get("name"), one.get("enabled")) for one in new.findall("os/firmware/feature")}
        if off:
            assert said == {("secure-boot", "no"), ("enrolled-keys", "no")}
            assert (new.find("os").attrib, new.find("os/loader"), new.find("os/nvram")) == (  # type: ignore[union-attr]
                {"firmware": "efi"},
                None,
                None,
            )
        else:
            assert said == {(one.get("name"), one.get("enabled")) for one in old.findall("os/firmware/feature")}
            assert (new.find("os/loader") is None) == (old.find("os/loader") is None)

    @pytest.mark.parametrize(
        "os", [efi_with(FEATURES.format("yes", "yes")), LOADER.replace("/v", "/OVMF_VARS_4M.ms"), EFI], ids=str
    )
    def test_the_list_says_so(self, os: str) -> None:
        """Also where the definition says nothing of it, and libvirt may have chosen a firmware with keys."""
        old = domain(os=os).replace("<acpi/>", f"<acpi/>{SMM}")
        words = [line.why for what, line in listed(old).items() if what.startswith(("os/f", "os/l"))]
        assert words
        assert all("Secure Boot" in why for why in words)

    def test_a_bios_has_no_store(self) -> None:
        found = listed(domain(os=LOADER), firmware="bios")
        assert {found[what].why for what in ("os/loader", "os/nvram")} == {"the new VM has a BIOS"}
        assert listed(domain(os=EFI))["os/nvram"].why == NEW_STORE

    def test_uefi_in_a_rom_has_no_store(self) -> None:
        assert "os/nvram" not in listed(domain(os="<loader type='rom'>/usr/share/ovmf/OVMF.fd</loader>"))


class TestSizes:
    TUNED = domain(beside="<cputune><shares>512</shares><vcpupin vcpu='0' cpuset='0'/></cputune><cpu><topology/></cpu>")
    ROOM = domain(
        "<memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target></memory>",
        "<memory model='nvdimm'><source><path>/srv/n</path></source></memory>",
        beside="<maxMemory slots='4' unit='GiB'>8</maxMemory>",
    )

    def test_both_numbers_are_shown(self) -> None:
        found = listed(domain(), vcpus=4, memory=4 << 30)
        assert (found["vcpu"], found["memory"]) == (
            Carried("vcpu", C, "2 → 4"),
            Carried("memory", C, "2048 MiB → 4096 MiB"),
        )

    def test_what_fits_no_other_number_is_dropped(self) -> None:
        assert differing(self.TUNED) == {}
        assert differing(self.TUNED, vcpus=4) == {"vcpu": C, "cputune/vcpupin": D, "cpu": D}

    def test_room_for_more_goes_with_its_modules(self) -> None:
        """A module that is a file of the host is the old VM's in any case."""
        assert differing(self.ROOM) == {"devices/memory[2]": D}
        assert differing(self.ROOM, memory=4 << 30) == {
            "memory": C,
            "maxMemory": D,
            "devices/memory[1]": D,
            "devices/memory[2]": D,
        }

    def test_a_module_that_stays_gets_a_place_again(self) -> None:
        placed = self.ROOM.replace("</node></target>", "</node></target><address type='dimm' slot='0'/>")
        assert listed(placed)["devices/*/address"].why == "libvirt gives each device a place on its bus again"

    def test_what_is_said_of_all_memory_stays(self) -> None:
        _, new = made_like(domain().replace("<memory unit", "<memory dumpCore='off' unit"), memory=4 << 30)
        memory = new.find("memory")
        assert memory is not None
        assert (memory.attrib, memory.text) == ({"dumpCore": "off", "unit": "b"}, str(4 << 30))


class TestUnknown:
    """What no rule knows is named by its XPath."""

    def test_an_element_of_a_later_libvirt(self) -> None:
        found = listed(domain("<warp drive='9'/>", beside="<future><thing/></future>"))
        for what in ("future", "devices/warp"):
            assert found[what] == Carried(what, D, UNKNOWN)

    def test_one_inside_what_is_made_again(self) -> None:
        found = listed(domain(nic=INSIDE_NIC.format("<newer x='1'/>").replace("<model ", "<model also='y' ")))
        assert found["devices/interface/newer"] == Carried("devices/interface/newer", D, UNKNOWN)
        assert found["devices/interface/model/@also"].fate is D
        assert found["devices/interface"].fate is K

    def test_a_password_that_is_kept_is_said_to_be(self) -> None:
        one, two = "<graphics type='vnc' passwd='sesam'/>", "<graphics type='spice'/>"
        assert listed(domain(one))["devices/graphics/@passwd"].fate is K
        assert {what for what in listed(domain(two, one)) if "passwd" in what} == {"devices/graphics[2]/@passwd"}

    def test_no_value_is_shown_of_what_may_be_a_secret(self) -> None:
        secrets = (
            "<graphics type='vnc' passwd='sesam'/>",
            "<graphics type='spice' passwd='sesam' newer='sesam'/>",
            "<interface type='user'><backend password='sesam'/></interface>",
        )
        tables = "<sysinfo type='smbios'><oemStrings><entry>sesam</entry></oemStrings></sysinfo>"
        arguments = "<qemu:commandline><qemu:env name='TOKEN' value='sesam'/></qemu:commandline><newer>sesam</newer>"
        for change in ({}, {"vcpus": 4, "memory": 4 << 30, "disk_bus": "scsi", "firmware": "efi"}):
            lines = carried(*made_like(domain(*secrets, beside=tables + arguments), **change))
            assert "sesam" not in " ".join(f"{line.what} {line.why}" for line in lines)


# ---- nothing is left out: compared by another way than the product's -------------------------------------

EVERYTHING = domain(
    TPM.format("emulator", "<source type='file' path='/t'/>"),
    TPM.format("passthrough", "<device path='/dev/tpm0'/>"),
    "<input type='tablet' bus='usb'><address type='usb' bus='0' port='1'/></input><input type='evdev'/>",
    "<controller type='usb' index='0' model='qemu-xhci'><address type='pci'/></controller>",
    "<controller type='pci' index='0' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>",
    "<controller type='scsi' index='0' model='virtio-scsi'><driver iothread='5'/><alias name='ua-s'/></controller>",
    "<serial type='tcp'><source mode='bind' host='h' service='1'/><log file='/l'/><target port='0'/></serial>",
    "<serial type='pty'><target type='isa-serial' port='1'><model name='isa-serial'/></target></serial>",
    "<console type='pty'><target type='virtio' port='0'/></console>",
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    "<channel type='unix'><target type='virtio' name='com.example.0'/></channel>",
    "<graphics type='spice' port='5901' tlsPort='5902' passwd='x'><listen type='socket' socket='/s'/></graphics>",
    "<graphics type='vnc'><audio id='1'/></graphics><audio id='1' type='none'/><sound model='ich9'><codec/></sound>",
    "<video><model type='qxl' ram='65536' heads='1'/></video><panic><address type='isa'/></panic>",
    "<rng model='virtio'><rate bytes='1'/><backend model='random'>/dev/urandom</backend></rng>",
    "<rng model='virtio'><backend model='egd' type='tcp'><source/></backend></rng>",
    "<hostdev mode='subsystem' type='pci'><source/></hostdev><vsock><cid address='7'/></vsock>",
    "<filesystem type='mount'><source dir='/s'/><target dir='s'/></filesystem><shmem name='x'/>",
    "<iommu model='intel'/><memballoon model='none'/><watchdog model='itco' action='none'/><crypto/><hub type='usb'/>",
    "<warp><core number='1'>hot</core></warp>",
    DISK.replace("vda", "vdb"),
    "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>",
    NIC.replace("00:01", "00:03"),
    beside="""<title>t</title><description>d</description><metadata><b:x xmlns:b='urn:b' y='1'><b:z/></b:x></metadata>
<genid/><idmap/><on_crash>preserve</on_crash>
<clock offset='utc'><timer name='rtc'/><timer name='hpet' present='no'/></clock>
<maxMemory slots='2' unit='GiB'>8</maxMemory><currentMemory unit='MiB'>1024</currentMemory>
<memtune><hard_limit>9</hard_limit></memtune>
<numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' mode='strict' nodeset='0'/></numatune>
<memoryBacking><hugepages><page size='2' unit='M' nodeset='0'/><page size='1' unit='G' nodeset='1'/></hugepages>
</memoryBacking>
<iothreads>2</iothreads><iothreadids><iothread id='5'/><iothread id='7'/></iothreadids>
<cputune><shares>5</shares><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/></cputune>
<cpu><topology sockets='1' cores='2' threads='1'/><numa><cell id='0' cpus='0-1' memory='2' unit='GiB'/></numa></cpu>
<qemu:commandline><qemu:arg value='-s'/></qemu:commandline><seclabel type='none'/><future x='1'>y<z/></future>
"""
    + TestIdentity.TABLES,
    os=efi_with(
        "<loader secure='yes'/><nvram template='/v' format='raw'>/n</nvram><boot dev='hd'/><boot dev='network'/>"
        "<bootmenu enable='yes'/><smbios mode='sysinfo'/><kernel>/k</kernel>" + FEATURES.format("yes", "yes")
    ),
    disk=INSIDE_DISK.format(LIMITS + "<serial>S</serial><boot order='1'/><address type='pci'/><newer/>"),
    nic=INSIDE_NIC.format(OF_NIC + "<boot order='2'/><target dev='t'/><link state='up'/><alias name='ua-n'/><newer/>"),
)
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"vcpus": 4},
    {"memory": 4 << 30},
    {"firmware": "bios"},
    {"disk_bus": "sata", "vcpus": 1, "memory": 1 << 30, "empty": ("/pool/a", "/pool/b")},
)


def said_in(element: ET.Element, above: str = "") -> Iterator[tuple[str, str, str]]:
    here = f"{above}/{element.tag}"
    yield here, "", (element.text or "").strip()
    yield from ((here, name, value) for name, value in element.attrib.items())
    for child in element:
        yield from said_in(child, here)


def by_place(old: ET.Element, lines: tuple[Carried, ...]) -> dict[tuple[ET.Element, str], Fate]:
    """Each line's elements, found by what a person would paste into `xmllint --xpath`."""
    found: dict[tuple[ET.Element, str], Fate] = {}
    for line in lines:
        path = re.sub(r"\*\[local-name\(\)='(\w+)'\]", r"{*}\1", f"./{line.what}")  # as ElementTree spells it
        place, at, attribute = path.rpartition("/@")
        named = old.findall(place or "." if at else path)
        assert named or line.what == "os/nvram", f"{line.what} names nothing"
        found |= {(element, attribute if at else ""): line.fate for element in named}
    return found


def unsaid(old: ET.Element, new: ET.Element, lines: tuple[Carried, ...]) -> Iterator[str]:
    """What has no line, and what is said to be kept and is not there: in the words of the nearest line above it."""
    there, fates = set(said_in(new)), by_place(old, lines)

    def look(element: ET.Element, above: str, fate: Fate | None) -> Iterator[str]:
        here, fate = f"{above}/{element.tag}", fates.get((element, ""), fate)
        for name, value in (("", (element.text or "").strip()), *element.attrib.items()):
            said = fates.get((element, name), fate)
            if said is None and (name or element.tag not in ("domain", "devices", "metadata")):
                yield f"{here} {name} has no line"
            elif said is K and (here, name, value) not in there:
                yield f"{here} {name} is not kept"
        for child in element:
            yield from look(child, here, fate)

    return look(old, "", None)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize(
    "old", [EVERYTHING, domain(), "<domain type='kvm'><devices/></domain>"], ids=["all", "plain", "bare"]
)
def test_every_element_is_in_the_new_one_or_on_the_list(old: str, change: dict[str, Any]) -> None:
    both = made_like(old, **change)
    lines = carried(*both)
    assert list(unsaid(*both, lines)) == []
    assert len({line.what for line in lines}) == len(lines)
    assert all(line.why for line in lines if line.fate is not K)


def test_the_comparison_itself_would_see_a_loss() -> None:
    old, new = made_like(EVERYTHING)
    lines = carried(old, new)
    for line in lines:
        # of a change another value may be there by the same names, of another device; a remark adds to what is kept
        if line.fate is not C and not (line.fate is K and line.why):
            assert list(unsaid(old, new, tuple(one for one in lines if one is not line))), line


ODD = (
    EVERYTHING,
    domain("<controller type='pci' model='pcie-root-port'><address type='pci'/></controller>" * 30, NIC * 3),
    domain(*(f"<hostdev mode='subsystem' type='pci' n='{n}'/>" for n in range(60)), os=LOADER),
)


@pytest.mark.parametrize("old", ODD, ids=["everything", "many controllers", "many devices of the host"])
def test_an_odd_domain_fits_a_screen(old: str) -> None:
    lines = carried_lines(carried(*made_like(old)))
    assert 4 < len(lines) <= ROWS
    assert all(len(line) <= 100 for line in lines)
