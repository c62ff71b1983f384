"""The words that identify the parts of an English console: regular expressions, case ignored."""

BACKUP = r"\bback[\s-]?ups?\b"  # Backup, Back up, back-ups
EXPORT = rf"{BACKUP}|\bexport"
RESTORE = r"\b(restor(e|es|ing|ed)|import(s|ing|ed)?|recover(s|y|ing|ed)?)\b"
DOWNLOAD = r"\bdownload(s|ing)?\b"
UPLOAD = r"\bupload"
MAKE = r"\b(create|start|make|generate|run|begin|submit|ok|perform|execute|do)\b"

DATABASE = r"\b(database|db)\b"
NOT = r"\b(no|not|don'?t|without|exclud\w*|skip\w*|omit\w*|leave out|only)\b"
CONSENT = r"confirm|\bsure\b|understand|\bagree|overwrit|cannot be undone|acknowledge|proceed"
HERE = r"\b(browser|local|this computer|workstation|my computer|client|pc|direct|file|disk)\b"
ELSEWHERE = r"\b(smb|cifs|samba|share|remote|nfs|s?ftp|s3|cloud|network|server|windows|scp|usb|mail)\b"
SCHEDULE = r"\bcron|schedul|automatic|filename strategy|\benabled?\b|test connection|retention|interval"
SETTINGS = (
    r"\b(config(uration)?|settings?|options?|preferences|schedules?|automatic|logs?|history|status|help|about|info)\b"
)
OTHER_FILES = (
    r"certificat|licen[cs]e|\blogo\b|\bkey\b|pkcs|\bp12\b|\bcsv\b|\busers\b|\bcrl\b|\btheme\b|\bpatch\b|\bupdate"
)
ARCHIVE_NAME = (
    r"\.(tar(\.(gz|xz|bz2|zst))?|tgz|t[bx]z|zip|gz|enc|pgp|gpg|asc|bak|backup|bin|dump|7z|aes|p7m|img|xz|bz2)$"
)

LOGIN = r"\b(log|sign)[\s-]?(in|on)\b|authenticate"
LOGOUT = r"\b(log|sign)[\s-]?(out|off)\b|\bend session\b"
USER = r"\buser|\baccount|\blog ?in|\be-?mail|\badministrator|\bname\b"
NEXT = r"\b(next|continue|proceed|go)\b"
REPEAT = r"repeat|confirm|again|verif|re-?type|re-?enter|second|twice"
ONE_TIME = r"one[\s-]?time|\botp\b|\btoken\b|\bpin\b|\bcode\b|2fa|factor|captcha"
RECOVERY = (
    r"forg[eo]t|\blost\b|\breset|recover (your |my )?(password|account)|remind|register|sign[\s-]?up|new account"
    r"|subscrib|newsletter|contact"
)
SEARCH = r"\bsearch|\bfind\b|\bfilter|\blookup\b|\bquery\b|language|locale"

# What a click may start: never followed, never pressed.
ACTS = (
    r"(log|sign)[\s-]?(out|off)|re-?start|re-?boot|shut[\s-]?down|power[\s-]?off|\bhalt|delet|remov|eras|wip(e|ing)"
    r"|purg|\bclear|\breset|re-?initiali[sz]e|\bstop|\bkill|factory|uninstall|\bdrop\b|\bdestroy|revert|roll[\s-]?back"
    r"|\bdiscard|\btruncate|disconnect|terminate|\bdefaults?\b"
)
# What makes a caption a command: such a link may act at once.
ORDERS = (
    r"\b(now|start|run|create|make|generate|perform|execute|apply|save|send|flush|retry|release|enable|disable|update"
    r"|upgrade|reload|refresh|sync\w*|test|install|accept|reject|approve|renew|add|new|edit|change|unlock|lock"
    r"|activate|deactivate|register|commit|publish|rotate|download|import|upload|restore|recover|trigger|switch"
    r"|re-?queue|un-?hold|hold|bounce|expire|re-?send|re-?deliver)\b"
)
# Menus are nouns.
MENU = (
    r"admin\w*|system|maintenance|tools?|settings?|manag\w*|configuration|config|advanced|server|appliance"
    r"|gateway|general|utilit(y|ies)|operations?|more|misc\w*|options?|control panel|services?|support|overview"
    r"|dashboard|home|main|menu|navigation|start ?page|data|storage|recovery|platform|infrastructure|global|extras?"
    r"|housekeeping|other|set-?up|machine|site|console|cluster|disaster|archives?|host|os|security|index"
)
_JOINS = r"and|of|the|or|for|from|to|an?|your|page|area|section|centre|center|files?"
# Whole words, else `adminadmin…` could be divided in any number of ways.
PURE_MENU = rf"(\b({MENU}|{_JOINS})\b\s*)+"
PURE_BACKUP = rf"(\b({BACKUP}|{RESTORE}|export|upload|{MENU}|{_JOINS})\b\s*)+"

# `spam` is no PAM, in a label or in a name as `enablePam`.
PAM = r"\bPAM\b"
PAM_NAME = r"(?<![a-z])pam|(enable|allow|use|with)pam"
ON = r"\b(on|true|enabled?|allow(ed)?|active|activated?)\b"
OFF = r"\b(off|false|disabled?|den(y|ied)|forbid(den)?|inactive|deactivated?|no|not|without|block(ed)?)\b"
# Of "Allow PAM for users without a local account" nobody can say by its words alone what a tick does: what denies, at
# any place, and what surely turns PAM off.
DENIES = (
    rf"{OFF}|\b(disabl|deni(es|al)|forbid|deactivat|block|prevent|prohibit|refus|reject|restrict|exclud|suppress|bypass"
    r"|ignor|skip|hid(e|den)\b|lock|replac|(non|never|except|unless|instead|rather|stop|nobody|none)\b)"
    r"|n['\u2019]t\b"
)
TURNS_OFF = (
    r"^\W*(disable|deactivate|deny|forbid|block|no)\s+(\w+\s+(by|with|through|via)\s+)?PAM\b"
    r"|^\W*PAM\s+(\w+[\s-]+){0,2}(is\s+|are\s+)?(disabled|deactivated|denied|forbidden|blocked|off)\W*$"
)
BESIDE_PAM = (
    r"\bonly\b|debug|\bgroups?\b|\bservice\b|\btest|\bsync|\bcreat|\bfall[\s-]?back|\blog(ging|file)?\b(?![\s-]?in)"
)
ACCOUNTS = r"\bauthenticat\w*|\blog[\s-]?ins?\b|\baccounts?\b|\badministrators?\b|\baccess\b"
SAVE = r"\b(save|apply|update|ok|submit|store|set|change)\b"

LATER = r"\bskip|\blater\b|\bnot now\b|no,? thanks|remind me"
LEAVE = (
    r"\bcancel|\bdismiss|\b(exit|leave|quit|close) (the )?(wizard|assistant|set-?up)|without"
    r"|\b(go|continue|back|return|proceed) to (the )?(console|dashboard|home|main|admin\w*|overview)"
)
WIZARD = (
    r"\bwizard|\bset-?up\b|first[\s-]?(run|time|start|use)|initial (configuration|set-?up)|getting started"
    r"|\bstep \d+ (of|/) \d+"
)

FAILED = (
    r"(?<!not )(?<!no )(?<!0 )(?<!without )\b(fail|error)|invalid|incorrect|wrong|denied|refused|do(es)? not match"
    r"|could ?n[o']t|cannot (?!be undone)|unable|mismatch|required$|exception|expired|corrupt|too (large|big|small)"
    r"|not (an? )?(valid|possible|allowed|available|recogni[sz]ed|found|backup|correct|match)|not enough|no space"
    r"|unreadable|unsupported|rejected|missing|\bblocked|locked"
)
BLOCKED = r"\bblock|\block(ed|out)|too many|suspended|temporar|\bdisabled\b"
EXPIRED = r"expired|timed? ?out|(log|sign) ?in again|session (has )?ended|no longer (valid|logged)"
WAITING = (
    r"please wait|\bwait\b|preparing|in progress|being (created|made|generated|prepared|restored|imported)|working"
    r"|processing|moment|\b(running|queued|pending)\b"
)
ASKS = (
    r"\?|\bsure\b|\bconfirm\b|understand|\bagree\b|cannot be undone|acknowledge|\bproceed\b"
    r"|\babout to\b|\bpress\b|\bclick\b"
    r"|(will|would|to) (be )?(overwrit|replac|restor|delet|eras|lost|discard)|\boverwrites\b"
)
YES = (
    r"^(yes\b|ok$|confirm|continue|proceed|restore|import|accept|agree|i agree|go ahead|overwrite|submit|next|finish"
    r"|start (the )?(restor|import))"
)
NO = r"^no\b|cancel|abort|\bback$|decline|don'?t|\bdo not\b"
_RESTORED = r"(restor|import|recover)\w*\b"
_WELL = r"(success\w*|succeeded|completed?|finished|done|applied)\b"
_RESTARTED = r"(restart|reboot)(ed|ing)?"  # "After a restore the system needs to be restarted" [F-BACKUP-4]
DONE = (
    rf"(?<!be )(?<!being )(?<!not )\b(restored|imported|recovered)\b|{_RESTORED}.*\b{_WELL}|\b{_WELL}.*\b{_RESTORED}"
    rf"|\b(settings|configuration|backup|archive)\b.*\b(was|were|been) (overwritten|replaced|applied)"
    rf"|^(?!.*upload)(success\w*|.*\b(succeeded|successful(ly)?|completed?|finished|done))[.!]?$"
    rf"|\b(must|needs? to|has to|please|will) (now )?(be )?{_RESTARTED}|{_RESTARTED} (is )?(required|needed|necessary)"
)
_DEEDS = r"\b(restor|import|recover|success|succeed|complet|finish|done\b|applied|overwritten|replaced)"
# A sentence with words of success that reports none: denied, still to come, or aborted.
NOT_SO = (
    r"((?<!do )\bnot\b|\b(never|nothing|none)\b|(?<!do)n['\u2019]t\b"
    rf"|\bno (?!(errors?|problems?|warnings?|failures?|issues?)\b)\w+)[^,;:]*{_DEEDS}"
    rf"|\b(while|until|when|once|if|as soon as)\b[^,;]*{_DEEDS}|\b(restored|imported|recovered)\W+never\b"
    r"|in progress|\b(restoring|importing|being (restored|imported|recovered))\b"
    r"|\b(cancell?ed|aborted|interrupted|timed out|rolled back|part(ial)?ly|partial|incomplete)\b"
)
# The vendor's sentence about every restore [F-BACKUP-4]: a page may show it before or after.
NOTHING_ELSE = r"^\W*(all |it'?s )?(success\w*|succeeded|completed?|finished|done)\W*$"  # of the upload, it may be
EVER = r"\bafter\b.*\b(restor|import)"

# The queues of mail, and how many messages a list of one has.
MPA = r"\bMPA\b|\bmail (processing )?agent\b"
QUEUE = r"\bqueues?\b"
_FILLER = r"mpa|mail|e-?mails?|messages?|queues?|agent|processing|repository|store|items?|list|of|in|the|view|show"
QUEUES = {
    "outgoing": r"\bout-?going\b",
    "error": r"\berrors?\b",
    "spool": r"(?<!re)(?<!re-)\bspool\b",
    "respool": r"\bre-?spool\b",
    "mta": r"\bmta\b|\bpostfix\b",
}
QUEUE_NAME = rf"^(\W*\b({_FILLER}|out-?going|errors?|spool|re-?spool|mta|postfix)\b)+\W*$"  # and no other word
_THINGS = r"(messages?|mails?|e-?mails?|items?|entries|records?|rows?|results?|elements?)"
_NUMBER = r"(\d[\d.,']*)"
WHOLE_COUNT = (  # a sentence that says nothing else
    rf"^\W*((there (are|is)|the queue (has|holds|contains)|it (has|holds|contains)|showing|found|contains|total:?)\s+)?"
    rf"(currently\s+)?{_NUMBER}\s+{_THINGS}(\s+(in|found|queued|waiting|total|available|listed|here)\b[\w\s]*)?\W*$"
)
TOTALS = (
    rf"\bof\s+(about\s+)?{_NUMBER}(\s+{_THINGS})?\W*$",  # "1 - 10 of 23", "Showing 1 to 10 of 23 entries"
    rf"\b(total|count|size|length|{_THINGS})(\s+(number|of|in|the|queue|{_THINGS}))*\s*[:=]\s*{_NUMBER}\W*$",
    rf"^\W*(total|number of {_THINGS}|{_THINGS})\s+{_NUMBER}\W*$",
    WHOLE_COUNT,
)
IN_HEADING = rf"[(\[:\u2013-]\s*{_NUMBER}(\s+{_THINGS})?\s*[)\]]?\s*$"
PAGES = r"\bpage\s*:?\s*(\d+)\s*(of|/)\s*(\d+)"
EMPTY = (
    rf"\b(no|zero)\s+((new|more|such|mail|queued|waiting|data)\s+)*({_THINGS}|data|mail)\b"
    r"(?!\s+(is |are |was |were )?(selected|chosen|marked))"
    r"|\b(queue|list|table|repository|it) is (currently |now )?empty\b|^\W*(\w+ ){0,3}(is )?empty\W*$"
    r"|^\W*(none|nothing( (found|here|queued|waiting|to (show|display|see|list)))?)\W*$"
    r"|\bnothing (is )?(to (show|display|see|list)|waiting|queued|in the queue)\b"
)
ONWARD = r"next|following|older|[>\u203a\u00bb\u2192]"
NEXT_PAGE = r"^\W*((next|following|older)( page)?)?\W*$"
