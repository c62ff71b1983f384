"""RHEL, CentOS Stream, Alma and Rocky."""

from vmmigrate.updating.family import Distribution

REDHAT = Distribution(
    name="Red Hat",
    ids=frozenset({"rhel", "centos", "almalinux", "rocky", "fedora"}),
    packages="rpm",
    repositories="dnf",
    core_os="ciphermail-core-os-rhel8",
    tomcats=("tomcat",),
    caches=("/var/cache/tomcat/work/Catalina/localhost/ciphermail", "/var/cache/tomcat/work/Catalina/localhost/web"),
    apps=("/var/lib/{tomcat}/webapps", "/etc/{tomcat}/Catalina/localhost"),
    log="/var/log/{tomcat}",
)
