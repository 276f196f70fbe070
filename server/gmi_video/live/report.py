"""The report of a live check: differences and observations, free of the account's data.

It shows field names, types and the vendor's own sentences. The key, ids, mail addresses and the query strings of URLs
(which may hold signatures) are redacted; payloads are never added to it.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from pydantic_core import to_json

from gmi_video.text import one_line, quote_untrusted
from gmi_video.upstream.wire import UUID, fields_of, items_of

_PERSONAL = {"org_id", "user_id", "request_id"}
_KEY = re.compile(r"eyJ[\w.-]+")
# Both go over a text once: a URL is taken also where it has no query, a mail address begins where no other one could.
_QUERY = re.compile(r"(https?://[^\s?#\"'<>]++)([?#][^\s\"'<>]*+)?")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(\.[\w-]+)+")


def code(name: object, limit: int = 60) -> str:
    """A name of the vendor's as Markdown code, in which nothing acts."""
    inner = one_line(name, limit).replace("`", "'")
    return f"`{inner}`"


@dataclass
class Report:
    """What a check found.

    `key` is the API key, which is redacted. `differences` counts pairs of a subject (a call, say) and what differs.
    `observations` holds what was seen of each open question.
    """

    key: str = field(default="", repr=False)
    differences: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    observations: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _personal: set[str] = field(default_factory=set[str], repr=False)

    def add_difference(self, subject: str, what: str) -> None:
        """Add a difference from what is expected, or count it again."""
        self.differences[subject, what] += 1

    def add_observation(self, question: str, what: str) -> None:
        """Add an observation to a question, once. The report lists questions in the order of their first one."""
        lines = self.observations.setdefault(question, [])
        if what not in lines:
            lines.append(what)

    def remember_personal(self, body: object) -> None:
        """Collect the account's and the requests' ids in a response body, for `redact`."""
        for name, value in fields_of(body).items():
            if name in _PERSONAL and isinstance(value, str) and value:
                self._personal.add(value)
            self.remember_personal(value)
        for item in items_of(body):
            self.remember_personal(item)

    def redact(self, text: str) -> str:
        """`text` without the key, ids, mail addresses and the query strings of URLs."""
        for secret in sorted({self.key, *self._personal} - {""}, key=len, reverse=True):
            text = text.replace(secret, "[redacted]")
        text = _QUERY.sub(lambda found: found[1] + ("?[redacted]" if found[2] else ""), _KEY.sub("[key]", text))
        return _MAIL.sub("[mail]", UUID.sub("[id]", text))

    def quote(self, value: object, limit: int = 300) -> str:
        """A value of the vendor's, redacted and in quotation marks; at most `limit` characters."""
        text = value if isinstance(value, str) else to_json(value, serialize_unknown=True).decode()
        # In this order: `redact` would not recognize a secret that was cut short, as one at the end of the text may be.
        return quote_untrusted(self.redact(text), limit)

    def markdown(self, head: list[str]) -> str:
        """The report as Markdown. `head` are the lines of its opening list: version, time, host."""
        lines = ["# The live queue, compared with what gmi-video-mcp expects", ""]
        lines += [f"- {line}" for line in head]
        lines += ["", f"## Differences: {len(self.differences) or 'none'}", ""]
        for (subject, what), times in self.differences.items():
            lines.append(f"- **{subject}**: {what}" + (f" ({times} times)" if times > 1 else ""))
        lines += ["", "## Observed", "", "| | |", "|---|---|"]
        for question, answers in self.observations.items():
            lines.append(f"| {question} | {'; '.join(answers).replace('|', '/')} |")
        return "\n".join(self.redact(line) for line in lines) + "\n"
