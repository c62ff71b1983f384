"""Descriptors as VirtualBox, oVirt, virt-v2v and others write them: each says the same machine in its own words."""

import re
from pathlib import Path

import pytest
from small_ova import DISK, DISK_SIZE, NAME, OVF, descriptor, manifest, members, packed, write_folder, write_ova
from small_ova import stream_optimized as disk

from hypervisors import BadImage, Image, OvfDescription, OvfNic, identify_image, no_progress
from hypervisors.vmware import describing

FORMAT = '\n     ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"'
GIB = 1 << 30


def image_of(folder: Path, ovf: str, **files: bytes) -> Image:
    return identify_image(write_folder(folder, {NAME: descriptor(ovf), DISK: disk(), **files}), no_progress)


def described(folder: Path, ovf: str) -> OvfDescription:
    found = image_of(folder, ovf).ovf
    assert found is not None
    return found


def changed(*pairs: tuple[str, str]) -> str:
    text = OVF
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


NICS = (OvfNic("Network adapter 1", "Mail", "VmxNet3"), OvfNic("Network adapter 2", "Management", "E1000"))


class TestIdentityOfItems:
    @pytest.mark.parametrize("spelled", ["InstanceId", "instanceID", "instanceId", "Instanceid"])
    def test_in_every_spelling(self, tmp_path: Path, spelled: str) -> None:
        found = described(tmp_path, OVF.replace("rasd:InstanceID", f"rasd:{spelled}"))
        assert (found.vcpus, found.memory, found.nics) == (2, 4 * GIB, NICS)
        assert (found.disk.bus, found.disk.controller) == ("scsi", "VirtualSCSI")

    @pytest.mark.parametrize("spelled", ["InstanceID", "InstanceId"])
    def test_whichever_item_stands_first(self, tmp_path: Path, spelled: str) -> None:
        """Items without a known identity were folded into the first of them."""
        begin, end = OVF.index("<Item>"), OVF.rindex("</Item>") + len("</Item>")
        items = OVF[begin:end].replace("InstanceID", spelled).split("</Item>")[:-1]
        items.insert(0, items.pop(4))  # the disk
        text = OVF[:begin] + "</Item>".join([*items, ""]) + OVF[end:]
        found = described(tmp_path, text)
        assert (found.vcpus, found.memory, found.nics) == (2, 4 * GIB, NICS)

    def test_none_at_all(self, tmp_path: Path) -> None:
        found = described(tmp_path, OVF.replace("rasd:InstanceID>", "rasd:Nothing>"))
        assert (found.vcpus, found.memory, found.nics, found.disk.bus) == (2, 4 * GIB, NICS, "")

    def test_the_same_for_all(self, tmp_path: Path) -> None:
        found = described(tmp_path, re.sub(r"<rasd:InstanceID>\d", "<rasd:InstanceID>0", OVF))
        assert (found.vcpus, found.memory, found.nics) == (2, 4 * GIB, NICS)

    @pytest.mark.parametrize("general_first", [True, False])
    @pytest.mark.parametrize("spelled", ["InstanceID", "InstanceId"])
    def test_an_item_for_the_deployment_option_replaces_the_general_one(
        self, tmp_path: Path, spelled: str, general_first: bool
    ) -> None:
        options = (
            '<DeploymentOptionSection><Configuration ovf:id="small"/>'
            '<Configuration ovf:id="large" ovf:default="true"/></DeploymentOptionSection><NetworkSection>'
        )
        begin = OVF.index("<Item>")
        general = OVF[begin : OVF.index("</Item>") + len("</Item>")]
        large = general.replace("<Item>", '<Item ovf:configuration="large huge">').replace(">2<", ">8<")
        small = general.replace("<Item>", '<Item ovf:configuration="small">').replace(">2<", ">1<")
        items = [general, large, small] if general_first else [small, large, general]
        text = OVF.replace(general, "".join(items)).replace("<NetworkSection>", options)
        assert described(tmp_path, text.replace("InstanceID", spelled)).vcpus == 8

    @pytest.mark.parametrize(("bound", "vcpus"), [("normal", 8), ("Normal", 8), ("", 8), ("min", 0), ("max", 0)])
    def test_a_bound_that_is_normal_is_none(self, tmp_path: Path, bound: str, vcpus: int) -> None:
        """DSP0243: an item without one is the regular description too."""
        item = OVF[OVF.index("<Item>") : OVF.index("</Item>")]
        ovf = changed((item, item.replace("<Item>", f'<Item ovf:bound="{bound}">').replace(">2<", ">8<")))
        assert described(tmp_path, ovf).vcpus == vcpus


class TestFirmware:
    VMWARE = '<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>'
    VIRTUALBOX = (
        '<vbox:Machine xmlns:vbox="http://www.virtualbox.org/ovf/machine" ovf:required="false" name="gw">'
        '<ovf:Info>VirtualBox</ovf:Info><Hardware><Memory RAMSize="1024"/>{}</Hardware></vbox:Machine></VirtualSystem>'
    )

    @pytest.mark.parametrize("kind", ["Config", "ExtraConfig"])
    @pytest.mark.parametrize(
        ("said", "firmware"), [("efi", "efi"), ("EFI", "efi"), ("UEFI", "efi"), ("bios", "bios"), ("x", "")]
    )
    def test_in_vmwares_words(self, tmp_path: Path, kind: str, said: str, firmware: str) -> None:
        ovf = changed((self.VMWARE, self.VMWARE.replace("vmw:Config", f"vmw:{kind}").replace('"efi"', f'"{said}"')))
        assert described(tmp_path, ovf).firmware == firmware

    @pytest.mark.parametrize("general_first", [True, False])
    @pytest.mark.parametrize(
        ("options", "firmware"), [("large", "efi"), ("huge large", "efi"), ("huge", "bios"), ("", "bios")]
    )
    def test_of_the_deployment_option(self, tmp_path: Path, options: str, firmware: str, general_first: bool) -> None:
        general = self.VMWARE.replace('"efi"', '"bios"')
        special = self.VMWARE.replace("required", f'configuration="{options}" ovf:required') if options else ""
        choice = '<DeploymentOptionSection><Configuration ovf:id="large"/><Configuration ovf:id="huge"/>'
        both = general + special if general_first else special + general
        ovf = changed((self.VMWARE, both), ("<NetworkSection>", f"{choice}</DeploymentOptionSection><NetworkSection>"))
        assert described(tmp_path, ovf).firmware == firmware

    @pytest.mark.parametrize(
        ("said", "firmware"),
        [
            ('<Firmware type="EFI"/>', "efi"),
            ('<Firmware type="EFI64"/>', "efi"),
            ('<Firmware type="EFIDUAL"/>', "efi"),
            ('<Firmware type="BIOS"/>', "bios"),
            ("<BIOS/>", "bios"),  # it writes no Firmware for the usual one
        ],
    )
    def test_in_virtualboxs_words(self, tmp_path: Path, said: str, firmware: str) -> None:
        ovf = changed((self.VMWARE, ""), ("</VirtualSystem>", self.VIRTUALBOX.format(said)))
        assert described(tmp_path, ovf).firmware == firmware

    @pytest.mark.parametrize(
        ("said", "firmware"), [("0", ""), ("1", "bios"), ("2", "bios"), ("3", "efi"), ("4", "efi")]
    )
    def test_in_ovirts_words(self, tmp_path: Path, said: str, firmware: str) -> None:
        ovf = changed((self.VMWARE, ""), ("<Name>mailgw", f"<BiosType>{said}</BiosType><Name>mailgw"))
        assert described(tmp_path, ovf).firmware == firmware


class TestControllers:
    IDE = (
        "<rasd:ElementName>IDE Controller 0</rasd:ElementName><rasd:InstanceID>4</rasd:InstanceID>\n"
        "        <rasd:ResourceType>5</rasd:ResourceType>"
    )

    @pytest.mark.parametrize(
        ("model", "bus"),
        [
            ("VirtioSCSI", "scsi"),
            ("LsiLogicSas", "scsi"),
            ("lsilogicsas", "scsi"),
            ("AHCI", "sata"),
            ("vmware.sata.ahci", "sata"),
            ("vmware.nvme.controller", "nvme"),
        ],
    )
    def test_other_storage_is_known_by_its_model(self, tmp_path: Path, model: str, bus: str) -> None:
        controller = (
            f"<rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceSubType>{model}</rasd:ResourceSubType>"
            "<rasd:ResourceType>20</rasd:ResourceType>"
        )
        ovf = changed((self.IDE, controller), ("<rasd:Parent>3", "<rasd:Parent>4"))
        found = described(tmp_path, ovf).disk
        assert (found.bus, found.controller) == (bus, model)

    def test_a_model_goes_before_a_name(self, tmp_path: Path) -> None:
        controller = (
            "<rasd:ElementName>SCSI Controller 1</rasd:ElementName><rasd:InstanceID>4</rasd:InstanceID>"
            "<rasd:ResourceSubType>AHCI</rasd:ResourceSubType><rasd:ResourceType>20</rasd:ResourceType>"
        )
        ovf = changed((self.IDE, controller), ("<rasd:Parent>3", "<rasd:Parent>4"))
        assert described(tmp_path, ovf).disk.bus == "sata"

    def test_or_by_its_name_where_it_has_no_model(self, tmp_path: Path) -> None:
        controller = self.IDE.replace("IDE Controller 0", "sasController0").replace("Type>5", "Type>20")
        ovf = changed((self.IDE, controller), ("<rasd:Parent>3", "<rasd:Parent>4"))
        assert described(tmp_path, ovf).disk.bus == "scsi"


class TestDisk:
    @pytest.mark.parametrize("resource", ["ovf:/file/file1", "/file/file1", "ovf://disk/vmdisk1", "OVF:/disk/vmdisk1"])
    def test_is_named_by_itself_or_by_its_file(self, tmp_path: Path, resource: str) -> None:
        found = described(tmp_path, changed(("ovf:/disk/vmdisk1", resource))).disk
        assert (found.href, found.capacity, found.bus) == (DISK, DISK_SIZE, "scsi")

    def test_without_a_format_its_bytes_show_it(self, tmp_path: Path) -> None:
        assert image_of(tmp_path, changed((FORMAT, ""))).format == "vmdk"

    def test_that_is_raw_and_without_a_format(self, tmp_path: Path) -> None:
        raw = bytes(510) + b"\x55\xaa" + bytes(DISK_SIZE - 512)
        ovf = changed((FORMAT, ""), (' ovf:size="@SIZE@"', ""))
        image = image_of(tmp_path, ovf, **{DISK: raw})
        assert (image.format, image.virtual_size) == ("raw", DISK_SIZE)

    @pytest.mark.parametrize("uri", ["http://en.wikipedia.org/wiki/Byte", "urn:any"])
    def test_of_a_format_that_nobody_knows_its_bytes_show_it(self, tmp_path: Path, uri: str) -> None:
        """virt-v2v writes the first of the two for a raw disk."""
        raw = bytes(510) + b"\x55\xaa" + bytes(DISK_SIZE - 512)
        ovf = changed((FORMAT, f' ovf:format="{uri}"'), (' ovf:size="@SIZE@"', ""))
        assert image_of(tmp_path, ovf, **{DISK: raw}).format == "raw"
        assert image_of(tmp_path, ovf).format == "vmdk"

    def test_of_hyper_v_is_refused_by_its_bytes(self, tmp_path: Path) -> None:
        ovf = changed((FORMAT, ' ovf:format="http://technet.microsoft.com/x"'), (' ovf:size="@SIZE@"', ""))
        with pytest.raises(BadImage, match="is a Hyper-V disk") as refused:
            image_of(tmp_path, ovf, **{DISK: b"vhdxfile" + bytes(DISK_SIZE)})
        assert "qemu-img convert" in refused.value.hint

    def test_is_a_disk_drive_or_a_logical_disk(self, tmp_path: Path) -> None:
        ovf = changed(("<rasd:ResourceType>17<", "<rasd:ResourceType>31<"))
        assert described(tmp_path, ovf).disk.href == DISK

    def test_ovirt_gives_vmwares_address_to_a_raw_disk(self, tmp_path: Path) -> None:
        raw = bytes(510) + b"\x55\xaa" + bytes(DISK_SIZE - 512)
        ovirt = ' ovf:volume-format="RAW" ovf:format="http://www.vmware.com/specifications/vmdk.html#sparse"'
        ovf = changed((FORMAT, ovirt), (' ovf:size="@SIZE@"', ""))
        assert image_of(tmp_path, ovf, **{DISK: raw}).format == "raw"

    def test_that_is_not_what_ovirt_says(self, tmp_path: Path) -> None:
        with pytest.raises(BadImage, match="its format is vmdk, its descriptor says qcow2"):
            image_of(tmp_path, changed((FORMAT, ' ovf:volume-format="COW" ovf:format="x"')))


class TestPackedFiles:
    @pytest.mark.parametrize("said", ['compression="Identity"', 'compression="identity" ovf:chunkSize="0"'], ids=str)
    def test_what_is_plain_is_taken(self, tmp_path: Path, said: str) -> None:
        assert image_of(tmp_path, changed(("<File ", f"<File ovf:{said} "))).format == "vmdk"

    @pytest.mark.parametrize(
        ("said", "words"), [('compression="Gzip"', "a compressed file"), ('chunkSize="10"', "a file in pieces")]
    )
    def test_what_is_not_is_refused(self, tmp_path: Path, said: str, words: str) -> None:
        with pytest.raises(BadImage, match=words):
            image_of(tmp_path, changed(("<File ", f"<File ovf:{said} ")))


class TestOtherFiles:
    """Only the disk is deployed: what else is named need not be there."""

    @pytest.mark.parametrize(
        "attributes", ['ovf:size="8684"', "", 'ovf:compression="gzip"', 'ovf:chunkSize="1000"'], ids=str
    )
    def test_that_the_descriptor_names(self, tmp_path: Path, attributes: str) -> None:
        ovf = changed(("</References>", f'<File ovf:id="f2" ovf:href="gw.nvram" {attributes}/></References>'))
        assert "not there, and not needed: gw.nvram" in image_of(tmp_path, ovf).remarks

    @pytest.mark.parametrize(
        "name", ["https://x/tools.iso", "msg/de.msg", "../shared/gw.nvram", "C:\\tools.iso", "/etc/shadow", "a\u2028b"]
    )
    def test_whose_name_leads_elsewhere_are_not_looked_for(self, tmp_path: Path, name: str) -> None:
        ovf = changed(("</References>", f'<File ovf:id="f2" ovf:href="{name}"/></References>'))
        shown = name.replace("\u2028", " ")
        assert f"not there, and not needed: {shown}" in image_of(tmp_path, ovf).remarks

    def test_that_the_manifest_names_too(self, tmp_path: Path) -> None:
        ovf = changed(("</References>", '<File ovf:id="f2" ovf:href="gw.nvram"/></References>'))
        text = descriptor(ovf)
        lines = manifest([(NAME, text), (DISK, disk()), ("gw.nvram", b"gone"), ("tools.iso", b"gone")])
        image = identify_image(write_ova(tmp_path / "x.ova", {NAME: text, "gw.mf": lines, DISK: disk()}), no_progress)
        assert image.remarks[:2] == (
            "its manifest (SHA256) agrees; it is not signed",
            "not there, and not needed: gw.nvram, tools.iso",
        )

    def test_that_are_there_are_still_compared(self, tmp_path: Path) -> None:
        ovf = changed(("</References>", '<File ovf:id="f2" ovf:href="gw.nvram" ovf:size="9"/></References>'))
        with pytest.raises(BadImage, match=r"gw\.nvram is damaged: it has 5 bytes, its descriptor says 9"):
            image_of(tmp_path, ovf, **{"gw.nvram": b"store"})


class TestNamesOfFiles:
    @pytest.mark.parametrize(
        ("written", "there"),
        [("mail%20gw.vmdk", "mail gw.vmdk"), ("mail%20gw.vmdk", "mail%20gw.vmdk"), ("100%.vmdk", "100%.vmdk")],
    )
    def test_are_addresses_or_meant_as_they_stand(self, tmp_path: Path, written: str, there: str) -> None:
        ovf = changed((f'ovf:href="{DISK}"', f'ovf:href="{written}"'))
        path = write_ova(tmp_path / "x.ova", {NAME: descriptor(ovf), there: disk()})
        assert identify_image(path, no_progress).virtual_size == DISK_SIZE


@pytest.mark.parametrize("prefix", ["vm", "ovf-namespace", "o.v_f", "описание"])
def test_the_envelope_has_whatever_prefix(tmp_path: Path, prefix: str) -> None:
    began = f'<{prefix}:Envelope xmlns:{prefix}="http://schemas.dmtf.org/ovf/envelope/1" '
    ovf = changed(("<Envelope ", began), ("</Envelope>", f"</{prefix}:Envelope>"))
    assert image_of(tmp_path, ovf).virtual_size == DISK_SIZE


@pytest.mark.parametrize(
    "text", ["<?xml version='1.0'?><domain type='kvm'/>", "<domain type='kvm'/>", "<?xml version='1.0'?><a/>"]
)
def test_other_xml_is_no_web_page(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(BadImage, match="is XML and no OVF, not a disk image"):
        identify_image(tmp_path / "x", no_progress)


OPTIONS = (
    '<DeploymentOptionSection><Configuration ovf:id="small" ovf:default="true"/><Configuration ovf:id="large"/>'
    "</DeploymentOptionSection><NetworkSection>"
)


class TestPropertiesOfDeploymentOptions:
    def keys(self, folder: Path, *pairs: tuple[str, str]) -> list[str]:
        found = described(folder, changed(("<NetworkSection>", OPTIONS), *pairs))
        return [each.key for each in found.properties]

    @pytest.mark.parametrize(("options", "there"), [("small", True), ("large small", True), ("large", False)])
    def test_a_property_of_another_option_is_none(self, tmp_path: Path, options: str, there: bool) -> None:
        keys = self.keys(tmp_path, ('ovf:key="ip"', f'ovf:key="ip" ovf:configuration="{options}"'))
        assert ("net.ip.0" in keys) is there

    @pytest.mark.parametrize(("options", "number"), [("small", 3), ("large", 0)])
    def test_nor_is_any_of_a_section_of_another_option(self, tmp_path: Path, options: str, number: int) -> None:
        section = '<ProductSection ovf:class="net"'
        assert len(self.keys(tmp_path, (section, f'{section} ovf:configuration="{options}"'))) == number

    @pytest.mark.parametrize(("options", "default"), [("small", "a"), ("large small", "a"), ("large", "")])
    def test_the_default_is_that_of_the_option(self, tmp_path: Path, options: str, default: str) -> None:
        value = f'<Value ovf:value="a" ovf:configuration="{options}"/><Label>Address'
        found = described(tmp_path, changed(("<NetworkSection>", OPTIONS), ("<Label>Address", value)))
        assert found.properties[0].default == default

    @pytest.mark.parametrize(
        ("attribute", "of_option", "default"), [("", "", "all"), ("", "small", "one"), ('ovf:value="own"', "", "own")]
    )
    def test_or_else_that_of_all_options(self, tmp_path: Path, attribute: str, of_option: str, default: str) -> None:
        """A value may name no option [DSP8023: `configuration` is optional]."""
        values = f'<Value ovf:value="all"/><Value ovf:value="one" ovf:configuration="{of_option or "large"}"/>'
        pairs = (("<Label>Address", f"{values}<Label>Address"), ('ovf:key="ip"', f'ovf:key="ip" {attribute}'))
        found = described(tmp_path, changed(("<NetworkSection>", OPTIONS), *pairs))
        assert found.properties[0].default == default


NAMESPACES = (
    'xmlns:ovf="http://www.vmware.com/schema/ovf/1/envelope" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"'
)


@pytest.mark.parametrize(
    "text",
    [
        (
            f'<ovf:Envelope {NAMESPACES} ovf:version="0.9"><References/><Section xsi:type="ovf:DiskSection_Type"/>'
            '<Content xsi:type="ovf:VirtualSystem_Type" ovf:id="gw"/></ovf:Envelope>'
        ),
        (
            f'<ovf:Envelope {NAMESPACES} ovf:version="4.4.0.0"><References/>'
            '<Content ovf:id="out" xsi:type="ovf:VirtualSystem_Type"><Name>gw</Name></Content></ovf:Envelope>'
        ),
        f'<Envelope {NAMESPACES}><ovf:References/><ovf:Content xsi:type="ovf:VirtualSystem_Type"/></Envelope>',
    ],
    ids=["VirtualBox", "oVirt", "prefixed"],
)
def test_the_form_of_ovf_0_9_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadImage, match=r"has the form of OVF 0\.9, which is not supported") as caught:
        identify_image(write_folder(tmp_path, {NAME: text.encode()}), no_progress)
    assert caught.value.hint == "export it again as OVF 1.0 or later (from oVirt as an OVA), or give its disk image"


class TestEncodings:
    @pytest.mark.parametrize(
        ("declared", "written"),
        [
            ("ISO-8859-1", "latin-1"),
            ("windows-1252", "cp1252"),
            ("GB18030", "gb18030"),
            ("Shift_JIS", "shift_jis"),
            ("UTF-16", "utf-16-le"),
            ("UTF-16", "utf-16-be"),
            ("UTF-16", "utf-16"),
            ("utf-16", "utf-8"),  # as .NET's StringWriter leaves it
            ("UTF-8", "utf-8-sig"),
        ],
    )
    def test_as_declared(self, tmp_path: Path, declared: str, written: str) -> None:
        name = "Büro" if written in ("latin-1", "cp1252", "utf-8", "utf-8-sig") else "日本"
        text = OVF.replace("UTF-8", declared).replace('"Mail"', f'"{name}"').replace(">Mail<", f">{name}<")
        data = descriptor(text).decode().encode(written)
        image = identify_image(write_folder(tmp_path, {NAME: data, DISK: disk()}), no_progress)
        assert image.ovf is not None
        assert image.ovf.networks == (name, "Management")
        sent = describing.read_text(image.ovf.descriptor)
        assert f'ovf:name="{name}"' in sent
        assert sent.startswith('<?xml version="1.0" encoding="UTF-8"?>')

    @pytest.mark.parametrize(
        ("declared", "data", "message"),
        [
            ("utf-7", b"", "unknown encoding 'utf-7'"),
            ("unicode_escape", b"", "unknown encoding 'unicode_escape'"),
            ("rot13", b"", "unknown encoding 'rot13'"),
            ("UTF-8", b"\xfc", "its text is not utf-8: invalid start byte at byte "),
            ("GB18030", b"\xff", "its text is not gb18030: illegal multibyte sequence at byte "),
        ],
    )
    def test_that_cannot_be_read(self, tmp_path: Path, declared: str, data: bytes, message: str) -> None:
        text = descriptor(OVF.replace("UTF-8", declared)).replace(b"Do as", data + b"Do as")
        with pytest.raises(BadImage, match=message):
            identify_image(write_folder(tmp_path, {NAME: text, DISK: disk()}), no_progress)


class TestManifest:
    @pytest.mark.parametrize("named", ["SHA2-256", "SHA256", "SHA-256", "sha256", "SHA-2-256", "SHA2-512", "SHA384"])
    def test_as_openssl_names_its_algorithms(self, tmp_path: Path, named: str) -> None:
        algorithm = f"SHA{named[-3:]}"
        text = members(algorithm=algorithm)["mailgw.mf"].replace(algorithm.encode(), named.encode())
        image = identify_image(write_ova(tmp_path / "x.ova", {**members(), "mailgw.mf": text}), no_progress)
        assert image.remarks[0] == f"its manifest ({algorithm}) agrees; it is not signed"

    @pytest.mark.parametrize("name", ["msg/de.msg", "https://x/tools.iso", "../../etc/passwd", "/etc/passwd", "C:\\x"])
    def test_what_it_says_of_files_elsewhere_is_not_looked_at(self, tmp_path: Path, name: str) -> None:
        for write, place in ((write_ova, tmp_path / "x.ova"), (write_folder, tmp_path / "folder")):
            (tmp_path / "folder").mkdir(exist_ok=True)
            text = members()["mailgw.mf"] + f"SHA256({name})= 00\n".encode()
            image = identify_image(write(place, {**members(), "mailgw.mf": text}), no_progress)
            assert image.remarks[:2] == (
                "its manifest (SHA256) agrees; it is not signed",
                f"not there, and not needed: {name}",
            )

    @pytest.mark.parametrize("named", ["SHA3-256", "SHA2-1", "SHA2", "SHA512-256", "MD5"])
    def test_other_algorithms_stay_refused(self, tmp_path: Path, named: str) -> None:
        text = members()["mailgw.mf"].replace(b"SHA256", named.encode())
        with pytest.raises(BadImage, match=f"uses {named}, which is not supported"):
            identify_image(write_ova(tmp_path / "x.ova", {**members(), "mailgw.mf": text}), no_progress)

    @pytest.mark.parametrize("named", [(NAME, "mailgw.MF"), ("mailgw.OVF", "mailgw.MF"), ("mailgw.OVF", "mailgw.mf")])
    def test_beside_its_descriptor_in_capitals(self, tmp_path: Path, named: tuple[str, str]) -> None:
        given, beside = named
        altered = {given: descriptor(), beside: members()["mailgw.mf"].replace(NAME.encode(), given.encode())}
        path = write_folder(tmp_path, {**altered, DISK: disk()}).with_name(given)
        assert identify_image(path, no_progress).remarks[0] == "its manifest (SHA256) agrees; it is not signed"
        with (tmp_path / DISK).open("r+b") as file:
            file.seek(-600, 2)
            file.write(b"x")
        with pytest.raises(BadImage, match="its SHA256 is"):
            identify_image(path, no_progress)

    @pytest.mark.parametrize("named", ["mail gw.vmdk", "mail%20gw.vmdk"])
    def test_names_a_file_as_it_is_or_as_its_address(self, tmp_path: Path, named: str) -> None:
        text = descriptor(OVF.replace(DISK, "mail%20gw.vmdk"))
        files = {NAME: text, "mailgw.mf": manifest([(NAME, text), (named, disk())]), "mail gw.vmdk": disk()}
        image = identify_image(write_ova(tmp_path / "x.ova", files), no_progress)
        assert image.remarks[0] == "its manifest (SHA256) agrees; it is not signed"

    def test_that_says_the_same_twice(self, tmp_path: Path) -> None:
        text = members()["mailgw.mf"] * 2
        image = identify_image(write_ova(tmp_path / "x.ova", {**members(), "mailgw.mf": text}), no_progress)
        assert image.remarks[0] == "its manifest (SHA256) agrees; it is not signed"

    def test_with_a_name_in_a_western_code_page(self, tmp_path: Path) -> None:
        text = descriptor(OVF.replace(DISK, "gerät.vmdk"))
        listed = manifest([(NAME, text), ("gerät.vmdk", disk())]).decode().encode("cp1252")
        files = {NAME: text, "mailgw.mf": listed, "gerät.vmdk": disk()}
        image = identify_image(write_ova(tmp_path / "x.ova", files), no_progress)
        assert image.remarks[0] == "its manifest (SHA256) agrees; it is not signed"

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
    def test_as_windows_writes_it(self, tmp_path: Path, encoding: str) -> None:
        text = members()["mailgw.mf"].decode().replace("\n", "\r\n").encode(encoding)
        image = identify_image(write_ova(tmp_path / "x.ova", {**members(), "mailgw.mf": text}), no_progress)
        assert image.remarks[0] == "its manifest (SHA256) agrees; it is not signed"


def v7(data: bytes) -> bytes:
    """A ustar archive's headers as the seventh edition of Unix wrote them: without magic and all that follows it."""
    blocks = bytearray(data)
    at = 0
    while any(blocks[at : at + 512]):
        size = int(blocks[at + 124 : at + 135], 8)
        blocks[at + 257 : at + 512] = bytes(255)
        blocks[at + 148 : at + 156] = b" " * 8
        blocks[at + 148 : at + 156] = b"%06o\0 " % sum(blocks[at : at + 512])
        at += 512 + -(-size // 512) * 512
    return bytes(blocks)


class TestOldArchives:
    def test_one_without_magic(self, tmp_path: Path) -> None:
        path = tmp_path / "x.ova"
        path.write_bytes(v7(packed(members())))
        assert identify_image(path, no_progress).virtual_size == DISK_SIZE

    def test_one_without_magic_that_is_cut_short(self, tmp_path: Path) -> None:
        path = tmp_path / "x.ova"
        path.write_bytes(v7(packed(members()))[:1000])
        with pytest.raises(BadImage, match="is cut short"):
            identify_image(path, no_progress)

    @pytest.mark.parametrize("first", [b"", b"\xeb\x63\x90", b"gw.ovf"])
    def test_a_disk_is_not_taken_for_one(self, tmp_path: Path, first: bytes) -> None:
        path = tmp_path / "x.img"
        path.write_bytes(first.ljust(510, b"\0") + b"\x55\xaa" + bytes(512))
        assert identify_image(path, no_progress).format == "raw"
