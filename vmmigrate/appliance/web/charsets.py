"""Which character encodings a page may be in: those that browsers know, whatever else Python can decode."""

import codecs
import re

from bs4.dammit import EncodingDetector

# encoding.spec.whatwg.org, by Python's names. Others are no encodings of pages, and `punycode` takes quadratic time.
_KNOWN = re.compile(
    r"ascii|utf-(8|8-sig|16|16-[bl]e)|iso8859-\d+|cp(125\d|866|874|932|949)|koi8-[ru]|mac-(roman|cyrillic)"
    r"|gb(k|2312|18030)|big5(hkscs)?|euc_(jp|kr)|iso2022_jp|shift_jis"
)


def is_known(name: str) -> bool:
    """By any name that Python has for it."""
    try:
        return bool(_KNOWN.fullmatch(codecs.lookup(name).name))
    except (LookupError, ValueError):
        return False


def unknown(html: bytes, charset: str | None) -> list[str]:
    """What its header (`charset`) and the page itself name, and no browser knows."""
    named = (charset, EncodingDetector.find_declared_encoding(html, is_html=True))
    return [name for name in named if name and not is_known(name)]
