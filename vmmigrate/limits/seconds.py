"""How long each reader of the program waits for what it reads; docs/limits.md is made of this too."""

from hypervisors import Limit

DIALLING = Limit(
    "a connection to a console, and its TLS handshake",
    "a console",
    30,
    "seconds",
    "through a jump host it takes several round trips, and an emulated guest some seconds",
)
ANSWER = Limit(
    "an ordinary answer of a console, from the request to its end, beside what its bytes take at the slowest speed",
    "a console",
    60,
    "seconds",
    "a page takes a second, of a busy Tomcat ten",
)
SLOW_ANSWER = Limit(
    "the same of what a backup or a restore begins with or ends in, and a pause within one",
    "a console",
    900,
    "seconds",
    "a console dumps a database before the first byte",
)
TRANSFER = Limit(
    "a backup or an answer that keeps coming, all of it", "a console", 86_400, "seconds", "whatever its speed"
)
PACKAGE_TIME = Limit(
    "one look of dpkg-deb or rpm at a package",
    "a package",
    120,
    "seconds",
    "one of 200 MB is read to its end",
)
TRANSACTION = Limit(
    "one transaction of a package tool on the host, one dump or copy there; then it is ended there",
    "an update",
    3600,
    "seconds",
    "a package's scripts may rebuild tables",
)
TRANSACTION_BESIDE = Limit(
    "our own wait for such a transaction, beside its own time",
    "an update",
    120,
    "seconds",
    "the host's own clock ends it, and that is said",
)
UPDATE_LOOKED = Limit(
    "the look at a host's edited files, locks and logs",
    "an update",
    120,
    "seconds",
    "the digest of each configuration file is computed",
)
PACKAGES_ASKED = Limit(
    "one question of a plan to a host's package tool", "an update", 300, "seconds", "apt reads all of its lists"
)
MAIL_LOG = Limit(
    "the look for carried mail in the log, all of it", "a guest", 180, "seconds", "a log of weeks is read once"
)
QUESTIONS = Limit(
    "each further question of one command",
    "a guest",
    10,
    "seconds",
    "on an emulated guest a program takes seconds to start",
)
GUEST_COMMAND = Limit(
    "a command in a guest, or its first question, where no other row speaks of it",
    "a guest",
    60,
    "seconds",
    "an emulated guest that is busy takes twenty for sudo alone",
)
PINGED = Limit(
    "a command by which a guest asks its neighbours, or announces itself to them",
    "a guest",
    30,
    "seconds",
    "a router that is known from before is asked again after five",
)
LASTING_RULES = Limit(
    "the isolation's files that are removed for good, and the disk that has it",
    "a guest",
    300,
    "seconds",
    "mail flows meanwhile, and a busy guest may take minutes for a reload and its disk",
)
PROFILE_UP = Limit(
    "a profile that NetworkManager brings up", "a guest", 90, "seconds", "it waits for half a minute itself"
)
TLS_APPLIED = Limit(
    "each service that takes up new certificates",
    "a guest",
    180,
    "seconds",
    "Tomcat's stop may take a minute and a half",
)
SERVERS_WAITED = Limit(
    "those that are asked whether they answer, beside the seconds of each",
    "a guest",
    60,
    "seconds",
    "a slow guest begins and ends forty programs",
)
UNITS = Limit("one command about a service", "a guest", 30, "seconds", "the machine may be busy starting")
DATABASE = Limit("one question to the database", "a guest", 300, "seconds", "a digest reads whole tables")
SUDO = Limit("sudo itself", "a guest", 60, "seconds", "on a machine that is busy booting")
KEY_OPENING = Limit(
    "opening a PKCS#12 store, or a long encrypted key, in a process of its own",
    "an old guest",
    60,
    "seconds",
    "a store's key of RSA with 8,192 bits takes four to check on an idle machine",
)
PASSWORD_COMMAND = Limit(
    "a command that prints a password", "the workstation", 300, "seconds", "it may ask a person for another one"
)
AUTHORIZED = Limit(
    "the authorized_keys of an account, until it is read",
    "a guest",
    10,
    "seconds",
    "the account may make it a pipe that nobody writes to",
)
NETWORK_SET = Limit(
    "a command that sets up a network",
    "a guest",
    120,
    "seconds",
    "ifdown waits for a DHCP client that is still looking for a server",
)
QUEUE_PROGRAM = Limit(
    "one program about a whole queue", "a guest", 600, "seconds", "it writes that to the disk of a busy guest"
)
SMTP_OFFERS = Limit(
    "an answer of an SMTP server that is asked what it offers",
    "the network",
    10,
    "seconds",
    "postscreen keeps a client that it does not know waiting for six",
)
SUBMITTING = Limit(
    "an answer of an SMTP server that is handed a message",
    "the network",
    30,
    "seconds",
    "a filter may look at the message before it answers",
)
WATCHED_ANSWER = Limit(
    "an answer of a service that is watched",
    "the network",
    7,
    "seconds",
    "a second more than postscreen takes",
)
TLS_SEEN = Limit(
    "a handshake with a gateway's port, to compare what it shows", "a guest", 10, "seconds", "postscreen takes six"
)
TLS_SHOWN = Limit(
    "a connection, or an answer, of a port whose certificate is shown",
    "the network",
    5,
    "seconds",
    "five ports are asked one after the other, and a person waits",
)
GUEST_FILES = Limit(
    "files on their way to a guest, or a password that is changed there",
    "a guest",
    60,
    "seconds",
    "an emulated guest takes its time to hash",
)
PROGRAM_ASKED = Limit(
    "an answer of one of the workstation's own programs: `ip` or `nmcli`, or another Python",
    "the workstation",
    30,
    "seconds",
    "a Python with many packages, on a cold disk",
)
