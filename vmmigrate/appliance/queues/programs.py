"""The programs by which queue files leave one guest and arrive in another: for sh as root, while Postfix is stopped.

What was tried with Postfix 3.7 (tests/lab/test_queues.py holds it): a queue file may lie in another machine's queue
with its times, flags and envelope, if its name fits its inode there. `postsuper -s` gives it that name, and its log in
`defer`, `bounce` or `trace` the same, but only in one call for all queues, and only where the log is in its place by
then. Long queue ids become short ones where the new side has no long ones. `postsuper -r` would have each message
filtered again.

All that is left on a guest is in one folder beside the queues, on their file system, so that a rename moves a file
whole; what comes back has one of its own, which is named. A message is either in the folder or in a queue: whoever is
interrupted goes on from there.
"""

FOLDER = "vmmigrate-carried"  # in queue_directory
_MESSAGES, _LOGS = "incoming active deferred hold", "defer bounce trace"
_BEGIN = f"""set -eu
umask 077
cd "$(postconf -h queue_directory)"
c="${{1:-{FOLDER}}}"
to_disk() {{ sync -f . 2>/dev/null || sync; }}
moved() {{ d=$1; shift; find "$@" -type f -exec mv -n -t "$d" {{}} +; }}
"""
# Debian's unit of that name ends before Postfix does: what stops is an instance, `postfix@-`, that follows it. By
# master(8) itself, as `postfix status` asks too, which takes an emulated guest a second more.
_STOPPED = """n=0 master="$(postconf -h daemon_directory)/master"
until "$master" -t 2>/dev/null; do
    n=$((n + 1))
    if test $n -ge 50; then echo 'Postfix runs: its queues cannot be copied' >&2; exit 75; fi
    sleep 0.2
done
"""


def _below(*folders: str) -> str:
    """Those names, each where what was unpacked lies."""
    return " ".join(f"$c/in/{name}" for name in " ".join(folders).split())


# A file without the bit of execution is still being written: its sender has no answer yet.
PACK = (
    _BEGIN
    + _STOPPED
    + f"""{{ find maildrop {_MESSAGES} -type f -perm -100 -print0; find {_LOGS} -type f -print0; }} |
    tar --format=posix --null --files-from=- --create --file=-
"""
)

# What was unpacked is noted with its inodes, and all of it is on the disk, before the first file is moved: so nothing
# is unpacked twice. All of it is put on hold, but for what the outgoing Postfix has not read yet (maildrop).
LAY = (
    _BEGIN
    + _STOPPED
    + f"""if test -f $c/inodes; then
    cat >/dev/null
else
    rm -rf $c
    mkdir -p {_below("maildrop", _MESSAGES, _LOGS)}
    tar --extract --preserve-permissions --warning=no-timestamp --directory=$c/in --file=-
    find $c/in -path "$c/in/maildrop" -prune -o -type f -exec chown --reference=hold {{}} +
    find $c/in -type f -printf '%i %P\\n' >$c/inodes.new
    to_disk
    mv $c/inodes.new $c/inodes
    to_disk
fi
for d in {_LOGS}; do moved $d $c/in/$d; done
postsuper -s {_LOGS} >&2
moved hold {_below(_MESSAGES)}
postsuper -s >&2
find hold -type f -printf '%i %f\\n' >$c/now
awk 'NR == FNR {{ if ($2 ~ /^(incoming|active|deferred)\\//) m[$1] = 1; next }} $1 in m {{ print $2 }}' \\
    $c/inodes $c/now >$c/release
to_disk
"""
)

# One line for each file that arrived ('was INODE PATH') and each that is in a queue now ('is INODE QUEUE/ID'); and
# whether they were let go.
LOOK = (
    _BEGIN
    + f"""if test -f $c/inodes; then sed 's/^/was /' $c/inodes; fi
find maildrop {_MESSAGES} -type f -printf 'is %i %p\\n'
if test -d $c/in; then find $c/in -type f -printf 'is %i {FOLDER}/%P\\n'; fi
if test -f $c/released; then echo 'released 0 -'; fi
"""
)

# What was on hold in the old queue stays so; the rest is tried at once. It says so where this was done before.
RELEASE = (
    _BEGIN
    + """if test -f $c/released; then echo again; fi
if test -f $c/release; then
    if test -s $c/release; then postsuper -H - <$c/release >&2; fi
    if test -d $c/in/maildrop; then moved maildrop $c/in/maildrop; fi
    postqueue -f
    touch $c/released
fi
"""
)

# The copies leave the queue, not the disk: what they are copies of is delivered by the other side again.
TAKE_AWAY = (
    _BEGIN
    + """if test -f $c/inodes; then
    mkdir -p $c/back
    cut -d' ' -f1 $c/inodes >$c/ours
    find hold -type f -printf '%i %p\\n' | awk 'NR == FNR { m[$1] = 1; next } $1 in m { print $2 }' $c/ours - |
        xargs -r mv -t $c/back
    rm -rf $c/in $c/inodes $c/release $c/released
    to_disk
fi
"""
)

# The old copies, by a list that is on the disk before the first of them is held.
KEEP = (
    _BEGIN
    + _STOPPED
    + """mkdir -p $c/maildrop
if ! test -f $c/held; then
    find incoming active deferred -type f -perm -100 -printf '%f\\n' >$c/held.new
    to_disk
    find hold -type f -perm -100 -printf '%f\\n' >$c/were.held
    to_disk
    mv $c/held.new $c/held
fi
if test -s $c/held; then postsuper -h - <$c/held >&2; fi
moved $c/maildrop maildrop
to_disk
"""
)
# All of it was copied, and is the other gateway's: out of the queue, not off the disk.
SUPERSEDE = (
    _BEGIN
    + """if test -f $c/held; then
    mkdir -p $c/copied
    cat $c/held $c/were.held >$c/all
    find hold incoming active deferred -type f -printf '%f %p\\n' |
        awk 'NR == FNR { m[$1] = 1; next } $1 in m { print $2 }' $c/all - | xargs -r mv -t $c/copied
    if test -d $c/maildrop; then moved $c/copied $c/maildrop; fi
    rm -rf $c/held $c/were.held $c/maildrop
    to_disk
fi
"""
)

# By names that are given: mail on hold that is to go nowhere, not even with a queue that is carried.
SET_ASIDE = (
    _BEGIN
    + """mkdir -p $c/own
cat >$c/own.ids
find hold -type f -printf '%f %p\\n' |
    awk 'NR == FNR { m[$1] = 1; next } $1 in m { print $2 }' $c/own.ids - | xargs -r mv -t $c/own
to_disk
"""
)
LET_GO = (
    _BEGIN
    + """if test -d $c/own; then moved hold $c/own; fi
if test -f $c/held; then
    if test -s $c/held; then postsuper -H - <$c/held >&2; fi
    if test -d $c/maildrop; then moved maildrop $c/maildrop; fi
    rm -rf $c/held $c/were.held $c/maildrop
    to_disk
fi
"""
)

# For a person: what `LET_GO` does. What was on hold before is not in that list.
LET_GO_BY_HAND = (
    f'cd "$(postconf -h queue_directory)" && postsuper -H - <{FOLDER}/held;'
    f" find {FOLDER}/maildrop -type f -exec mv -n -t maildrop {{}} +; postqueue -f"
)
