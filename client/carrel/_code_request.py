"""Requests of reviewed code: from the first vote to what is released."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from carrel._code_values import CodeResult
from carrel._display import printable
from carrel._errors import InvalidInput, InvalidTransition, OutputHeld, OutputWithheld, WaitTimeout
from carrel._made import made
from carrel._paths import quoted
from carrel._progress import ProgressLine
from carrel._request import Request, RequestData
from carrel._waiting import poll
from carrel_protocol.api import code as wire
from carrel_protocol.api.requests import OutputState, RunState
from carrel_protocol.code import CodeContent, FunctionEntry, Reach

if TYPE_CHECKING:
    from carrel._code import Program

_PAUSE = 2.0
"""Seconds between looks at an output that waits for a person."""


class CodeRequest(Request):
    """One request to run code. Attributes are as of the last call to the site; `refresh()` asks
    again. Votes, comments, `withdraw()` and `cancel()` are those of every request."""

    @property
    def status(self) -> str:
        """Where it is: its own state until it is approved, then queued or running, then
        "under review" until people have decided on its output: "released" or "withheld"."""
        run = self.run
        if run is None:
            return self.state
        if run.state != RunState.SUCCEEDED:
            return run.state
        match self._output().state:
            case OutputState.RELEASED:
                return "released"
            case OutputState.WITHHELD:
                return "withheld"
            case _:
                return "under review"

    @property
    def files(self) -> dict[str, str]:
        """The program: each file's text by its path."""
        return {file.path: file.text for file in self._code.files}

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self._code.parameters)

    @property
    def line_comments(self) -> tuple[wire.LineComment, ...]:
        """What was said about lines of it; read now."""
        return self._review().comments

    @property
    def review(self) -> wire.Review:
        """What a reviewer is shown beside the program: findings, the earlier version that was
        approved, the run on made-up rows; read now."""
        return self._review()

    def comment_line(self, path: str, line: int, text: str) -> wire.LineComment:
        """Write about one line of it, for everybody who can read the request."""
        body = made(
            wire.LineCommentCreate,
            content_hash=self.content_hash,
            path=path,
            line=line,
            text=text,
        )
        return self._site._http.write("POST", f"{self._path}/line_comments", body, wire.LineComment)

    def wait(  # type: ignore[override]
        self, timeout: float | None = None, *, progress: bool | None = None
    ) -> CodeResult:
        """What is released, waiting at most `timeout` seconds (None: as long as people take).

        Raises what `Request.wait` does, `OutputWithheld` with the reviewer's reason, and
        `WaitTimeout` when the time is over.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with ProgressLine(progress) as line:
            self._until_run(until, line)._until_done(until, line)
            if self.run is not None and self.run.state != RunState.SUCCEEDED:
                raise self.run._ended_without_answer()

            def ask(_seconds: float) -> bool:
                line.show("waiting for a reviewer of the output")
                if self._output().state in (OutputState.RELEASED, OutputState.WITHHELD):
                    return True
                left = _PAUSE if until is None else until - time.monotonic()
                time.sleep(max(0.0, min(_PAUSE, left)))
                return False

            def too_late() -> Exception:
                return self._about(
                    WaitTimeout(
                        f"The output of request {self.id} is still under review.",
                        advice="It stays there; wait again later.",
                    )
                )

            poll(ask, until, line, too_late)
        return self.result()

    def result(self) -> CodeResult:
        """What was released. Raises `OutputHeld` while people look at it, and `OutputWithheld`
        with their reason."""
        run = self.run or self.refresh().run
        if run is None:
            self._raise_if_stopped()
            raise InvalidTransition(
                f"Request {self.id} is {self.state}: it has not run yet.",
                advice="wait() waits for it.",
            )
        if run.refresh().state != RunState.SUCCEEDED:
            raise run._ended_without_answer()
        output = self._output()
        match output.state:
            case OutputState.RELEASED:
                return CodeResult(self, output.items, self._item)
            case OutputState.WITHHELD:
                reason = printable(output.reason) or "no reason was given."
                raise self._about(
                    OutputWithheld(f"The output of request {self.id} was withheld: {reason}")
                )
        raise self._about(OutputHeld(f"The output of request {self.id} is under review."))

    def edit(  # type: ignore[override]
        self,
        program: Program | None = None,
        *,
        purpose: str | None = None,
        reach: Reach | None = None,
        **parameters: Any,
    ) -> CodeRequest:
        """Put another program in its place after changes were requested, or other parameters, or
        another purpose. It is submitted again, its thread stays, and earlier votes end.

        program: a decorated function or a script; its data are those of the request. Raises
        `ContentChanged` if it was changed since you read it.
        """
        fields: dict[str, Any] = {"purpose": purpose, "reach": reach}
        if program is not None:
            asked = program._fields(parameters)
            del asked["data"]
            fields |= asked | {"mock_run_id": program._mock_of(asked)}
        elif parameters:
            fields["parameters"] = {**self.parameters, **parameters}
        body = made(wire.CodeRequestEdit, **fields)
        path = f"code_requests/{quoted(self.id)}"
        data = self._site._http.write("PATCH", path, body, RequestData, etag=self.data.etag)
        self._take(data)
        return self

    def queue(self) -> NoReturn:
        raise InvalidInput("Reviewed code costs no budget: it runs once people have approved it.")

    @property
    def _code(self) -> CodeContent:
        content = self.data.content
        if not isinstance(content, CodeContent):
            raise InvalidInput(f"Request {self.id} asks for no code.")
        return content

    def _review(self) -> wire.Review:
        return self._site._http.get(f"{self._path}/code_review", wire.Review)

    def _output(self) -> wire.CodeResult:
        assert self.run is not None
        return self._site._http.get(f"runs/{self.run.id}/result", wire.CodeResult)

    def _item(self, name: str) -> bytes:
        assert self.run is not None
        return self._site._http.content(f"runs/{self.run.id}/items/{quoted(name)}")

    def _rows(self) -> list[tuple[str, object]]:
        rows = super()._rows()
        if not isinstance(self.data.content, CodeContent):
            return rows
        code = self.data.content
        entry = code.entry
        begins = f", {entry.name}()" if isinstance(entry, FunctionEntry) else ""
        rows += [
            ("runs", f"{entry.path}{begins}"),
            ("on", ", ".join(one.alias for one in code.data)),
            ("with", ", ".join(f"{k}={v!r}" for k, v in code.parameters.items())),
            ("environment", code.environment.name),
        ]
        return rows + [(path, text) for path, text in self.files.items()]
