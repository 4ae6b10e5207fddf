"""Amounts that a user class declares by its parameters: `ms`, `n * ms`, `ceil(n / limit) * ms`."""

import ast
from collections.abc import Mapping
from fractions import Fraction
from math import ceil


def amount(text: str, params: Mapping[str, object]) -> float:
    """Return the value of products and quotients of parameters, whole numbers and `ceil(…)`.

    Raises:
        ValueError: something else stands there, a name is no parameter with a number, it divides by zero, or is negative.
    """
    try:
        value = float(_value(ast.parse(text.strip(), mode="eval").body, params))
    except (SyntaxError, ArithmeticError) as error:
        raise ValueError(f"has no value ({error})") from None
    if value < 0:
        raise ValueError(f"is {value:g}, which is negative")
    return value


def _value(node: ast.expr, params: Mapping[str, object]) -> Fraction:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _value(left, params) * _value(right, params)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _value(left, params) / _value(right, params)
        case ast.Call(func=ast.Name(id="ceil"), args=[inner], keywords=[]):
            return Fraction(ceil(_value(inner, params)))
        case ast.Constant(value=int(number)):
            return Fraction(number)
        case ast.Name(id=name):
            numbers = {name: value for name, value in params.items() if isinstance(value, int)}
            if name in numbers:
                return Fraction(numbers[name])
            known = ", ".join(numbers) or "none"
            raise ValueError(f"names {name!r}, which is no parameter with a number; there are: {known}")
    raise ValueError(f"has {ast.unparse(node)!r}; it may have parameters, whole numbers, `*`, `/` and `ceil(…)`")
