"""The stand-in's multipart reader: any split of the stream gives the same form, and little is held."""

import io
import random

import pytest

from fixtures.appliance.multipart import BadForm, Body, read_form

KIND = "multipart/form-data; boundary=xyz"
FILE = b"\r\n--xy\r\n--xyy\r\n" + bytes(range(256)) * 50 + b"\r\n"
BODY = (
    b'--xyz\r\nContent-Disposition: form-data; name="t:formdata"\r\n\r\na+b/c==\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="up"; filename="b.tar.gz"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" + FILE + b"\r\n"
    b'--xyz\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n--xyz--\r\n'
)


class Dribble(io.BytesIO):
    """Gives as few bytes at a time as a network may."""

    def __init__(self, data: bytes, seed: int) -> None:
        super().__init__(data)
        self._random = random.Random(seed)  # noqa: S311 -- a test that can be repeated

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, self._random.randint(1, 40)))


@pytest.mark.parametrize("seed", range(20))
def test_the_split_of_the_stream_makes_no_difference(seed: int) -> None:
    sink = io.BytesIO()
    form = read_form(Body(Dribble(BODY, seed), len(BODY)), KIND, sink)
    assert form.fields == {"t:formdata": "a+b/c==", "empty": ""}
    assert form.files == {"up": "b.tar.gz"}
    assert sink.getvalue() == FILE


def test_a_large_file_arrives_in_pieces() -> None:
    class Measure:
        largest = total = 0

        def write(self, data: bytes, /) -> None:
            self.largest, self.total = max(self.largest, len(data)), self.total + len(data)

    head, tail = BODY.split(FILE)
    body = head + bytes(8 << 20) + tail
    sink = Measure()
    read_form(Body(io.BytesIO(body), len(body)), KIND, sink)
    assert sink.total == 8 << 20
    assert sink.largest <= 1 << 20


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (BODY[:-40], KIND, "ended early"),
        (BODY, "application/x-www-form-urlencoded", "not multipart"),
        (b"--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--\r\n", KIND, "no name"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, kind: str, words: str) -> None:
    with pytest.raises(BadForm, match=words):
        read_form(Body(io.BytesIO(body), len(body)), kind, io.BytesIO())
