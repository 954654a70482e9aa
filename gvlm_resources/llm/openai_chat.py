"""A client for any server that speaks the OpenAI chat API: vLLM, SGLang, llama.cpp, `transformers serve`, a hosted one.

The address is the user's own setting, so a server on this machine or in the local network is fine here; addresses that
come with videos or questions never reach this module. It must be http or https, without a user name or password in it,
and not a link-local address, where cloud machines keep their credentials.

The key is given as an argument, sent in the header, and kept nowhere else: it is cut out of every message.
"""

from __future__ import annotations

import base64
import ipaddress
import random
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import openai
from pydantic import BaseModel, SecretStr, ValidationError

from gvlm_resources.errors import ServerError, SettingsError
from gvlm_resources.llm.protocol import ChatReply, ChatRequest

MAX_RETRIES = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0  # a server that asks for more is not waited for
CONNECT_TIMEOUT_S = 10.0
SHOWN_CHARS = 300
NO_KEY = "none"  # what servers without keys are sent: the API has no way to send nothing


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


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


class OpenAIChat:
    """One model of one server. Safe to use from several threads."""

    def __init__(
        self, base_url: str, model: str, *, api_key: SecretStr | None = None, timeout_s: float = 120.0
    ) -> None:
        """Raises SettingsError for an address that cannot be used; the server is not asked yet."""
        parts = checked_url(base_url)
        self._base_url, self._model, self._timeout_s = base_url, model, timeout_s
        self._key = api_key if api_key is not None and api_key.get_secret_value() else None
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
        text = (choice.message.content or "").strip()
        self._check_finish(choice, text)
        usage = completion.usage or _Usage()
        return ChatReply(
            text=text,
            model=completion.model or self._model,
            is_cut=choice.finish_reason == "length",
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            latency_ms=(time.perf_counter() - started) * 1000,
            requests=requests,
            used_schema=request.schema is not None and self._dialect.schema,
        )

    # ---------------------------------------------------------------------------------------- sending

    def _send(self, request: ChatRequest) -> tuple[str, int]:
        """The body of the reply, and how many requests it took."""
        requests = retries = 0
        while True:
            requests += 1
            body = _body(request, self._model, self._dialect)
            try:
                return self._client.chat.completions.with_raw_response.create(**body).http_response.text, requests
            except openai.APIStatusError as error:
                learnt = _learn(self._dialect, error, body)
                if learnt is not None:
                    self._dialect = learnt
                    continue
                pause_s = _pause_s(error, retries)
                if pause_s is None or retries >= MAX_RETRIES:
                    raise self._refused(error, requests) from error
                retries += 1
                time.sleep(pause_s)
            except openai.APITimeoutError as error:
                raise ServerError(
                    f"{self._base_url} did not answer within {self._timeout_s:g} s",
                    remedy="raise reasoning.timeout_s, send fewer frames (reasoning.max_frames) or use a smaller model",
                ) from error
            except openai.APIConnectionError as error:
                raise ServerError(
                    f"{self._base_url} cannot be reached ({self._plain(str(error.__cause__ or error))})",
                    remedy="start the server, or set reasoning.base_url to its address; `core: extractive` needs none",
                ) from error

    def _refused(self, error: openai.APIStatusError, requests: int) -> ServerError:
        status, said = error.status_code, self._plain(error.message)
        where = f"{self._base_url} answered {status}"
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
                f"{where} to {requests} requests ({said})", remedy="look at the server's log, then ask again"
            )
        if 300 <= status < 400:
            return ServerError(
                f"{where}: it redirects to another address",
                remedy="set reasoning.base_url to the final address, with /v1",
            )
        remedy = "see whether the model takes images (reasoning.max_frames: 0 sends none) and enough tokens of context"
        return ServerError(f"{where} ({said})", remedy=remedy)

    def _models(self) -> str:
        """What to do about a model that is not there: the names that are."""
        try:
            names = [model.id for model in self._client.models.list().data[:8]]
        except (openai.OpenAIError, ValueError, TypeError, AttributeError):
            names = []
        known = f"one of {', '.join(names)}" if names else "a model that the server has"
        return f"set reasoning.model to {known}, and reasoning.base_url to an address that ends in /v1"

    # ---------------------------------------------------------------------------------------- reading

    def _completion(self, raw: str) -> _Completion:
        try:
            completion = _Completion.model_validate_json(raw)
        except ValidationError as error:
            raise self._malformed(raw) from error
        if not completion.choices:
            raise self._malformed(raw)
        return completion

    def _malformed(self, raw: str) -> ServerError:
        return ServerError(
            f"{self._base_url} answered with something that is no chat completion: {self._plain(raw) or 'nothing'}",
            remedy="set reasoning.base_url to the server's OpenAI-compatible address, which ends in /v1",
        )

    def _check_finish(self, choice: _Choice, text: str) -> None:
        if choice.message.refusal or choice.finish_reason == "content_filter":
            said = self._plain(choice.message.refusal or text)
            raise ServerError(
                f"{self._model} refused to answer: {said}", remedy="ask in other words, or use another model"
            )
        if not text:
            reason = f"finish_reason {choice.finish_reason}"
            remedy = (
                "raise reasoning.max_tokens" if choice.finish_reason == "length" else "ask again, or use another model"
            )
            raise ServerError(f"{self._model} answered with nothing ({reason})", remedy=remedy)

    def _plain(self, text: str) -> str:
        """A server's words, short and on one line, without the key."""
        if self._key is not None:
            text = text.replace(self._key.get_secret_value(), "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS]}..."


def checked_url(base_url: str) -> SplitResult:
    """The parts of an address that can be used. Raises SettingsError otherwise."""
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
    except ValueError as error:
        raise _bad_url("is no address") from error
    if parts.scheme not in ("http", "https") or not host:
        raise _bad_url(f"{base_url[:100]!r} is no http or https address")
    if parts.username is not None or parts.password is not None:
        raise _bad_url("carries a user name or password")
    try:
        is_link_local = ipaddress.ip_address(host).is_link_local
    except ValueError:
        is_link_local = False  # a name
    if is_link_local:
        raise _bad_url(f"{host} is a link-local address")
    return parts


def _bad_url(cause: str) -> SettingsError:
    return SettingsError(
        f"reasoning.base_url {cause}", remedy="write it as http://127.0.0.1:8000/v1, with the key in OPENAI_API_KEY"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
        body["temperature"] = 0.0
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
