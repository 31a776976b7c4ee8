"""Problems: every answer that is no answer, as RFC 9457 has it.

Enters: a fault. Leaves: ``application/problem+json``. Always holds: the text tells what to do, and neither a
subscriber nor how the server is made.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from rating.api.threads import BusyError, TooSlowError
from rating.billing.shown import NoSuchBillError
from rating.explain import NoSuchEventError
from rating.lake import LakeError

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

MEDIA: Final = "application/problem+json"


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field(default="about:blank", description="the kind of problem; the status says it")
    title: str = Field(description="the status in words")
    status: int
    detail: str = Field(default="", description="what was wrong with this request, and what to do")
    faults: list[str] = Field(default=[], description="of status 422: each parameter at fault, and why")


class ProblemResponse(JSONResponse):
    """A problem of ``status``."""

    media_type = MEDIA

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> None:  # noqa: ANN401 - JSON
        problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, **more)
        super().__init__(problem.model_dump(), status, {"Cache-Control": "no-store", **(headers or {})})


_AGAIN: Final = {"Retry-After": "1"}
_KNOWN: Final[dict[type[Exception], tuple[int, str, dict[str, str]]]] = {
    BusyError: (503, "too many such questions at once: ask again later", _AGAIN),
    TooSlowError: (504, "the answer took too long: ask for less", {}),
    LakeError: (503, "the lake cannot be read now: ask again later", _AGAIN),
    NoSuchEventError: (404, "no such event", {}),
    NoSuchBillError: (404, "no such bill", {}),
}


def tell_problems(app: FastAPI) -> None:
    """Answer the faults of ``app``'s routes as problems."""
    for kind in (RequestValidationError, HTTPException, *_KNOWN):
        app.add_exception_handler(kind, _answer)


async def _answer(_: Request, fault: Exception) -> ProblemResponse:
    if isinstance(fault, RequestValidationError):
        faults = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in fault.errors()]
        return ProblemResponse(422, "the parameters are not as expected", faults=faults)
    if isinstance(fault, HTTPException):
        return ProblemResponse(fault.status_code, str(fault.detail), dict(fault.headers or {}))
    status, detail, headers = next(told for kind, told in _KNOWN.items() if isinstance(fault, kind))
    return ProblemResponse(status, detail, headers)
