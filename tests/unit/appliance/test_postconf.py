"""Values of main.cf come out as `postconf -hx` of Postfix 3.7 printed them; each line was asked of the real one."""

import pytest
from scripted_gateway import Gateway

from vmmigrate.appliance.postconf import expanded, is_yes
from vmmigrate.errors import ApplianceError

VALUES = {"relay_domains": "", "mydestination": "$relay_domains", "myhostname": "x", "relayhost": ""}
PRINTED = {
    "${myhostname?/e/a.pem}": "/e/a.pem",
    "${relayhost:/e/b.pem}": "/e/b.pem",
    "${relayhost?{/e/c.pem}:{/e/d.pem}}": "/e/d.pem",
    "${{$myhostname} == {x} ? {/e/f.pem} : {/e/g.pem}}": "/e/f.pem",
    "${mydestination?yes}|": "yes|",  # set, although to what is empty
    "${mydestination:no}|": "|",
    "${myhostname?{a}:b}|": "a|",
    "${myhostname ? {a} : {b}}|": "a|",
    "$$myhostname|": "$myhostname|",
    "a$$-b": "a$-b",
    "$(myhostname)x$myhostname.y": "xxx.y",
    "${{10}<{9}?{lt}:{ge}}": "ge",
    "${{10}<{9a}?{lt}:{ge}}": "lt",
    "${{a}!={b}?{x}}": "x",
    "${{a}=={b}?{x}}|": "|",
    "${myhostname?$mydestination/${myhostname}q}": "/xq",
    "${{a}=={a}?x:y}|": "x:y|",
    "${{$myhostname}=={x}}|": "true|",
    "${{$myhostname}=={y}}|": "|",
    "$unknown_name|": "|",
    "${myhostname?a:b}|": "a:b|",
    "$(myhostname?q)|": "q|",
    "${{}=={}?{e}}": "e",
    "${myhostname?{}:{b}}|": "|",
    "${ myhostname }|": "x|",
    "${{ x }=={x}?{t}:{f}}|": "f|",
    "${relayhost:{a}}|": "a|",
    "${{2}<={10}?{t}:{f}}": "t",
    "${{02}=={2}?{t}:{f}}": "t",
    "${relayhost?{a}:${myhostname}}|": "x|",
    "${{$mydestination}=={}?{t}:{f}}": "t",
}
# Since 3.6, from postconf(5) and compat_level.c: levels of up to three numbers.
LEVELS = {
    "${{3.10} >level {3.9} ? {t} : {f}}": "t",
    "${{$compatibility_level} <level {3.6} ? {t} : {f}}": "t",
    "${{3}==level{3.0.0}?{t}:{f}}": "t",
    "${{3.6.1}<=level{3.6}?{t}:{f}}": "f",
    "${{3.6}!=level {3.6.0}?{t}:{f}}": "f",
    "${{ 10}>=level{9}?{t}:{f}}": "t",
}


@pytest.mark.parametrize("value", LEVELS)
def test_levels_are_compared_number_by_number(value: str) -> None:
    assert expanded(Gateway(), {**VALUES, "compatibility_level": "3"}, value) == LEVELS[value]


@pytest.mark.parametrize("value", PRINTED)
def test_a_value_is_what_postconf_prints(value: str) -> None:
    assert expanded(Gateway(), VALUES, value) == PRINTED[value]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${myhostname?{a}", "a bracket that is not closed"),
        ("${{a} ~ {b} ? {c}}", "a comparison that is not understood"),
        ("${{a} <size {b} ? {c}}", "a comparison that is not understood"),
        ("${{3.x} <level {3.6} ? {c}}", "a compatibility level that is not understood"),
        ("${{3.6} <level {} ? {c}}", "a compatibility level that is not understood"),
        ("${{3.1024} <level {3.6} ? {c}}", "a compatibility level that is not understood"),
        ("${myhostname!x}", "a condition that is not understood"),
        ("$loop", "refer to themselves"),
    ],
)
def test_a_value_that_postfix_refuses_is_refused_with_its_text(value: str, words: str) -> None:
    with pytest.raises(ApplianceError, match=words) as refused:
        expanded(Gateway(), {**VALUES, "loop": "${loop}x"}, value)
    assert value in str(refused.value)


def test_yes_is_yes_in_any_case() -> None:
    assert [is_yes(word) for word in ("yes", "YES", " Yes ", "no", "", "true")] == [True, True, True, *[False] * 3]
