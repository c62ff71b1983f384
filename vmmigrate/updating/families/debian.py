"""Debian and Ubuntu."""

from vmmigrate.updating.family import Distribution

DEBIAN = Distribution(
    name="Debian",
    ids=frozenset({"debian", "ubuntu"}),
    packages="deb",
    repositories="apt",
    core_os="ciphermail-core-os-debian",
    tomcats=tuple(f"tomcat{number}" for number in range(9, 4, -1)),
    caches=("/var/cache/{tomcat}/Catalina/localhost/ciphermail", "/var/cache/{tomcat}/Catalina/localhost/web"),
    apps=("/var/lib/{tomcat}/webapps", "/etc/{tomcat}/Catalina/localhost"),
    log="/var/log/{tomcat}",
)
