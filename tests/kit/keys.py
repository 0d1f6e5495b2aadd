"""What a terminal sends for keys and the mouse."""

_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}
_LETTER = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H"}
_NUMBER = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6}
_FUNCTION = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_FUNCTION_NUMBER = dict(zip((f"f{n}" for n in range(5, 13)), (15, 17, 18, 19, 20, 21, 23, 24), strict=True))
_PLAIN = {"enter": "\r", "tab": "\t", "space": " ", "backspace": "\x7f", "shift+tab": "\x1b[Z"}


def key(name: str, *, application: bool = False, kitty: bool = False) -> str:
    """What is sent for a key.

    Args:
        name: A character, or a name as Textual writes it: ``down``, ``pageup``, ``shift+tab``, ``ctrl+home``, ``f1``.
        application: Whether the program asked for application cursor keys.
        kitty: Whether the program asked for the kitty keyboard protocol, in which escape is unambiguous.

    Raises:
        KeyError: There is no such key.
    """
    if len(name) == 1:
        return name
    if name in _PLAIN:
        return _PLAIN[name]
    if name == "escape":
        return "\x1b[27u" if kitty else "\x1b"
    *modifiers, base = name.split("+")
    modifier = 1 + sum(_MODIFIERS[word] for word in modifiers)
    if len(base) == 1 and modifiers == ["ctrl"]:
        return chr(ord(base.upper()) & 0x1F)
    parameter = f";{modifier}" if modifiers else ""
    if (letter := _LETTER.get(base) or _FUNCTION.get(base)) is not None:
        if parameter:
            return f"\x1b[1{parameter}{letter}"
        return f"\x1bO{letter}" if application or base in _FUNCTION else f"\x1b[{letter}"
    return f"\x1b[{(_NUMBER | _FUNCTION_NUMBER)[base]}{parameter}~"


def mouse(button: int, x: int, y: int, *, release: bool = False) -> str:
    """A mouse event in the SGR form.

    Args:
        button: 0 left, 1 middle, 2 right, 35 moved, 64 wheel up, 65 wheel down.
        x: Column, from 0.
        y: Row, from 0.
        release: Whether the button goes up.
    """
    return f"\x1b[<{button};{x + 1};{y + 1}{'m' if release else 'M'}"
