"""Postfix's log in a guest: what rotations left of it, and the journal, read in one way for all.

Debian rotates to mail.log.1 and .2.gz, RHEL to maillog-DATE, SUSE to mail-DATE.xz: by its last write it is known which
of them reach into the time that is asked about, and which one is the earlier.
"""

import re

# The head of a line as syslog and the journal write it, up to the name of Postfix: for grep -E and `re` alike. What
# looks so further behind is a subject, a sender, or another server's words: anybody can have those written.
HEAD = r"^([^ ]+ +[0-9]+ [0-9:.]+|[0-9]{4}-[^ ]+) [^ ]+ postfix[A-Za-z0-9_/.-]*"

# For sh, behind `since=`: Unix seconds. A guest has files, or a journal, or both; a line may come twice. `begins` says
# from when on there are lines: those of before may be deleted. Syslog's own form has no year.
READING = r"""export LC_ALL=C
files() {
    find -L /var/log/ -maxdepth 1 -regextype posix-extended -type f -newermt "@$since" \
        -regex '.*/(mail|maillog|mail\.log)([.-][0-9].*)?' -printf '%T@ %p\n' | sort -n | cut -d ' ' -f 2- |
        while IFS= read -r file; do
            case $file in
            *.gz) gzip -dc "$file" ;;
            *.bz2) bzip2 -dc "$file" ;;
            *.xz) xz -dc "$file" ;;
            *.zst) zstd -dcq "$file" ;;
            *) cat "$file" ;;
            esac
        done 2>/dev/null
}
entries() { journalctl -q --no-pager --since "@$since" "$@" SYSLOG_FACILITY=2 2>/dev/null; }
begins() {
    line=$(files | head -n 1) now=$(date +%s)
    case $line in [0-9]*) line=${line%% *} ;; *) line=$(printf '%.15s' "$line") ;; esac
    at=$(test "$line" && date -d "$line" +%s 2>/dev/null) || at=$now
    test "$at" -le "$now" || at=$((at - 31536000))
    entry=$(entries -o short-unix | head -n 1)
    case $entry in [0-9]*) test "${entry%%.*}" -ge "$at" || at=${entry%%.*} ;; esac
    echo "begins $at"
}
"""
_BEGINS = re.compile(r"begins ([0-9]{1,12})\n")
_A_DAY = 86_400  # that guest's clock may be another


def after(since: float) -> str:
    """From when on its log is read."""
    return str(max(int(since) - _A_DAY, 0))


def begun(said: str, since: float) -> tuple[float, str]:
    """From when on there are lines, 0 where that is not later than `since`; and the rest of what was said."""
    found = _BEGINS.match(said)
    begins = float(found[1]) if found else 0
    return (begins if begins > since else 0), said[found.end() :] if found else said
