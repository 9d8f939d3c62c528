"""A small EtherPly client to learn from (Python 3.10 or later); docs/protocol.md gives the reasons. It leaves out:
transactions, deleting, timestamps, presence, token renewal, showing writes before their ack, and threads."""
import contextlib, json, random, sys, time, urllib.parse, uuid
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

def pause(error: Exception, failures: int) -> float:
    """Seconds until the next attempt to connect. Raises the error where that would end in the same way."""
    closed, answer = getattr(error, "rcvd", None), getattr(error, "response", None)  # a close frame, or HTTP
    if closed and closed.code in (1009, 4400, 4401, 4403, 4410) or answer and answer.status_code < 500: raise error
    asked = json.loads(closed.reason)["retry_after_ms"] if closed and closed.reason.startswith("{") else 0
    return max(asked / 1000, random.uniform(0, 0.25 * 2 ** min(failures, 7)))

class Client:
    def __init__(self, url: str, workspace: str, token: str) -> None:
        self.state: dict[str, object] = {}  # what the server has confirmed
        self._heads: list[str] = []  # which state that is
        self._op = ""  # the op without an answer: one at a time, so that each answer is about that one
        self._url = f"{url}/v1/sync/{urllib.parse.quote(workspace, safe='')}?presence=0&heads="
        self._protocols = ["etherply.v1", token]  # the token is no part of the URL, because URLs are logged
        self._connect()

    def set(self, key: str, value: object) -> None:
        """Returns when the write is durable. Raises ValueError where the server refuses it."""
        self._op = json.dumps({"type": "op", "id": uuid.uuid4().hex, "payload": {"key": key, "value": value}})
        with contextlib.suppress(ConnectionClosed): self._socket.send(self._op)  # receive() finds out, too
        while self._op: self.receive()

    def receive(self, timeout: float | None = None) -> None:  # TimeoutError: no frame came in so many seconds
        try: self._take(json.loads(self._socket.recv(timeout)))
        except ConnectionClosed as error: self._connect(error)

    def _connect(self, error: Exception | None = None) -> None:
        for failures in range(sys.maxsize):
            if error: time.sleep(pause(error, failures))
            try:
                self._socket = connect(self._url + ",".join(self._heads), subprotocols=self._protocols, max_size=None)
                self._take(json.loads(self._socket.recv(10)))
                return self._socket.send(self._op) if self._op else None  # again, the same text with the same id
            except (OSError, WebSocketException) as failure: error = failure

    def _take(self, frame: dict) -> None:
        match frame:
            case {"type": "init"}: self.state, ops = frame["data"], []
            case {"type": "delta", "ops": ops} | {"type": "ops", "payload": ops}: pass
            case {"type": "ack"}: ops = [json.loads(self._op)["payload"]]  # its place among the ops of others
            case {"type": "reject"}: ops = [frame]  # what the key holds instead
            case {"type": "error", "code": "too_fast" | "unavailable"}: return self._socket.close()  # and try again
            case _: ops = []
        for op in ops:
            if op.get("deleted"): self.state.pop(op["key"], None)
            else: self.state[op["key"]] = op["value"]
        self._heads = frame.get("heads", self._heads)
        if frame["type"] in ("ack", "reject", "error"): self._op = ""
        if frame["type"] in ("reject", "error"): raise ValueError(frame["code"])

if __name__ == "__main__":
    client = Client(*sys.argv[1:4])
    for write in sys.argv[4:]: client.set(*write.split("=", 1))
    print(json.dumps(client.state, sort_keys=True))
