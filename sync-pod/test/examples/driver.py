"""Runs the example client for a test: a command a line on standard input, an answer a line on standard output."""
import json
import sys

sys.path.insert(0, sys.argv[1])
from etherply_client import Client

client = Client(*sys.argv[2:])
print('"connected"', flush=True)
for line in sys.stdin:
    match json.loads(line):
        case ["set", key, value]:
            try:
                client.set(key, value)
                answer = "acked"
            except ValueError as refused:
                answer = str(refused)
        case ["until", key, value]:
            while client.state.get(key) != value:
                client.receive()
            answer = "seen"
        case ["settled"]:
            try:
                while True:
                    client.receive(0.3)
            except TimeoutError:
                answer = client.state
    print(json.dumps(answer), flush=True)
