"""Reading a file; `ms` simulates a slow (networked) file system."""

from lean import LeanUser


class Read(LeanUser):
    """Has a file of `kb` kilobytes read and summed up."""

    abstract = True
    params = {"kb": 64, "ms": 0}

    def check(self, body):
        return body["size"] == self.params["kb"] * 1024 and len(body["crc32"]) == 8 and int(body["crc32"], 16) > 0


class Blocking(Read):
    """Read where the request is handled."""

    path = "/file/blocking"


class Thread(Read):
    """Read on a thread."""

    path = "/file/thread"


class Async(Read):
    """Read through an asynchronous file library."""

    path = "/file/async"
