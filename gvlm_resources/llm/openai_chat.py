"""A client for any server that speaks the OpenAI chat API: vLLM, SGLang, llama.cpp, `transformers serve`, a hosted one.

The address is the user's own setting, so a server on this machine or in the local network is fine here; addresses that
come with videos or questions never reach this module. It must be http or https, without a user name or password in it,
and not a link-local address, where cloud machines keep their credentials.

The key is given as an argument, sent in the header, and kept nowhere else: it is cut out of every message and reply,
also where it is written with the escapes of JSON. Errors carry no cause of the client's own, which would show it.
"""

from __future__ import annotations

import base64
import ipaddress
import random
import re
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import openai
from pydantic import BaseModel, SecretStr, ValidationError

from gvlm_resources.errors import ServerError, SettingsError
from gvlm_resources.llm.protocol import (
    TEMPERATURE,
    ChatReply,
    ChatRequest,
    EmptyReplyError,
    RefusedError,
    RetryWaits,
    TooLongError,
)

MAX_RETRIES = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0  # a server that asks for more is not waited for
CONNECT_TIMEOUT_S = 10.0
SHOWN_CHARS = 300
SECRET_CHARS = 12  # a shorter key is no secret
NO_KEY = "none"  # what servers without keys are sent: the API has no way to send nothing
Section = Literal["reasoning", "server"]
# What servers say of one request that is too long. "max_tokens is too large" alone is wrong with every request.
_TOO_LONG_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "request_too_large", "string_above_max_length"}
)
_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum (?:model|prompt|input|sequence) length|prompt is too long"
    r"|input is too long|request (?:entity )?(?:is )?too large|request exceeds the maximum size"
    r"|too many (?:input |prompt )?tokens(?! per)|reduce the length|token count .{0,40}exceeds the maximum",
    re.IGNORECASE,
)
_TOO_LARGE_FOR_A_MINUTE = re.compile(r"request too large", re.IGNORECASE)  # 429, and no pause would help


@dataclass(frozen=True, slots=True)
class _SettingNames:
    """What the settings behind a client are called, for what an error says to do."""

    base_url: str
    model: str
    timeout_s: str
    max_frames: str
    max_tokens: str
    shrink: str  # what makes a prompt shorter
    without: str  # how to do without a server


_SETTINGS: dict[Section, _SettingNames] = {
    "reasoning": _SettingNames(
        base_url="reasoning.base_url",
        model="reasoning.model",
        timeout_s="reasoning.timeout_s",
        max_frames="reasoning.max_frames",
        max_tokens="reasoning.max_tokens",
        shrink="reasoning.max_frames, reasoning.top_k or reasoning.max_tokens",
        without="`core: extractive` needs none",
    ),
    "server": _SettingNames(
        base_url="server.base_url",
        model="synthesis.model",
        timeout_s="server.timeout_s",
        max_frames="synthesis.max_frames",
        max_tokens="synthesis.max_tokens",
        shrink="synthesis.max_rows, synthesis.max_frames, synthesis.window_s or synthesis.max_tokens",
        without="`writers: [templates]` in `synthesis` needs none",
    ),
}


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0

    @property
    def written_tokens(self) -> int:
        """Some servers count a model's thoughts, which are paid for, in the total alone."""
        return max(self.completion_tokens, self.total_tokens - self.prompt_tokens)


class _Completion(BaseModel):
    """The part of a reply that is needed. Servers differ in the rest, which is not looked at."""

    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class _Dialect:
    """What this server takes. Learnt from its refusals, so that it is refused once and not with every question."""

    schema: bool = True
    tokens_field: str = "max_tokens"
    temperature: bool = True
    seed: bool = True


class _Alone:
    """Waits of a client that nobody shares a pace with."""

    def before_retry(self, pause_s: float, *, for_all: bool) -> None:
        time.sleep(pause_s)


class OpenAIChat:
    """One model of one server. Safe to use from several threads."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: SecretStr | None = None,
        timeout_s: float = 120.0,
        section: Section = "reasoning",
        waits: RetryWaits | None = None,
    ) -> None:
        """`section` is the part of the settings that errors point at; `waits` is told of every pause.

        Raises SettingsError for an address or a key that cannot be used; the server is not asked yet.
        """
        self._names = _SETTINGS[section]
        parts = checked_url(base_url, self._names.base_url)
        self._base_url, self._model, self._timeout_s = base_url, model, timeout_s
        self._waits = waits or _Alone()
        self._key = api_key if api_key is not None and api_key.get_secret_value() else None
        self._said_back = _spellings(self._key.get_secret_value()) if self._key else None
        self._dialect = _Dialect()
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=self._key.get_secret_value() if self._key else NO_KEY,
            max_retries=0,  # the client would also repeat what timed out, to a server that is still busy with it
            default_headers={"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()},
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,  # the key goes to the address that the user wrote
                trust_env=not _is_loopback(parts.hostname or ""),  # no proxy for a server on this machine
                timeout=openai.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
            ),
        )
        self.name = f"{model}@{parts.netloc}"

    def __repr__(self) -> str:
        return f"OpenAIChat({self._base_url!r}, {self._model!r})"

    def chat(self, request: ChatRequest) -> ChatReply:
        """The model's reply. 429 and 5xx are tried again, at the pace that the server asks for.

        Raises ServerError, with what to do about it, where the server cannot be reached, refuses, does not answer in
        time, or answers with nothing that can be used.
        """
        started = time.perf_counter()
        raw, requests = self._send(request)
        completion = self._completion(raw)
        choice = completion.choices[0]
        usage = completion.usage or _Usage()
        reply = ChatReply(
            text=self._without_key((choice.message.content or "").strip()),
            model=self._without_key(completion.model) or self._model,
            is_cut=choice.finish_reason == "length",
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.written_tokens,
            latency_ms=(time.perf_counter() - started) * 1000,
            requests=requests,
            used_schema=request.schema is not None and self._dialect.schema,
            finish=self._without_key(choice.finish_reason or ""),
        )
        self._check_finish(choice, reply)
        return reply

    # ---------------------------------------------------------------------------------------- sending

    def _send(self, request: ChatRequest) -> tuple[str, int]:
        """The body of the reply, and how many requests it took."""
        requests = retries = 0
        started = time.perf_counter()
        while True:
            requests += 1
            body = _body(request, self._model, self._dialect)
            try:
                return self._client.chat.completions.with_raw_response.create(**body).http_response.text, requests
            except openai.APIStatusError as error:
                if _is_too_long(error):
                    raise self._too_long(error, requests) from None
                learnt = _learn(self._dialect, error, body)
                if learnt is not None:
                    self._dialect = learnt
                    self._waits.before_retry(0.0, for_all=False)
                    continue
                pause_s = _pause_s(error, retries)
                if pause_s is None or retries >= MAX_RETRIES:
                    raise self._refused(error, requests, (time.perf_counter() - started) * 1000) from None
                retries += 1
                self._waits.before_retry(pause_s, for_all=_is_for_all(error))
            except openai.APITimeoutError:
                raise ServerError(
                    f"{self._base_url} did not answer within {self._timeout_s:g} s",
                    remedy=f"raise {self._names.timeout_s}, send fewer frames ({self._names.max_frames}) or use a "
                    "smaller model",
                ) from None
            except openai.APIConnectionError as error:
                raise ServerError(
                    f"{self._base_url} cannot be reached ({self._plain(str(error.__cause__ or error))})",
                    remedy=f"start the server, or set {self._names.base_url} to its address; {self._names.without}",
                ) from None

    def _too_long(self, error: openai.APIStatusError, requests: int) -> TooLongError:
        return TooLongError(
            f"the prompt was too long for {self._model} (status {error.status_code}: {self._plain(error.message)})",
            remedy=f"lower {self._names.shrink}, or give the server a longer context",
            requests=requests,
        )

    def _refused(self, error: openai.APIStatusError, requests: int, latency_ms: float) -> ServerError:
        status, said = error.status_code, self._plain(error.message)
        where = f"{self._base_url} answered {status}"
        if status == 400 and error.code == "content_filter":
            reply = ChatReply(said, self._model, False, 0, 0, latency_ms, requests, False, "content_filter")
            return self._refusal(said, reply)
        if status in (401, 403):
            given = "the key it was given" if self._key else "a request without a key"
            return ServerError(
                f"{where}: it refuses {given} ({said})", remedy="set OPENAI_API_KEY to a key of that server"
            )
        if status == 404:
            return ServerError(
                f"{where}: it has no model {self._model!r}, or no chat API there ({said})", remedy=self._models()
            )
        if status == 429:
            return ServerError(f"{where} to {requests} requests ({said})", remedy=f"ask again later{_wait(error)}")
        if status >= 500:
            return ServerError(
                f"{where} to {requests} requests ({said})",
                remedy=f"look at the server's log, then ask again{_wait(error)}",
            )
        if 300 <= status < 400:
            return ServerError(
                f"{where}: it redirects to another address",
                remedy=f"set {self._names.base_url} to the final address, with /v1",
            )
        frames = self._names.max_frames
        remedy = f"see whether the model takes images ({frames}: 0 sends none) and enough tokens of context"
        return ServerError(f"{where} ({said})", remedy=remedy)

    def _models(self) -> str:
        """What to do about a model that is not there: the names that are."""
        try:
            names = [self._plain(model.id) for model in self._client.models.list().data[:8]]
        except (openai.OpenAIError, ValueError, TypeError, AttributeError):
            names = []
        known = f"one of {', '.join(names)}" if names else "a model that the server has"
        return f"set {self._names.model} to {known}, and {self._names.base_url} to an address that ends in /v1"

    # ---------------------------------------------------------------------------------------- reading

    def _completion(self, raw: str) -> _Completion:
        try:
            completion = _Completion.model_validate_json(raw)
        except ValidationError:
            raise self._malformed(raw) from None
        if not completion.choices:
            raise self._malformed(raw)
        return completion

    def _malformed(self, raw: str) -> ServerError:
        return ServerError(
            f"{self._base_url} answered with something that is no chat completion: {self._plain(raw) or 'nothing'}",
            remedy=f"set {self._names.base_url} to the server's OpenAI-compatible address, which ends in /v1",
        )

    def _check_finish(self, choice: _Choice, reply: ChatReply) -> None:
        if choice.message.refusal or choice.finish_reason == "content_filter":
            said = self._without_key(choice.message.refusal or "") or reply.text
            finish = "refusal" if choice.message.refusal else "content_filter"
            raise self._refusal(self._plain(said), replace(reply, text=said, finish=finish))
        if not reply.text:
            reason = f"finish_reason {reply.finish or None}"
            remedy = f"raise {self._names.max_tokens}" if reply.is_cut else "ask again, or use another model"
            raise EmptyReplyError(f"{self._model} answered with nothing ({reason})", remedy=remedy, reply=reply)

    def _refusal(self, said: str, reply: ChatReply) -> RefusedError:
        return RefusedError(
            f"{self._model} refused to answer: {said}", remedy="ask in other words, or use another model", reply=reply
        )

    def _plain(self, text: str) -> str:
        """A server's words, short and on one line, without the key."""
        if self._said_back is not None:
            text = self._said_back.sub("***", text)
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}..."

    def _without_key(self, said: str) -> str:
        """A server may say the key back in a reply, and replies are stored.

        What servers without keys are given as one, such as "x" or "EMPTY", is a word that replies may hold.
        """
        if self._key is None or self._said_back is None or len(self._key.get_secret_value()) < SECRET_CHARS:
            return said
        return self._said_back.sub("***", said)


def _spellings(key: str) -> re.Pattern[str]:
    """The key as it may stand in a text: as it is, or with any of its characters escaped as in JSON, JSON in JSON too.

    Raises SettingsError for a key that no header can carry: the client's error would show it.
    """
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise SettingsError(
            "OPENAI_API_KEY holds a space, a line break or another character that no request can carry",
            remedy="set it to the key alone",
        )
    first = rf"(?:{re.escape(key[0])}|\\u(?i:{ord(key[0]):04x}))"
    rest = [rf"(?:\\*{re.escape(c)}|\\+u(?i:{ord(c):04x}))" for c in key[1:]]
    return re.compile(first + "".join(rest))


def checked_url(base_url: str, setting: str = "reasoning.base_url") -> SplitResult:
    """The parts of an address that can be used. Raises SettingsError, naming the `setting`, otherwise.

    The address stands in messages, so it may hold nothing that can be a secret; one that is refused is not shown.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_url(setting, "is no address") from None
    if "?" in base_url or "#" in base_url:
        raise _bad_url(setting, "carries a query or a fragment (what follows `?` or `#`), where keys do not belong")
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url(setting, "is no http or https address")
    if parts.username is not None or parts.password is not None:
        raise _bad_url(setting, "carries a user name or password")
    try:
        is_link_local = ipaddress.ip_address(host).is_link_local
    except ValueError:
        is_link_local = False  # a name
    if is_link_local:
        raise _bad_url(setting, f"{host} is a link-local address")
    return parts


def _bad_url(setting: str, cause: str) -> SettingsError:
    return SettingsError(
        f"{setting} {cause}", remedy="write it as http://127.0.0.1:8000/v1, with the key in OPENAI_API_KEY"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the server takes requests like this one, and this one is too long."""
    if error.status_code == 429:
        return _TOO_LARGE_FOR_A_MINUTE.search(error.message) is not None
    if error.status_code not in (400, 413, 422):
        return False
    named = {str(error.code), str(error.type)}
    return error.status_code == 413 or bool(named & _TOO_LONG_CODES) or _TOO_LONG.search(error.message) is not None


def _body(request: ChatRequest, model: str, dialect: _Dialect) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": request.user}]
    for image in request.images:
        uri = f"data:image/jpeg;base64,{base64.b64encode(image.jpeg).decode()}"
        content += [{"type": "text", "text": image.caption}, {"type": "image_url", "image_url": {"url": uri}}]
    messages = [
        {"role": "system", "content": request.system},
        {"role": "user", "content": content if request.images else request.user},
    ]
    body: dict[str, Any] = {"model": model, "messages": messages, dialect.tokens_field: request.max_tokens}
    if dialect.temperature:
        body["temperature"] = TEMPERATURE
    if dialect.seed and request.seed is not None:
        body["seed"] = request.seed
    if dialect.schema and request.schema is not None:
        schema = {"name": request.schema_name, "strict": True, "schema": dict(request.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def _learn(dialect: _Dialect, error: openai.APIStatusError, body: dict[str, Any]) -> _Dialect | None:
    """The dialect to try next, where the server refused a parameter that can be done without."""
    if error.status_code not in (400, 422):
        return None
    said = f"{error.message} {error.param or ''}".lower()
    if "max_completion_tokens" in said and "max_tokens" in body:
        return replace(dialect, tokens_field="max_completion_tokens")
    if "temperature" in said and "temperature" in body:
        return replace(dialect, temperature=False)
    if "seed" in said and "seed" in body:
        return replace(dialect, seed=False)
    if "response_format" in body and any(
        word in said for word in ("response_format", "json_schema", "guided", "grammar", "schema")
    ):
        return replace(dialect, schema=False)
    return None


def _pause_s(error: openai.APIStatusError, retries: int) -> float | None:
    """How long to wait before the next try; None where there shall be none."""
    if error.status_code != 429 and error.status_code < 500:
        return None
    asked = _retry_after_s(error)
    if asked is not None:
        return asked if asked <= LONGEST_PAUSE_S else None
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**retries) * random.uniform(0.75, 1.25)


def _is_for_all(error: openai.APIStatusError) -> bool:
    """Whether the pause is meant for everybody who asks this server, and not for this one request."""
    return error.status_code == 429 or _retry_after_s(error) is not None


def _retry_after_s(error: openai.APIStatusError) -> float | None:
    """`Retry-After` in seconds, given as seconds or as a date; None where it is absent or unreadable."""
    given = error.response.headers.get("retry-after", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        seconds = _until(given)
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


def _until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return None


def _wait(error: openai.APIStatusError) -> str:
    seconds = _retry_after_s(error)
    return f": it asks to wait {seconds:.0f} s" if seconds else ""
