"""Vietnamese or English: what the reader prefers (`Accept-Language`), and texts in it."""

from typing import Any, Literal

Language = Literal["vi", "en"]

VARY = "Accept-Language"
_ENGLISH = "_en"
_SPOKEN: dict[str, Language] = {"vi": "vi", "en": "en"}
_LONGEST = 500


def preferred(accepted: str | None) -> Language:
    """Return the language that an `Accept-Language` value prefers; Vietnamese unless it is English.

    RFC 9110 12.5.4 with RFC 4647's lookup: `en-GB` is English, `*` is whatever we would take.
    """
    best: tuple[float, Language] = (0.0, "vi")
    for part in (accepted or "")[:_LONGEST].split(","):
        name, _, weight = part.partition(";")
        spoken = _SPOKEN.get(name.strip().partition("-")[0].lower())
        if spoken is not None and _weight(weight) > best[0]:
            best = (_weight(weight), spoken)
    return best[1]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(float(value), 1.0) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0


def spoken_in(language: Language, value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return JSON whose texts are in this language, at any depth.

    Texts come in pairs, `title` (Vietnamese) and `title_en`. For a reader of English `title` is
    the English one and `title_vi` is added, so that nothing is lost either way.
    """
    if language == "vi":
        return value
    match value:
        case list():
            return [spoken_in(language, item) for item in value]  # pyright: ignore[reportUnknownVariableType] (JSON)
        case dict():
            return _in_english(value)  # pyright: ignore[reportUnknownArgumentType] (JSON)
        case _:
            return value


def _in_english(members: dict[str, Any]) -> dict[str, Any]:
    made = {name: spoken_in("en", inner) for name, inner in members.items()}
    for name in [name for name in made if name + _ENGLISH in made]:
        made[f"{name}_vi"], made[name] = made[name], made[name + _ENGLISH]
    return made
