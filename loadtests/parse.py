"""Quick CPU work: the text of a chat message chunk, reached in three ways."""

from client import FastUser


class Parse(FastUser):
    """Posts a chunk of a chat message: text, an image, something unknown."""

    abstract = True
    body = {
        "content": [
            {"type": "text", "text": "Async pays "},
            {"type": "image", "url": "https://example.org/a.png"},
            "no object",
            {"type": "text", "text": "when requests wait."},
        ]
    }

    def check(self, body):
        return body == {"text": "Async pays when requests wait."}


class Plain(Parse):
    """Has the parser called directly."""

    path = "/parse/plain"


class Coroutine(Parse):
    """Has the parser awaited as a coroutine."""

    path = "/parse/coroutine"


class Threadpool(Parse):
    """Has the parser run on the framework's thread pool."""

    path = "/parse/threadpool"
