"""PKCS#12 stores: made by openssl, by Java's keytool and by ourselves; which key is taken, what Java reads of ours."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from small_ca import authority, pair

from hypervisors import Secret
from vmmigrate.appliance.tls import pkcs12
from vmmigrate.appliance.tls.keys import Pair, to_pem
from vmmigrate.appliance.tls.pkcs12 import (
    Entry,
    entries,
    is_java_store,
    is_old_way,
    load_pkcs12,
    to_pkcs12,
    write,
)
from vmmigrate.errors import BadKeys

PASSWORD = Secret("djigzo")

# Made by keytool of OpenJDK 17: `-genkeypair` of an RSA key 'first', then of an EC key 'Second'; CN the alias.
FROM_KEYTOOL = base64.b64decode(
    """
    MIIMtQIBAzCCDF8GCSqGSIb3DQEHAaCCDFAEggxMMIIMSDCCBr8GCSqGSIb3DQEHAaCCBrAEggasMIIGqDCCBZEGCyqGSIb3DQEMCgECoIIFQDCC
    BTwwZgYJKoZIhvcNAQUNMFkwOAYJKoZIhvcNAQUMMCsEFNUsnEYysu1oCNtnm5BCPT2APnrBAgInEAIBIDAMBggqhkiG9w0CCQUAMB0GCWCGSAFl
    AwQBKgQQKzqwwv5xxc4bvod1vVuD3ASCBNBL1X2hYHaEhM7EQjZKrZgDR6HZyhFfvI1r/0U5D7nganjDDbH6PgJxWAuY7bJpO6u4yCnLeRBgjDLz
    nQwADnxebdcPbYvp3y7/kBEBI7FSzMA/oSlj6jnI1QgACyiarwexcNIWEoeCOZZUR/PwvWNW8UI6A3U57n4PKufA+Wjy96w83R5N/E7gQFe/m2vR
    /WiTfYc8kamrdbToSiAPx8mCZLLAw5VEEsWlWJIZlU/Wqy5gonJ8aIHo3O5py5Z4C486cKJK2ovZ53404GWsg+xyLw2nq/blmkBaqo0MIcChRZRn
    w+X8dYGzGCKR5DWTON6YNF6d/Mo1BeESz1VQlrNf0JygfqKjNHWoqPLRXoYm+Co6RoNZKH343KcY2CPmYxBjn+8rSaQGBdL+FdnLQ46gDeb0P3pp
    xQou+SQCoYiYfff1YrO2y/BvdxUWJ07PSCmIy0pZ5i8wVh1+tOseKZpG9+pX8qOmUo37Wr5KX5fkxDdyqFw1/PgJhx+YW71H1jWqCT06dqkRw8SU
    zP5UxRxerfRGGRK8bUjPXT3ExE8JWJIkKAAHrRWfDIy8ULK0Plii9TZK4uXRTiT42ZUJE49cleDKs2YY/YK1jwGHsFKySb1NXC1KUH4YlAzLhcm0
    OB5Get+HqcDj627X0lUl+OeTaI69jhue3HYyYYvuDBmeBg8h58YfuZceAc8dMPj5lrKE0HvEghpg7jpD2aB5NAKJjTLXbn+R0BcdvvrSXFwXsvKn
    f2D8+itMk/dbJTrBFpDIBv0VxARpyIqerB5HkhrmhKaJnEmgot3NIiaZfgdCvcIhP7OHLssUrExBNgP0sB4aUQYiGtKdqJSZAzTaD70vwQmVLhNz
    Dr34tvh1ijE4oMExffj7O7YZrTI7v4Lt9Xn50ZLfBky5lnJKzAXXGRE+W3YB9ABOE0qPZtAJNST8ZanCsnbajMVgfvTGOOCQYlsNMoLZ8AVwRsHi
    hIhvuWDzK/Dxww5wJcSxIM9cChZGEa11HwY0pjmFvEHhdQMQPhqjzRkQg7sPLdij+X4jX/tGcbbdzFE19r4IIZWhNDqR9EShcK5YjK0AZHmADHhm
    nafjV4EC911vHUDAZ3KmPPUYpwEigc7y/OubCt4s2N75YWnuUUOB4UMflL0dfCgTKc3Ocp2CZIyw3iIJIHrQvwY7H+U0fL6iVE3+fonFoqvmZyPw
    dGINPOhX5/1/3QrPUhIBuw+CwUhp0Xo1gl0GDsHOIYMyLLYZq6hjWKE5pRqqLEzqDodP/0Rj5gpTw2g+zB7gwk7NkypYTlQ//OKlYyPFk+lSz8T8
    pELM1DxyICwMe+nLW6mkzPfxX8sfU5eJx/W2hvzM+JXQ82zcDzsq59fpp+6SO5UYFByP8bFgT/OgXg7qu9mC/9tH18T0JHrDVC6C8WfdPLn5luKU
    pUJFQcxrfA3t3+ahBVIlLK542+HJgmfgDv4tk3xd6mSVLyHtkyGlJX1deN0er01duOHyIy8GKkIOonqMYq7i94MqTXCyTyMAIU6XcwYYl6c+FTdS
    DUe7cURpfJIblmLqC9lgUdylAuVwuxdD+ESu2Gj4XwtkouH2kSycriXF4yAkF0ad5DR0DKTmpqeYf5HbCkFl4/77txke/lbrhhP59TaVLMU1xjE+
    MBkGCSqGSIb3DQEJFDEMHgoAZgBpAHIAcwB0MCEGCSqGSIb3DQEJFTEUBBJUaW1lIDE3OTUzNTgxNDk1MTQwggEPBgsqhkiG9w0BDAoBAqCBvTCB
    ujBmBgkqhkiG9w0BBQ0wWTA4BgkqhkiG9w0BBQwwKwQUYrJQGGyQyVlQg1IpKgXTNjvlFqUCAicQAgEgMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUD
    BAEqBBDsPdzIVOQ8I/iSAoMLMef0BFDYwDpZGzgSaNP07o9ngTiTeS7riIigvPYgGPzuMhb4iWpskDlK5l+c742rB1ABfgDb1fewamWqtK8tSqST
    7qkB6iSMxl/1oLqtdoglcHZkzDFAMBsGCSqGSIb3DQEJFDEOHgwAcwBlAGMAbwBuAGQwIQYJKoZIhvcNAQkVMRQEElRpbWUgMTc5NTM1ODE1MDE0
    OTCCBYEGCSqGSIb3DQEHBqCCBXIwggVuAgEAMIIFZwYJKoZIhvcNAQcBMGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBTM2ZdcN9P8bXYp
    XXdGB45g400dhAICJxACASAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEX4E4DTIBcoeUPMWs6sBsyAggTwmzS0jvcwqW46hACsIBHIxsnv
    no7+wqIje75uz5uY0+iYgHSYgCjIEQn+38cY8bjmqU2PSHr4aCMh83vV0KZ8oRxfvGj5s/grtYPCV/h8RUJWCCA7gJwKQzwTeD+53Zgb2m0QJc0t
    j+BlCNHUQRtjQMibXW0cEcY4iBpUqYSHTIDtTf2BRjBlqqYboTkuPIu77KKOkOyqj2+Ib7ebl+gDZ/h/yBZ61a5lKl45wpCnlsHq7UCSRQb/52Le
    HJxxUVA6ddGL0WNurisK2IHkIlNDyHVJ3pmfBauUimD0+bUKuvKoNUqjT+Epr66hfWFQQeqvNi61+6/+yqzU8DY7n2DIfMt9XqHKKD40L3x/iVLg
    YEDZNALdqMq8CIzbDDv4ecw+Bxpv1PZ/1DGWN3jju7IlRh37LTj360OpRTkD1CmiN3cktpTqc2AGQWxQSRQyd6L7VbH4Z8wxV3AwX5Y1s/Do0YDl
    YScFu5RgeM7jaxXKsQXx28WSnJ/AVkNZlh+dagyGmq4U+smCQB0h2ov1yUNFQuIYzz8DA64s30eo9M2uVZTbghN9noh+sKKb5ZvbGj1gib8Yix4j
    4igSFDELmxrFji2pfgtRML0+cHwVYDbTwDz+5Of17ThMpAKuHT8ROf7SHsooY6Arjfw2498TVhFoFvzvsw8fCDRjdTKE85O2IpPJYSCyf2yzIIph
    8xgzCnj7EZN5nVUh9nRkHZUowWwt1KqWbHLeuw9Cn21DINHw6+LnAa7N23O8JyVd56pfD+9P4uq/QnNyZ33hwfpmwCdZ3TD2t7/fG/hDHyrK8Acg
    aq4Gj68IsTBIIB3X2DmMt9UIaKoqQaBgELmTGPR8+f5SbUtxDNTkK8YxFU0QUfpfjnRHPZ5mGYqkomeodYWSZO3/Bsa5G6f9Ol2gXc2DBIfOx8uE
    KXcJXr2YDHK+85XG9tn/STQEJOcF10voWSaKEb2KGQBz0knafWK/ZOh0syXqA91KrPBrP8XX5sYerb30Qqy1BFPnWARCoUxyJ7L2+ayLiQ6YL5A6
    ZcAmHVXHaQPyBqKr2chZWkiqha/gB2GrHxYJbN6mCfATfeXBqQTp73b29xJt3xGQzz3FAw+jW6aVqXnJ8LzQuonpcWXz9k7xcX1nk2/2TlF19GQJ
    wcN5v4owWeRYpIkXWtmPk07Ss7S0jal1/P8vlepapPpuCauGeFXrhkz1aMZlXdfJMG6KanjdaQyg82k9K7vK3GdUkH0V+tEwYionQ3IKI1ZbMGlQ
    cUtfkp1Px/t301fQm28Ykeg74dY521j/ybGxk3dQZhC0PTte6M/hpeS4di21BY6e4hTXpyk6d65X3j3QA5wpnMkNHU6Gc1hVhC28d4dqR8XyTNOj
    Y+qy70+XT3ST9oBlOkTb82dfGr1SnFY8OCeLdzNcsc+v+orwMJ0d/tjlqHLYJxeEJfmyawAmFWdr/DEY9Om8gOKCTCfzHAONsUMOhgHMzaDJEZBo
    GNopFcwtkqDB1MynQdjE7lKGAi90BavCD723n+My6SiHGoY9hlwZ46ZBJsuwfCV/hoIvY5SRWukqXnJ1lOlFqqIiRYDpxk4FfJWtOddcxbMKGw26
    mEMnQDjveTu1XcyIH8yPbaLJhA9vSYPCmFn+OlPFhVZq+6YV76k96nR5b1BvCbClTzx0bcj9wwisZhhWIiAJpLCX3g206TBNMDEwDQYJYIZIAWUD
    BAIBBQAEIKNr8C9/qUpDKfZMRoh+YPqwYOwNGeSGtw4IdOln5o57BBSvYLKbqI756nHSeKaE0pP7+sWW1wICJxA=
    """
)
KEYTOOL_PASSWORD = Secret("changeme")

# Made by `openssl pkcs12 -export -legacy` (RC2-40, 3DES, SHA-1) of an RSA key.
LEGACY = base64.b64decode(
    """
    MIIJaAIBAzCCCS4GCSqGSIb3DQEHAaCCCR8EggkbMIIJFzCCA7cGCSqGSIb3DQEHBqCCA6gwggOkAgEAMIIDnQYJKoZIhvcNAQcBMBwGCiqGSIb3
    DQEMAQYwDgQIK32YIELjZasCAggAgIIDcBmZT3mln/NmZ48FDF4BsukUEMDBgHC0AG2UQ5KiGMPiuWyfW2zWHwGNFb1ekXF8LGng/we//Dgm3Q8K
    qYIOvjn+sznRtsFXTKyz2swqTpHy0YX5LnlvuUc2B6gdqnVd1WzWoM+on+5bVcf2+icAl3oGXVZh3q3iMJKW1/VF2Sfgf+ouDSIJbquTR2XVDZPx
    e4095WChJubulL6I0qHJopXvU98T9nsio83BA7aSHQ/qMDaCTXrogIHoymmaQGBEaGd4ZnmCRtP5actdMO6W6QeLzRKfjhG25v1g0m1rCskZoHWc
    eIThfhksx6q3FBSYtJjrpXazLUTAHZKyCxYIc+6YPAjojesEtocg5PQ6wk8n95dHjlW3FLXzQVCfyk/EaR7q1zK3C5BS0dyv659HLKHXcNDMyEcM
    trJSLC5CYqngNbkTCVocMWLxRfwavAmOtkkhiEe9XwK4+S0qQ3efj8MEavBPCFwFDjYirwvzXsdMTBgSfPWl/CnsmzWGC1CR75kdlFW8JKqSUJmi
    q/pMSOqGE2SF4gMIe02QxkoiGXvmLOxJdm5L5Qc+KrY+kRi6TFKHOmI1WF2LW5e+TuKC2waQa7hCUu29OKFnKcqElTQ2Lqay/vVmtP3apMX+qLzm
    JhDcx9/rkbTgDchMZzT8q/qOzVzKqR6z/7JlGZs8trTwaQWorkuKRChOSaFb+ZCMUNagZ0DJimhM+OSVUjcxQHWLA+hVFiXkbFy77jTtnOMlGW2K
    SamdeLssh9thso23lm0UJ6YOJ9YVHDFa80Qh5ZPuwQt3UrpxTxxl5OFPhj3J98CBTu4p0RbBLkVgEKvEr8I5fBvQs8lvfWazYidrXZaa0KOspN05
    7qBWTATcJodoyWizG1NZacax6EtdCcZYlCzaEp5BIbXuhgQWPoKGa6xtulkI2Wc70VYcdEWJlnePIdlBYluThYGWgMultjhM5SqwAHgCRBeJP837
    ZgFS4bvB16J+P8JVNw+tlHuWihdEryecg70J+Jp///JG2ZW1oOsVfB+49IQkVAmavVG1SCXTRe36tdLidSIGzschRH1rC78w3JDxq7hNQIcwHEBf
    7+hcIEL7BZmTQeyv0Uo30JLVAfwYqtY27QWexi5QlkSWz5n5iHZZRQfjczO8NYZbXo4L3zEVR/pPELv404/fy3gwggVYBgkqhkiG9w0BBwGgggVJ
    BIIFRTCCBUEwggU9BgsqhkiG9w0BDAoBAqCCBO4wggTqMBwGCiqGSIb3DQEMAQMwDgQI2R3seYo8QG4CAggABIIEyBITQxSn9iJ4t88RHfmzgFRA
    qxAlB2oJaCFaY6DPsebdyBmC0SpeHaGvJCfzfP69LS1fZZb0qWhX7wdWiZRa60UVWGfdMRuC6WIKa9nD6+y1bT9OfBntMJ4NSQhchtY7p1TkZrKZ
    QZsxprg+wXgQghqyOHeqt6vCDhy5Jw2N4ERH4urC/amM6iwLTmMGUzLN8BzXcw6Z/Hios9ISYLtvYaDqerjREWzASt6TGcZ2zWaTdERkTRUb74vz
    +vz1Cte4Yg49LmQIiXwFXgHFoE91gkjP80SR1lHIGw/sXLNfnokWmd3FG9zxhDZggj8ZAIvWkEyVTcWHSdqPx6DCsp6jVOUiflqB0W9EZq46rmod
    R+J3y2vBhXAOfqA07EmaxbHnMgBkACSafmjHYsXiyFPzo0Du/frFfqb2kC0zjlr1pz2GC+2Zy1jioOkSdCulaRaZuU1dExlEZZUz1CPfO5957D7i
    Fb8CCQ9H+FV0G5Y0ljho3H6F5U8uQ00w7NIAFCd8TWLJogsbEnYZahJzuWJzxwRmWORut75sZ16XTxI7Nrc0mK3W8pC6V3mowjxC4bIvuGMablKK
    W6/ABMnHeeMiPgngzzkSjMoz6lJlrjUEIEFD4Bw8Yz1uuq1rn1k+4OdirJjWWQ+6WcKGLZs0j26YTcbJo/UyiUFz30rlQwBhLdK/2hghoQeWog0c
    OGHykiCAQ+J1rLDZ8o7YF7c1I2HKnROcr2DBsvY8dRCVg1iIUXuzuNgQx+1Ru1S030/SaYAbH9JKna2VBSgcvEbzgDT95Y+0swVXcaVmFBuOhYf9
    1EEP99Zgv7yEj+KxRH/kHEKzXcgrR3RAeZHA4yUGkwJ/j52+vXC4MiMPSIDDMJ1qJTZ4c29VqoghJMy7Ws3/l/M49UXDxNsLWxCJ//SzrnXcPS60
    XndkJOnr/df26cVQD9K3vGbNLS1POI+h8G0T3dKFtaKGAnRveAQJbkmS7pho7alWmWFT9cQp/7Se2sfiIfLROU7TkI69sC4VmzIJiW3o2kQahpbV
    2LW0OskKwmMhmOLatHNeERGAG8TCOg+R4HcyNy24SVwXdZ8zqXy4Cc7n2g+9Dt1YTEcxLKlZd3pAm4K+okLrc1+oYcGTsdvI7ylSd+uuYRwMy2ZG
    wB4rFktg2k+XsbV/vwGp6pug/gHCuAbnlee3mhny9GQSnOCHsJkQvxI0JEbyPi0ApnpTNVquIEIB7G78pZsp9G0NArUcbYkWANffijkZjri5vD0/
    cMzLP3iRQbxVzn9W4mO2z1phZlwq3jxx+1lgpISXif+vC7D0pBX8P6nRGSwYaQntsW7PfbkUj7xBtA7UazuWpdHMjqqSmhvVUeKxPqyciF86/MYX
    bt/9Zf9GTBd2nwbuwkZ0sOUUE+y2SPl2eD09ssuQ/ojjQ4w36lf1V9/dfwyyAZB9IsCwyUjU7QkoZgA4uw9kc1iMZ8kOHEC/VWBuw1+Q/CfqeBvN
    P+gRIib7/0Nt4saUdZHYSdQu07KLTkwm6BGxoCLUr83NL8vqpijvwmKFgg+pEl4YPNzX1dE+lyefrLPl7ubL65MyEkVMfCfV233yuxTRZo0gHjO9
    HnsYCTuyMlGs6PmvJwlGyyrcRjEww+BmWGHf/czFjDE8MBUGCSqGSIb3DQEJFDEIHgYAbwBuAGUwIwYJKoZIhvcNAQkVMRYEFJwU3tfAAI/b0Md5
    d2MG6wiJ4/RnMDEwITAJBgUrDgMCGgUABBREo6b2efIfsRGqS8SCChQIsECwJQQIOODQq26ItpwCAggA
    """
)


def openssl(*argv: str | Path) -> None:
    subprocess.run(["openssl", *argv], check=True, capture_output=True)


@pytest.mark.parametrize(
    "way", [["-legacy"], [], ["-keypbe", "NONE", "-certpbe", "NONE"]], ids=["rc2-3des", "aes", "plain"]
)
def test_what_openssl_wrote_is_read(way: list[str], tmp_path: Path) -> None:
    wanted, store = pair(), tmp_path / "store.p12"
    (tmp_path / "pair.pem").write_bytes(to_pem(wanted))
    openssl(
        "pkcs12", "-export", *way, "-in", tmp_path / "pair.pem", "-name", "gw", "-passout", "pass:djigzo", "-out", store
    )
    (found,) = entries(store.read_bytes(), PASSWORD)
    assert (found.alias, to_pem(found.pair)) == ("gw", to_pem(wanted))
    assert is_old_way(store.read_bytes()) is (way == ["-legacy"])


def test_both_keys_of_a_store_of_java_are_seen_in_its_order() -> None:
    found = entries(FROM_KEYTOOL, KEYTOOL_PASSWORD)
    assert [(each.alias, each.pair.kind) for each in found] == [("first", "RSA"), ("second", "ECDSA")]
    assert [each.pair.leaf.subject.rfc4514_string() for each in found] == ["CN=first", "CN=second"]


def test_server_xml_names_the_key_in_any_case_else_the_first_is_taken() -> None:
    assert load_pkcs12(FROM_KEYTOOL, KEYTOOL_PASSWORD, "Second").kind == "ECDSA"
    assert load_pkcs12(FROM_KEYTOOL, KEYTOOL_PASSWORD, None).kind == "RSA"
    with pytest.raises(BadKeys, match="names the alias 'third', the store has 'first', 'second'"):
        load_pkcs12(FROM_KEYTOOL, KEYTOOL_PASSWORD, "third")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_is_written_is_read_again(count: int) -> None:
    middle = authority()[0]
    content = [Entry(f"gw{number}", pair(issuer=middle)) for number in range(count)]
    found = entries(write(content, PASSWORD), PASSWORD)
    assert [(each.alias, to_pem(each.pair)) for each in found] == [(e.alias, to_pem(e.pair)) for e in content]


def test_a_store_in_the_old_way_stays_in_it() -> None:
    old = write([Entry("a", pair()), Entry("b", pair())], PASSWORD, like=b"")
    assert not is_old_way(old)
    first = to_pkcs12(pair(), PASSWORD, "gw", like=LEGACY)
    assert is_old_way(first)
    assert is_old_way(write([Entry("a", pair()), Entry("b", pair(kind="RSA"))], PASSWORD, like=first))


@pytest.mark.parametrize("data", [b"", b"no store", to_pkcs12(pair(), Secret("another"), "x")])
def test_what_is_no_store_or_has_another_password_is_refused(data: bytes) -> None:
    with pytest.raises(BadKeys, match="does not open"):
        entries(data, PASSWORD)


def test_a_store_that_java_alone_reads_is_known_by_its_first_bytes() -> None:
    assert is_java_store(bytes.fromhex("feedfeed00000002"))
    assert is_java_store(bytes.fromhex("cececece00000002"))
    assert not is_java_store(FROM_KEYTOOL)


@pytest.mark.skipif(not shutil.which("keytool"), reason="needs Java's keytool")
@pytest.mark.slow
@pytest.mark.parametrize("like", ["", "old"])
def test_java_reads_what_is_written(like: str, tmp_path: Path) -> None:
    content = [Entry("one", pair()), Entry("two", pair(kind="RSA"))]
    (tmp_path / "store.p12").write_bytes(write(content, PASSWORD, like=LEGACY if like else b""))
    listing = ["keytool", "-list", "-keystore", tmp_path / "store.p12", "-storepass", PASSWORD.reveal()]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.replace(":", "").lower()
    assert "2 entries" in listed
    assert [entry.pair.fingerprint in listed for entry in content] == [True, True]


def rc4_store(folder: Path, one: Pair) -> bytes:
    """Cryptography opens it; asn1crypto does not know how its key is shut."""
    (folder / "in").write_bytes(to_pem(one))
    ways = ["-legacy", "-keypbe", "RC4", "-certpbe", "PBE-SHA1-RC4-128"]
    argv = ["openssl", "pkcs12", "-export", *ways, "-in", "in", "-out", "store", "-passout", "pass:djigzo"]
    subprocess.run(argv, check=True, cwd=folder)
    return (folder / "store").read_bytes()


def test_an_old_encryption_of_one_key_is_read(tmp_path: Path) -> None:
    one = pair(kind="RSA")
    assert [each.pair.leaf for each in entries(rc4_store(tmp_path, one), PASSWORD)] == [one.leaf]


def test_an_old_encryption_of_several_keys_is_refused_in_words(tmp_path: Path) -> None:
    both = pkcs12._merged([rc4_store(tmp_path, pair(kind="RSA"))] * 2, PASSWORD, "sha1")
    with pytest.raises(BadKeys, match="cannot be used: Unknown key encryption algorithm"):
        entries(both, PASSWORD)


def by_keytool(path: Path, *words: str) -> bytes:
    """A store of ours to which Java added something."""
    if not shutil.which("keytool"):
        pytest.skip("needs a Java")
    path.write_bytes(write([Entry("gw", pair())], Secret("six-letters")))
    made = ["keytool", *words, "-alias", "more", "-keystore", str(path), "-storepass", "six-letters"]
    subprocess.run(made, check=True, capture_output=True)
    return path.read_bytes()


@pytest.mark.slow
def test_a_secret_key_that_a_new_store_would_lose_is_named(tmp_path: Path) -> None:
    data = by_keytool(tmp_path / "s.p12", "-genseckey", "-keyalg", "AES", "-keysize", "128")
    assert pkcs12.others(data, Secret("six-letters")) == ("more",)


def test_a_password_that_java_takes_for_no_store_is_refused() -> None:
    """Seen with Java 17: `Password is not ASCII`, whatever the encryption."""
    with pytest.raises(BadKeys, match="Java opens none"):
        write([Entry("gw", pair())], Secret("p\u00e4ssword"))


@pytest.mark.slow
def test_a_certificate_that_cannot_be_read_is_not_called_a_wrong_password(tmp_path: Path) -> None:
    data = by_keytool(tmp_path / "s.p12", "-genkeypair", "-keyalg", "DSA", "-keysize", "1024", "-dname", "CN=x")
    with pytest.raises(BadKeys, match="or holds a certificate or key that cannot be read here"):
        entries(data, Secret("six-letters"))
    with pytest.raises(BadKeys, match="names another password"):
        entries(data, Secret("another"))
