"""How much each reader of the program takes of what it is given; docs/limits.md is made of this."""

from hypervisors import LIMITS as _OF_HYPERVISORS
from hypervisors import Limit, limits_in
from vmmigrate.limits import seconds

REDIRECTS = Limit("redirects in a row", "a console", 30, "steps", "browsers follow 20")
REDIRECT_PAGE = Limit(
    "the page that comes with a redirect", "a console", 1 << 16, "bytes", "a line of text; the rest is left out"
)
COOKIES = Limit(
    "all cookies of a console at once", "a console", 1 << 16, "bytes", "Tomcat takes 8 KiB of headers with a request"
)
WEB_PAGE = Limit("a page of a web console", "a console", 1 << 20, "bytes", "it has some hundred kilobytes at most")
WEB_REFRESHES = Limit("automatic refreshes in a row", "a console", 5, "steps", "a log-in has one or two")
WEB_FRAMES = Limit("frames of a page", "a console", 8, "things", "a menu, a head and the page itself")
WEB_LOGIN = Limit("pages on the way to a log-in form", "a console", 6, "steps", "it is the first or the second")
WEB_DEPTH = Limit(
    "links from the first page to the one that is looked for",
    "a console",
    6,
    "depth",
    "four levels of menus, the page itself, one below it",
)
WEB_PAGES = Limit("pages that are fetched on the search for one", "a console", 40, "steps", "a console has some 30")
WEB_QUEUE_PAGES = Limit(
    "pages of one queue's list",
    "a console",
    40,
    "steps",
    "what is beyond them is not counted, and a queue is not empty",
)
WEB_DOWNLOAD = Limit(
    "pages between the backup's form and the archive", "a console", 8, "steps", "one or two, and a page that waits"
)
WEB_WIZARD = Limit("pages of a wizard", "a console", 6, "steps", "a wizard may ask for confirmation on further pages")
WEB_QUESTIONS = Limit(
    "pages in a row that ask something after an upload", "a console", 4, "steps", "a restore asks once or twice"
)
WEB_REFRESH = Limit(
    "the time after which a page loads itself again",
    "a console",
    60,
    "seconds",
    "a page with a later refresh is not waiting for anything",
)
WEB_NESTING = Limit(
    "elements within each other",
    "a console",
    100,
    "depth",
    "browsers stop too (at 512), and put what is deeper beside its parent",
)
WEB_ELEMENTS = Limit(
    "elements of a page", "a console", 20_000, "things", "a list of a thousand users has some ten thousand"
)
WEB_CONTROLS = Limit(
    "fields and buttons of a page", "a console", 2_000, "things", "the page with the most settings has some hundred"
)
WEB_SENTENCE = Limit(
    "the characters of a text in which words are looked for",
    "a console",
    1000,
    "things",
    "some patterns join two words of a sentence, which takes quadratic time in its length",
)
REST_ANSWER = Limit("an answer of a REST back end", "a console", 1 << 20, "bytes", "an answer in JSON has some hundred")
REST_PAGE = Limit(
    "a web page in place of a REST answer",
    "a console",
    16 << 10,
    "bytes",
    "its title says enough; the rest is left out",
)
REST_NESTING = Limit(
    "objects within each other of a REST answer", "a console", 20, "depth", "what is deeper is not looked at for words"
)
REST_ID = Limit("the characters of an id of a REST back end", "a console", 200, "things", "a UUID has 36")
REST_TOKEN = Limit(
    "the characters of a session's token", "a console", 8192, "things", "those with signed claims have some thousand"
)
FILE_NAME = Limit(
    "the header that names a download, in characters", "a console", 1000, "things", "the rest is left out"
)
ARCHIVE = Limit("what a backup unpacks to", "an archive", 64 << 30, "bytes", "whatever the archive's size")
ARCHIVE_RATIO = Limit(
    "what a backup unpacks to, in times its size, if that is over a GiB",
    "an archive",
    200,
    "things",
    "a database dump compresses 5 to 20 times, zeros 1,000 times",
)
ARCHIVE_MEMBERS = Limit("the members of a backup", "an archive", 100_000, "things", "a backup has some hundred files")
ARCHIVE_HEADER = Limit(
    "the headers of one member: long names, PAX records", "an archive", 128 << 10, "bytes", "a path has 4 KiB at most"
)
ARCHIVE_HEADERS = Limit(
    "the headers of all members", "an archive", 64 << 20, "bytes", "a hundred thousand members have 50 MiB"
)
PACKAGE_SAYS = Limit(
    "what dpkg-deb or rpm says of a package, and a .deb's control files",
    "a package",
    16 << 20,
    "bytes",
    "a list of twenty thousand files has 2 MiB",
)
PACKAGE_NEEDS = Limit(
    "what a set of packages requires beyond each other",
    "an update",
    50_000,
    "bytes",
    "two hundred requirements have 6 KiB; they go into one command",
)
QUEUE_RECORDS = Limit(
    "what is said of one queue file beside its header",
    "an old guest",
    4096,
    "bytes",
    "three times, and an owner whose number is large",
)
MAIL_LOG_IDS = Limit(
    "messages that are looked for in the log", "a guest", 5_000, "things", "all ids are in one command, 13 bytes each"
)
MAIL_LOG_LINES = Limit(
    "lines of the log about carried mail", "a guest", 20_000, "things", "the earliest are left out, and that is said"
)
MAIL_TAKEN_LINES = Limit(
    "lines of the log about all mail that came and went",
    "a guest",
    2_000_000,
    "things",
    "a million messages; the earliest are left out, and that is said",
)
MAIL_TAKEN_NAMED = Limit(
    "messages that have not left, by their log", "a guest", 20_000, "things", "the rest is counted, and that is said"
)
ZIP_DIRECTORY = Limit("the directory of a zip", "an archive", 8 << 20, "bytes", "some hundred thousand members")
ARCHIVE_LISTED = Limit(
    "members, and oddities, that are listed by name", "an archive", 200, "things", "the rest is counted"
)
MAIN_CF_DEPTH = Limit(
    "a parameter of main.cf within a parameter", "an old guest", 20, "depth", "a loop in main.cf must end"
)
MAIN_CF_STEPS = Limit(
    "parameters in one value of main.cf", "an old guest", 1000, "steps", "each may name several, which name several"
)
MAIN_CF_VALUE = Limit(
    "the characters of one value of main.cf",
    "an old guest",
    1 << 16,
    "things",
    "the longest known list has some thousand",
)
MAIN_CF_ASKED = Limit(
    "parameters that main.cf does not set and that a value names",
    "an old guest",
    50,
    "steps",
    "each default costs a command",
)
AUTHORIZED_KEYS = Limit(
    "the authorized_keys of an account; of a longer file nothing is taken, and that is said",
    "a guest",
    1 << 18,
    "bytes",
    "three hundred keys of RSA; the account may make it a link to a device",
)
SERVERS_ASKED = Limit(
    "servers that the settings name and that are asked whether they answer",
    "a new guest",
    200,
    "things",
    "a transport map leads to some dozen; forty silent ones take six seconds",
)
IPTABLES_JUMPS = Limit(
    "rules of ours that are deleted from one chain", "a guest", 100, "steps", "each crash may have left one"
)
INTERFACES_DEPTH = Limit(
    "files of /etc/network/interfaces that source files", "a new guest", 5, "depth", "ifupdown's own limit"
)
TABLES = Limit(
    "tables of the database",
    "a guest",
    500,
    "things",
    "a gateway has some 20; all are named in one command, which Linux bounds at 128 KiB",
)
KEY_ROUNDS = Limit(
    "rounds of key derivation, of all keys of a file together",
    "an old guest",
    5_000_000,
    "steps",
    "five seconds; one key has 2,048 (OpenSSL) to 600,000",
)
KEY_MEMORY = Limit("memory for scrypt", "an old guest", 1 << 28, "bytes", "OpenSSL's own setting takes 16 MiB")
PEM_KEY = Limit("a private key in PEM", "an old guest", 1 << 13, "bytes", "one of RSA with 8,192 bits has 6,300")
KEY_MODULUS = Limit(
    "the modulus of an RSA key; a key of DSA, DH or an unknown kind has twice that at most, all of it",
    "an old guest",
    1_100,
    "bytes",
    "a key of 8,192 bits has 1,024; what a library computes takes cubic time in them, and hears no signal meanwhile",
)
KEY_UNSEEN = Limit(
    "an encrypted key that is opened at once",
    "an old guest",
    3_000,
    "bytes",
    "RSA with 4,096 bits has 2,600; a longer one, and each store, is opened in a process of its own",
)
PEM_KEYS = Limit("private keys of one file", "an old guest", 20, "things", "Postfix serves one of each kind")
PEM_CERTIFICATES = Limit(
    "certificates of one file", "an old guest", 1000, "things", "a list of all public authorities has some 150"
)
CHAIN = Limit(
    "certificates above a leaf",
    "an old guest",
    20,
    "depth",
    "each costs a check of signatures against all that are known",
)
TOMCAT_PROPERTIES = Limit("a property of Tomcat's within a property", "an old guest", 10, "depth", "a loop must end")
TOMCAT_VALUE = Limit("the characters of a value of server.xml", "an old guest", 1 << 16, "things", "a path has 4,096")
ISSUERS = Limit(
    "certificates of one name that are tried as an issuer",
    "an old guest",
    10,
    "things",
    "a cross-signed authority has two or three; each costs a check of a signature, which may take 30 ms",
)
SHOWN_CHAIN = Limit(
    "certificates of a chain that a server shows", "the network", 100, "things", "OpenSSL's own limit of depth"
)
SMTP = Limit(
    "all answers of an SMTP server",
    "the network",
    1 << 16,
    "bytes",
    "a greeting and the names of extensions have some hundred",
)
STORE_KEYS = Limit(
    "private keys of a PKCS#12 store, but for those in a part that is encrypted as a whole",
    "an old guest",
    10_000,
    "bytes",
    "one of RSA with 8,192 bits has 4,900",
)
WATCHED = Limit(
    "gaps, and changes, of a watched service that are listed; the rest is counted",
    "the network",
    1000,
    "steps",
    "a watch may last for days, and a service may fail each second",
)
CONFIGURATION = Limit(
    "a configuration file, or a profile", "the workstation", 1 << 20, "bytes", "one with every setting has 10 KiB"
)
PASSWORD_FILE = Limit("a file with a password", "the workstation", 1 << 16, "bytes", "it has one line")
PLAN = Limit(
    "a plan, or another small file of a run's folder",
    "the workstation",
    1 << 24,
    "bytes",
    "a plan has some KiB, the digests of a large database some MiB",
)
JOURNAL = Limit("a journal", "the workstation", 64 << 20, "bytes", "that of a run of ten hours has 2 MiB")

LIMITS = {**_OF_HYPERVISORS, **limits_in(globals()), **limits_in(vars(seconds))}
