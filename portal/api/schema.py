"""What the description of the API says of every operation: the refusals that all of them share."""

from typing import Any

#: Status, what it means, and whether an operation can answer so.
NOT_LOGGED_IN, NOT_ALLOWED = ("401", "Nobody is logged in."), ("403", "The person's role does not include this.")
NOT_THERE = ("404", "There is no such thing, or it belongs to a patient of another care team.")
NOT_UNDERSTOOD = ("400", "The request cannot be used; the sentence says why.")
OVERTAKEN = ("409", "It is no longer possible, or not yet; the sentence says why.")
OTHER_FORMAT = ("415", "The body is in a format that this operation does not read.")
REFUSAL = {
    "type": "object",
    "description": "`detail` is one sentence; where fields of the body are wrong, sentences by field.",
    "additionalProperties": {},
}
METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def add_refusals(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook of drf-spectacular; what an operation says itself stays."""
    result["components"].setdefault("schemas", {})["Refusal"] = REFUSAL
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                for status, text in _refusals(path, method, operation):
                    operation["responses"].setdefault(status, _response(text))
    return result


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[tuple[str, str]]:
    refusals = [NOT_LOGGED_IN, NOT_ALLOWED]
    if "{" in path:
        refusals.append(NOT_THERE)
    if "requestBody" in operation or any(one["in"] == "query" for one in operation.get("parameters", [])):
        refusals.append(NOT_UNDERSTOOD)
    if method != "get":
        refusals += [OVERTAKEN, OTHER_FORMAT, NOT_UNDERSTOOD]
    return refusals


def _response(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
