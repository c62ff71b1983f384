"""What the library that checks settings and profiles says, in plain words."""

_WORDS = {
    "extra_forbidden": "there is no such key",
    "missing": "it is missing",
    "string_type": "give a text",
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "float_parsing": "give a number",
    "bool_type": "give true or false",
    "bool_parsing": "give true or false",
}


def plain(kind: str, message: str) -> str:
    """`kind` and `message` of one error. Our own messages stay as they are."""
    return _WORDS.get(kind) or message.removeprefix("Value error, ").replace("Input should be", "it must be")
