"""What an operator may call an account that is carried: its name, or all of them."""

from vmmigrate.reading import ACCOUNT

ALL_ACCOUNTS = ("*",)


def named(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each once. Raises ValueError for what is no name of an account."""
    given = tuple(dict.fromkeys(names))
    if wrong := [each for each in given if given != ALL_ACCOUNTS and not ACCOUNT.fullmatch(each)]:
        raise ValueError(f'{", ".join(wrong)}: no name of an account; "*" alone stands for all')
    return given
