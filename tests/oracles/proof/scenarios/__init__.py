"""What the functions are asked to do: for each, what lies ready, the events, and what counts as done."""


class Scenario:
    """One function's scenario.

    `before(clients, names)` lays things ready, each time anew; `events(clients, names)` gives the events;
    `done(answers)` gets the answers and returns whether all was done. `names` maps logical to physical ids.
    """

    def __init__(self, events, done, before=None):
        self.events, self.done = events, done
        self.before = before or (lambda clients, names: None)


def http(method, path, body="", headers=None):
    """An event of an HTTP API, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example.com", "content-type": "application/json", **(headers or {})},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x"},
            "requestId": "1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795305600000,
        },
        "body": body,
        "isBase64Encoded": False,
    }
