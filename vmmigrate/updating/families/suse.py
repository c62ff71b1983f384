"""SLES and openSUSE. The two folders to be cleared are those of the applications themselves."""

from vmmigrate.updating.family import Distribution

SUSE = Distribution(
    name="SUSE",
    ids=frozenset({"suse", "opensuse", "sles"}),
    packages="rpm",
    repositories="zypper",
    core_os="ciphermail-core-os-no-deps",  # the vendor has none with SUSE's names
    tomcats=("tomcat",),
    caches=("/srv/tomcat/webapps/ciphermail", "/srv/tomcat/webapps/web"),
    apps=("/srv/{tomcat}/webapps", "/etc/{tomcat}/Catalina/localhost"),
    log="/var/log/{tomcat}",
)
