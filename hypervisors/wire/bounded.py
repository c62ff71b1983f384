"""An HTTP answer within bounds: its head has a size, and each of its chunks has one."""

from http.client import HTTPException, HTTPResponse

from hypervisors.limits import HTTP_HEAD

_LARGEST = HTTP_HEAD.most


class HttpAnswer(HTTPResponse):
    """The standard library takes 100 headers of 64 KiB, and reads to the end of the connection for a chunk of -1."""

    def begin(self) -> None:
        super().begin()
        if sum(len(name) + len(value) for name, value in self.headers.items()) > _LARGEST:
            raise HTTPException(f"a head of more than {_LARGEST >> 10} KiB")

    def _read_next_chunk_size(self) -> int:
        """ValueError is what its caller takes for a length that is none."""
        size = int(super()._read_next_chunk_size())  # type: ignore[misc]
        if size < 0:
            raise ValueError(f"a chunk of {size} bytes")
        return size
