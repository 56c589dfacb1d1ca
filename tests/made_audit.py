"""An audit that nobody ran: one row of each verdict, and text that must stay text."""

from harness.model.audit import Finding, RowVerdict

EVIL = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\"'&"

ROWS = (
    RowVerdict(
        "server",
        "Is the server set up for production?",
        "pass",
        (
            Finding("workers-sized", "pass", "2 workers on 2 CPUs.", {"workers": 2, "cpus": 2}),
            Finding("forwarded-headers", "not_applicable", "Nothing shows it.", advice="audit.declared.proxy"),
        ),
    ),
    RowVerdict(
        "logging",
        "Are the logs structured?",
        "fail",
        (
            Finding("structured", "pass", "All lines are JSON."),
            Finding("no-secrets", "fail", "A line holds canary in query.", {"line": EVIL}, "Log the path alone."),
        ),
    ),
    RowVerdict(
        "migrations",
        "Are migrations run once?",
        "inconclusive",
        (Finding("way-back", "inconclusive", "The command did not end."),),
    ),
    # An essential check was not measured: inconclusive, although none of its checks is.
    RowVerdict(
        "authentication",
        "Are bad tokens refused?",
        "inconclusive",
        (
            Finding("no-token-refused", "pass", "401."),
            Finding("forged-token-refused", "not_applicable", "No key is declared.", advice="audit.tokens"),
        ),
    ),
    RowVerdict(
        "testing",
        "Is it tried before it is deployed?",
        "not_applicable",
        (Finding("ci", "declared", f"They say so. {EVIL}"),),
    ),
)
FACTS = {"kind": "audit", "target": "app:app", "command": ["shakedown", "audit", "--row=logging"], "python": "3.11"}
